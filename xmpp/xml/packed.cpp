// A run of items in document order: what it is, then its strings, each behind its length.
#include "xmpp/xml/packed.h"

#include <algorithm>
#include <cassert>
#include <vector>

namespace rookery::xml {

using detail::Node;
using detail::NodeKind;
using detail::Tape;

namespace {

enum class Item : char { known_element, other_element, attribute, text, close };

// Seven bits a byte, the lowest first.
void append_number(std::string& out, std::size_t number) {
    for (; number >= 0x80; number >>= 7) out.push_back(static_cast<char>(0x80 | (number & 0x7F)));
    out.push_back(static_cast<char>(number));
}

}  // namespace

class Packer {
public:
    Packer(View view, std::span<const RootAttribute> instead) : tape_(*view.tape_), root_(view.index_), instead_(instead) {}

    std::string packed() {
        for (std::uint32_t at = root_; at < tape_.nodes[root_].end; ++at) {
            close_until(at);
            put_node(at);
        }
        close_until(tape_.nodes[root_].end);
        out_.shrink_to_fit();
        return std::move(out_);
    }

private:
    void put_node(std::uint32_t at) {
        const Node& node = tape_.nodes[at];
        switch (node.kind) {
            case NodeKind::element: return put_start(at);
            case NodeKind::attribute: return put_attribute(at);
            case NodeKind::text: put(Item::text); return put(slice(node.name_at, node.name_size));
        }
    }

    void put_start(std::uint32_t at) {
        const Node& node = tape_.nodes[at];
        put(node.name ? Item::known_element : Item::other_element);
        if (node.name) {
            append_number(out_, node.name);
        } else {
            put(slice(node.ns_at, node.ns_size));
            put(slice(node.name_at, node.name_size));
        }
        open_ends_.push_back(node.end);
        if (at != root_) return;
        for (const RootAttribute& attribute : instead_)
            if (!attribute.value.empty()) put_attribute({}, attribute.name, attribute.value);
    }

    void put_attribute(std::uint32_t at) {
        const Node& node = tape_.nodes[at];
        const std::string_view ns = slice(node.ns_at, node.ns_size);
        const std::string_view name = slice(node.name_at, node.name_size);
        const bool of_root = open_ends_.size() == 1;
        if (of_root && ns.empty() && std::ranges::find(instead_, name, &RootAttribute::name) != instead_.end()) return;
        put_attribute(ns, name, slice(node.value_at, node.value_size));
    }

    void put_attribute(std::string_view ns, std::string_view name, std::string_view value) {
        put(Item::attribute);
        put(ns);
        put(name);
        put(value);
    }

    void close_until(std::uint32_t at) {
        for (; !open_ends_.empty() && open_ends_.back() <= at; open_ends_.pop_back()) put(Item::close);
    }

    void put(Item item) { out_.push_back(static_cast<char>(item)); }
    void put(std::string_view text) {
        append_number(out_, text.size());
        out_.append(text);
    }
    std::string_view slice(std::uint32_t at, std::uint32_t size) const { return {tape_.text.data() + at, size}; }

    const Tape& tape_;
    const std::uint32_t root_;
    const std::span<const RootAttribute> instead_;
    std::vector<std::uint32_t> open_ends_;
    std::string out_;
};

namespace {

class Unpacker {
public:
    explicit Unpacker(std::string_view packed) : rest_(packed) {}

    Element element() {
        while (!rest_.empty()) take_item();
        return builder_.take();
    }

private:
    void take_item() {
        const auto item = static_cast<Item>(take(1).front());
        switch (item) {
            case Item::known_element: return open_known();
            case Item::other_element: return open_other();
            case Item::attribute: return add_attribute();
            case Item::text: return builder_.text(take_text());
            case Item::close: return builder_.close();
        }
    }

    void open_known() {
        const auto id = static_cast<std::uint16_t>(take_number());
        builder_.open(id, {}, {});
    }

    void open_other() {
        const std::string_view ns = take_text();
        const std::string_view local = take_text();
        builder_.open(0, ns, local);
    }

    void add_attribute() {
        const std::string_view ns = take_text();
        const std::string_view name = take_text();
        const std::string_view value = take_text();
        builder_.attribute(ns, name, value);
    }

    std::size_t take_number() {
        std::size_t number = 0;
        for (unsigned shift = 0;; shift += 7) {
            const auto byte = static_cast<unsigned char>(take(1).front());
            number |= static_cast<std::size_t>(byte & 0x7F) << shift;
            if (byte < 0x80) return number;
        }
    }

    std::string_view take_text() { return take(take_number()); }

    std::string_view take(std::size_t size) {
        assert(size <= rest_.size());
        const std::string_view taken = rest_.substr(0, size);
        rest_.remove_prefix(size);
        return taken;
    }

    std::string_view rest_;
    ElementBuilder builder_;
};

}  // namespace

std::string pack(View view, std::span<const RootAttribute> instead) { return Packer(view, instead).packed(); }
Element unpack(std::string_view packed) { return Unpacker(packed).element(); }

}  // namespace rookery::xml
