#include "xmpp/xml/element.h"

#include <algorithm>
#include <bit>
#include <cassert>
#include <cstring>
#include <functional>
#include <limits>

namespace rookery::xml {

using detail::Node;
using detail::NodeKind;
using detail::Slice;
using detail::Tape;

namespace {

constexpr std::string_view xml_ns = "http://www.w3.org/XML/1998/namespace";
constexpr std::string_view white_space = " \t\r\n";
// What an ElementBuilder keeps allocated between two elements; beyond it the element takes the buffers along.
constexpr std::size_t kept_text_bytes = 16'384;
constexpr std::size_t kept_nodes = 512;
constexpr std::size_t first_text_bytes = 1'024;
constexpr std::size_t first_nodes = 32;
constexpr std::size_t usual_nodes = 4;  // of an element made by the server: a few attributes
// While an ElementBuilder reads from a source: the slice is not of it but of the tape's own text.
constexpr std::uint32_t own = 1u << 31;

std::string_view text_at(const Tape& tape, std::uint32_t at, std::uint32_t size) {
    return {tape.text.data() + at, size};
}

Slice append(Tape& tape, std::string_view text) {
    assert(tape.text.size() + text.size() <= std::numeric_limits<std::uint32_t>::max());
    const auto at = static_cast<std::uint32_t>(tape.text.size());
    tape.text.append(text);
    return {at, static_cast<std::uint32_t>(text.size())};
}

template <class Many>
std::uint32_t size_of(const Many& many) {
    return static_cast<std::uint32_t>(many.size());
}

Node element_node(std::uint16_t interned, std::uint32_t index) {
    Node node{};
    node.kind = NodeKind::element;
    node.name = interned;
    node.end = index + 1;
    return node;
}

std::string_view ns_of(const Tape& tape, const Node& node) {
    return node.name ? Name::from_id(node.name).ns() : text_at(tape, node.ns_at, node.ns_size);
}
std::string_view local_of(const Tape& tape, const Node& node) {
    return node.name ? Name::from_id(node.name).local() : text_at(tape, node.name_at, node.name_size);
}
std::string_view value_of(const Tape& tape, const Node& node) { return text_at(tape, node.value_at, node.value_size); }
std::string_view run_of(const Tape& tape, const Node& node) { return text_at(tape, node.name_at, node.name_size); }

Node attribute_node(Slice ns, Slice name, Slice value, std::uint32_t index) {
    Node node{};
    node.kind = NodeKind::attribute;
    node.end = index + 1;
    node.ns_at = ns.at;
    node.ns_size = ns.size;
    node.name_at = name.at;
    node.name_size = name.size;
    node.value_at = value.at;
    node.value_size = value.size;
    return node;
}

Node attribute_node(Tape& tape, std::string_view name, std::string_view value, std::uint32_t index) {
    const Slice name_slice = append(tape, name);
    return attribute_node({}, name_slice, append(tape, value), index);
}

Node text_node(Slice text, std::uint32_t index) {
    Node node{};
    node.kind = NodeKind::text;
    node.end = index + 1;
    node.name_at = text.at;
    node.name_size = text.size;
    return node;
}

void name_by_strings(Node& element, Slice ns, Slice local) {
    element.ns_at = ns.at;
    element.ns_size = ns.size;
    element.name_at = local.at;
    element.name_size = local.size;
}

// Index of the first node of an element's content.
std::uint32_t content_of(const Tape& tape, std::uint32_t index) {
    const auto end = tape.nodes[index].end;
    auto at = index + 1;
    while (at < end && tape.nodes[at].kind == NodeKind::attribute) ++at;
    return at;
}

std::uint32_t next_element(const Tape& tape, std::uint32_t at, std::uint32_t end) {
    while (at < end && tape.nodes[at].kind != NodeKind::element) ++at;
    return at;
}

// Index of an element's plain attribute, or where it belongs when it is not there.
std::uint32_t find_attribute(const Tape& tape, std::uint32_t index, std::string_view name, bool& found) {
    const auto end = tape.nodes[index].end;
    auto at = index + 1;
    for (; at < end && tape.nodes[at].kind == NodeKind::attribute; ++at) {
        const auto& node = tape.nodes[at];
        found = node.ns_size == 0 && text_at(tape, node.name_at, node.name_size) == name;
        if (found) return at;
    }
    found = false;
    return at;
}

// Copies a run of nodes from one tape to another. Namespaces that were one slice stay one slice when they come
// in a row, so that a copy is never much larger than what it copies.
class Copier {
public:
    Copier(Tape& to, const Tape& from) : to_(to), from_(from) {}

    void copy(std::uint32_t first, std::uint32_t end) {
        reserve(first, end);
        const auto base = size_of(to_.nodes);
        for (auto at = first; at < end; ++at) {
            auto node = from_.nodes[at];
            node.end = node.end - first + base;
            if (node.kind == NodeKind::element && node.name == 0) move_ns(node);
            if (node.kind == NodeKind::attribute) move(node.ns_at, node.ns_size);
            if (node.name == 0) move(node.name_at, node.name_size);
            if (node.kind == NodeKind::attribute) move(node.value_at, node.value_size);
            to_.nodes.push_back(node);
        }
    }

private:
    void reserve(std::uint32_t first, std::uint32_t end) {
        std::size_t bytes = 0;
        for (auto at = first; at < end; ++at) {
            const auto& node = from_.nodes[at];
            bytes += node.name_size + node.value_size + (node.kind == NodeKind::attribute ? node.ns_size : 0);
        }
        grow(to_.text, to_.text.size() + bytes);
        grow(to_.nodes, to_.nodes.size() + (end - first));
    }

    // Keeps growth geometric: reserve() alone would make appending many small children quadratic.
    template <class Container>
    static void grow(Container& container, std::size_t size) {
        if (size > container.capacity()) {
            container.reserve(container.empty() ? size : std::max(size, container.capacity() * 2));
        }
    }

    void move(std::uint32_t& at, std::uint32_t size) { at = append(to_, text_at(from_, at, size)).at; }

    void move_ns(Node& node) {
        if (node.ns_at != ns_from_ || node.ns_size != ns_size_) {
            ns_from_ = node.ns_at;
            ns_size_ = node.ns_size;
            ns_to_ = append(to_, text_at(from_, node.ns_at, node.ns_size)).at;
        }
        node.ns_at = ns_to_;
    }

    Tape& to_;
    const Tape& from_;
    std::uint32_t ns_from_ = std::numeric_limits<std::uint32_t>::max();
    std::uint32_t ns_size_ = 0;
    std::uint32_t ns_to_ = 0;
};

// Walks an element as a parser would report it: text in a row is one piece, however many nodes hold it.
class Walker {
public:
    enum class Step { open, attribute, text, close, done };

    Walker(const Tape& tape, std::uint32_t index) : tape_(tape), at_(index), end_(tape.nodes[index].end) {}

    Step next() {
        if (!open_.empty() && open_.back() == at_) {
            open_.pop_back();
            return Step::close;
        }
        if (at_ == end_) return Step::done;
        node_ = &tape_.nodes[at_++];
        if (node_->kind == NodeKind::attribute) return Step::attribute;
        if (node_->kind == NodeKind::text) return read_text();
        open_.push_back(node_->end);
        return Step::open;
    }

    const Tape& tape() const { return tape_; }
    const Node& node() const { return *node_; }        // of the last open or attribute
    const std::string& text() const { return text_; }  // of the last text

private:
    Step read_text() {
        text_ = run_of(tape_, *node_);
        while (at_ != open_.back() && tape_.nodes[at_].kind == NodeKind::text)
            text_ += run_of(tape_, tape_.nodes[at_++]);
        return Step::text;
    }

    const Tape& tape_;
    std::uint32_t at_;
    std::uint32_t end_;
    const Node* node_ = nullptr;
    std::vector<std::uint32_t> open_;  // where the open elements end
    std::string text_;
};

bool same_name(const Walker& a, const Walker& b) {
    return ns_of(a.tape(), a.node()) == ns_of(b.tape(), b.node()) &&
           local_of(a.tape(), a.node()) == local_of(b.tape(), b.node());
}

bool same_step(Walker::Step step, const Walker& a, const Walker& b) {
    switch (step) {
        case Walker::Step::open:
            return same_name(a, b);
        case Walker::Step::attribute:
            return same_name(a, b) && value_of(a.tape(), a.node()) == value_of(b.tape(), b.node());
        case Walker::Step::text:
            return a.text() == b.text();
        case Walker::Step::close:
        case Walker::Step::done:
            return true;
    }
    return false;
}

}  // namespace

// ---- View

std::uint16_t View::name_id() const { return tape_ ? node().name : std::uint16_t{0}; }
bool View::is(Name name) const { return tape_ && node().name == name.id(); }
bool View::is(std::string_view ns_wanted, std::string_view local_wanted) const {
    return tape_ && local() == local_wanted && ns() == ns_wanted;
}
std::string_view View::ns() const { return tape_ ? ns_of(*tape_, node()) : std::string_view(); }
std::string_view View::local() const { return tape_ ? local_of(*tape_, node()) : std::string_view(); }

std::optional<std::string_view> View::attr(std::string_view name) const {
    if (!tape_) return std::nullopt;
    bool found = false;
    const auto at = find_attribute(*tape_, index_, name, found);
    if (!found) return std::nullopt;
    return value_of(*tape_, tape_->nodes[at]);
}

std::string_view View::attr_or(std::string_view name, std::string_view otherwise) const {
    return attr(name).value_or(otherwise);
}

std::vector<Attribute> View::attributes() const {
    std::vector<Attribute> result;
    if (!tape_) return result;
    const auto content = content_of(*tape_, index_);
    for (auto at = index_ + 1; at < content; ++at) {
        const auto& attribute = tape_->nodes[at];
        result.push_back({text_at(*tape_, attribute.ns_at, attribute.ns_size),
                          text_at(*tape_, attribute.name_at, attribute.name_size), value_of(*tape_, attribute)});
    }
    return result;
}

std::string View::text() const {
    std::string result;
    if (!tape_) return result;
    for (auto at = content_of(*tape_, index_); at < node().end; at = tape_->nodes[at].end) {
        if (tape_->nodes[at].kind == NodeKind::text) result.append(run_of(*tape_, tape_->nodes[at]));
    }
    return result;
}

bool View::has_text() const {
    if (!tape_) return false;
    for (auto at = content_of(*tape_, index_); at < node().end; at = tape_->nodes[at].end) {
        const auto& child = tape_->nodes[at];
        if (child.kind == NodeKind::text &&
            run_of(*tape_, child).find_first_not_of(white_space) != std::string_view::npos) {
            return true;
        }
    }
    return false;
}

View::Children View::children() const { return Children(*this); }

// On every message's way, several times: attributes and text have no interned name, so they need no look of their own.
View View::child(Name name) const {
    if (!tape_) return {};
    const Node* nodes = tape_->nodes.data();
    for (std::uint32_t at = index_ + 1, end = nodes[index_].end; at < end; at = nodes[at].end) {
        if (nodes[at].name == name.id()) return View(tape_, at);
    }
    return {};
}

View View::first_child() const {
    for (const View child : children()) return child;
    return {};
}

bool View::equals(View other) const {
    if (!tape_ || !other.tape_) return !tape_ && !other.tape_;
    Walker mine(*tape_, index_);
    Walker theirs(*other.tape_, other.index_);
    for (;;) {
        const auto step = mine.next();
        if (theirs.next() != step || !same_step(step, mine, theirs)) return false;
        if (step == Walker::Step::done) return true;
    }
}

View::Children::Iterator& View::Children::Iterator::operator++() {
    index_ = next_element(*tape_, tape_->nodes[index_].end, end_);
    return *this;
}

View::Children::Iterator View::Children::begin() const {
    if (!parent_) return end();
    const auto& tape = *parent_.tape_;
    const auto end = parent_.node().end;
    return Iterator(&tape, next_element(tape, content_of(tape, parent_.index_), end), end);
}

View::Children::Iterator View::Children::end() const {
    const auto end = parent_ ? parent_.node().end : 0;
    return Iterator(parent_.tape_, end, end);
}

// ---- Element

Element::Element(Name name) {
    tape_.nodes.reserve(usual_nodes);
    tape_.nodes.push_back(element_node(name.id(), 0));
}

Element::Element(std::string_view ns, std::string_view local) {
    auto node = element_node(Name::find(ns, local), 0);
    if (node.name == 0) {
        const Slice ns_slice = append(tape_, ns);
        name_by_strings(node, ns_slice, append(tape_, local));
    }
    tape_.nodes.push_back(node);
}

Element::Element(View copy_of) {
    assert(copy_of);
    const auto& from = *copy_of.tape_;
    if (copy_of.index_ == 0) {
        tape_ = from;
    } else {
        Copier(tape_, from).copy(copy_of.index_, copy_of.node().end);
    }
}

Element& Element::set(std::string_view attribute, std::string_view value) {
    bool found = false;
    const auto at = find_attribute(tape_, 0, attribute, found);
    if (found) return overwrite(tape_.nodes[at], value);
    const auto node = attribute_node(tape_, attribute, value, at);
    tape_.content = {};
    tape_.nodes.insert(tape_.nodes.begin() + at, node);
    for (auto i = at + 1; i < tape_.nodes.size(); ++i) ++tape_.nodes[i].end;
    ++tape_.nodes[0].end;
    return *this;
}

Element& Element::overwrite(detail::Node& attribute, std::string_view value) {
    if (value.size() <= attribute.value_size) {
        std::memmove(tape_.text.data() + attribute.value_at, value.data(), value.size());
    } else {
        attribute.value_at = append(tape_, value).at;
    }
    attribute.value_size = static_cast<std::uint32_t>(value.size());
    return *this;
}

Element& Element::unset(std::string_view attribute) {
    bool found = false;
    const auto at = find_attribute(tape_, 0, attribute, found);
    if (!found) return *this;
    tape_.content = {};
    tape_.nodes.erase(tape_.nodes.begin() + at);
    for (auto i = at; i < tape_.nodes.size(); ++i) --tape_.nodes[i].end;
    --tape_.nodes[0].end;
    return *this;
}

Element& Element::add(View child) {
    assert(child);
    if (child.tape_ == &tape_) return add(Element(child));
    Copier(tape_, *child.tape_).copy(child.index_, child.node().end);
    tape_.nodes[0].end = size_of(tape_.nodes);
    return *this;
}

Element& Element::add_text(std::string_view text) {
    if (text.empty()) return *this;
    tape_.nodes.push_back(text_node(append(tape_, text), size_of(tape_.nodes)));
    tape_.nodes[0].end = size_of(tape_.nodes);
    return *this;
}

Element& Element::add_text_child(Name name, std::string_view text) {
    const auto child = size_of(tape_.nodes);
    tape_.nodes.push_back(element_node(name.id(), child));
    add_text(text);
    tape_.nodes[child].end = tape_.nodes[0].end = size_of(tape_.nodes);
    return *this;
}

Element& Element::add_child(Name name,
                            std::initializer_list<std::pair<std::string_view, std::string_view>> attributes) {
    const auto child = size_of(tape_.nodes);
    tape_.nodes.push_back(element_node(name.id(), child));
    for (const auto& [attribute, value] : attributes)
        tape_.nodes.push_back(attribute_node(tape_, attribute, value, size_of(tape_.nodes)));
    tape_.nodes[child].end = tape_.nodes[0].end = size_of(tape_.nodes);
    return *this;
}

std::size_t Element::remove_children(const std::function<bool(View)>& predicate) {
    std::vector<std::uint32_t> doomed;
    for (auto at = content_of(tape_, 0); at < tape_.nodes.size(); at = tape_.nodes[at].end) {
        if (tape_.nodes[at].kind == NodeKind::element && predicate(View(&tape_, at))) doomed.push_back(at);
    }
    if (doomed.empty()) return 0;
    std::vector<Node> kept;
    kept.reserve(tape_.nodes.size());
    auto next = doomed.begin();
    std::uint32_t gone = 0;
    for (std::uint32_t at = 0; at < tape_.nodes.size();) {
        if (next != doomed.end() && *next == at) {
            const auto end = tape_.nodes[at].end;
            gone += end - at;
            at = end;
            ++next;
            continue;
        }
        kept.push_back(tape_.nodes[at++]);
        kept.back().end -= gone;
    }
    kept[0].end = size_of(kept);
    tape_.content = {};
    tape_.nodes = std::move(kept);
    return doomed.size();
}

void Element::write(std::string& out, std::string_view default_ns) const { xml::write(out, view(), default_ns); }

std::string Element::to_string() const {
    std::string out;
    write(out, {});
    return out;
}

std::size_t Element::memory_bytes() const { return tape_.nodes.capacity() * sizeof(Node) + tape_.text.capacity(); }

// ---- ElementBuilder

ElementBuilder::ElementBuilder() { reset(); }

void ElementBuilder::open(std::uint16_t interned, std::string_view ns, std::string_view local) {
    const auto index = size_of(tape_.nodes);
    auto node = element_node(interned, index);
    if (interned == 0) {
        const Slice ns_slice = keep_ns(ns);
        name_by_strings(node, ns_slice, keep(local));
    }
    tape_.nodes.push_back(node);
    open_.push_back(index);
    in_text_ = false;
}

bool ElementBuilder::is_in_source(std::string_view text) const {
    const std::less_equal<const char*> not_behind;
    return not_behind(source_.data(), text.data()) && not_behind(text.data() + text.size(), source_.data() + source_.size());
}

Slice ElementBuilder::keep(std::string_view text) {
    if (text.empty()) return {};
    if (source_.empty()) {
        make_room(text.size());
        return append(tape_, text);
    }
    if (is_in_source(text)) return {static_cast<std::uint32_t>(text.data() - source_.data()), size_of(text)};
    Slice slice = append(tape_, text);
    slice.at |= own;
    return slice;
}

// Many elements of one unknown namespace must not cost its name each.
Slice ElementBuilder::keep_ns(std::string_view ns) {
    if (is_in_source(ns)) return keep(ns);
    if (text_at(tape_, ns_.at & ~own, ns_.size) != ns) ns_ = keep(ns);
    return ns_;
}

// To powers of two, as limits usually are: a stanza at its limit then fills its buffer instead of half of it.
void ElementBuilder::make_room(std::size_t bytes) {
    const auto size = tape_.text.size() + bytes;
    if (size > tape_.text.capacity()) tape_.text.reserve(std::bit_ceil(size));
}

void ElementBuilder::attribute(std::string_view ns, std::string_view name, std::string_view value) {
    assert(!open_.empty());
    const bool lang = ns == xml_ns && name == "lang";
    const Slice ns_slice = lang ? Slice{} : keep(ns);
    const Slice name_slice = keep(lang ? "xml:lang" : name);
    tape_.nodes.push_back(attribute_node(ns_slice, name_slice, keep(value), size_of(tape_.nodes)));
}

void ElementBuilder::text(std::string_view text) {
    assert(!open_.empty());
    if (text.empty()) return;
    if (in_text_) return lengthen(tape_.nodes.back(), text);
    tape_.nodes.push_back(text_node(keep(text), size_of(tape_.nodes)));
    in_text_ = true;
}

bool ElementBuilder::refers_to_source(const Node& text_node) const { return !source_.empty() && !(text_node.name_at & own); }

void ElementBuilder::lengthen(Node& node, std::string_view by) {
    const bool refers = refers_to_source(node);
    if (!refers || by.data() != source_.data() + node.name_at + node.name_size) {
        if (refers) node.name_at = append(tape_, source_.substr(node.name_at, node.name_size)).at | own;
        make_room(by.size());
        append(tape_, by);
    }
    node.name_size += size_of(by);
}

void ElementBuilder::close() {
    assert(!open_.empty());
    tape_.nodes[open_.back()].end = size_of(tape_.nodes);
    open_.pop_back();
    in_text_ = false;
}

std::string_view ElementBuilder::ns() const {
    return open_.empty() ? std::string_view() : ns_of(tape_, tape_.nodes[open_.back()]);
}

void ElementBuilder::read_from(std::string_view source) {
    assert(tape_.nodes.empty() && source.size() < own);
    source_ = source;
}

void ElementBuilder::end_reading(std::size_t size, std::string_view content) {
    assert(open_.empty() && content.size() <= size);
    if (!tape_.text.empty()) move_own(static_cast<std::uint32_t>(size));
    tape_.text.insert(0, source_.substr(0, size));
    if (!content.empty()) tape_.content = {keep(content).at, size_of(content), size_of(tape_.nodes)};
    source_ = {};
}

// Behind the source.
void ElementBuilder::move_own(std::uint32_t by) {
    const auto move = [by](std::uint32_t& at) {
        if (at & own) at = (at & ~own) + by;
    };
    for (Node& node : tape_.nodes) {
        move(node.ns_at);
        move(node.name_at);
        move(node.value_at);
    }
}

std::size_t ElementBuilder::memory_bytes() const {
    return tape_.nodes.capacity() * sizeof(Node) + tape_.text.capacity() + open_.capacity() * sizeof(open_[0]);
}

Element ElementBuilder::take() {
    assert(open_.empty() && !tape_.nodes.empty());
    Element element;
    if (tape_.text.capacity() > kept_text_bytes || tape_.nodes.capacity() > kept_nodes) {
        element.tape_ = std::move(tape_);
    } else {
        element.tape_ = tape_;  // exactly two allocations of exactly the size
    }
    reset();
    return element;
}

void ElementBuilder::reset() {
    // swap: assigning an empty string keeps the memory.
    if (tape_.text.capacity() > kept_text_bytes) std::string().swap(tape_.text);
    if (tape_.nodes.capacity() > kept_nodes) std::vector<Node>().swap(tape_.nodes);
    tape_.nodes.clear();
    tape_.nodes.reserve(first_nodes);
    tape_.text.clear();
    tape_.text.reserve(first_text_bytes);
    open_.clear();
    in_text_ = false;
    source_ = {};
    tape_.content = {};
    ns_ = {};
}

}  // namespace rookery::xml
