// Serialising: one pass over the tape, no recursion.
#include <array>
#include <charconv>
#include <utility>
#include <vector>

#include "xmpp/xml/element.h"

namespace rookery::xml {

using detail::Node;
using detail::NodeKind;
using detail::Tape;

namespace {

constexpr std::size_t markup_bytes = 24;  // of a node in the middle: quotes, brackets, a known name
constexpr std::string_view xml_ns = "http://www.w3.org/XML/1998/namespace";

// What each byte is written as; empty: as it is.
using Replacements = std::array<std::string_view, 256>;

constexpr Replacements replacements_for_content() {
    Replacements table{};
    for (unsigned c = 0; c < 0x20; ++c) table[c] = "\xEF\xBF\xBD";
    table['\t'] = table['\n'] = {};
    table['\r'] = "&#xD;";  // a parser would read a bare one as a newline
    table['&'] = "&amp;";
    table['<'] = "&lt;";
    table['>'] = "&gt;";
    return table;
}

constexpr Replacements replacements_for_attributes() {
    auto table = replacements_for_content();
    table['"'] = "&quot;";
    table['\''] = "&apos;";
    table['\t'] = "&#x9;";  // a parser would read these two as spaces
    table['\n'] = "&#xA;";
    return table;
}

struct Table {
    constexpr explicit Table(const Replacements& all) : replacements(all) {
        for (std::size_t c = 0; c < all.size(); ++c) replaced[c] = !all[c].empty();
    }
    Replacements replacements;
    std::array<unsigned char, 256> replaced{};  // apart: this fits in four cache lines
};

constexpr Table for_content{replacements_for_content()};
constexpr Table for_attributes{replacements_for_attributes()};

// Eight at a time: nearly all text is as it is.
constexpr std::size_t run_bytes = 8;
template <std::size_t... at>
bool stays(const Table& table, const char* run, std::index_sequence<at...>) {
    return (table.replaced[static_cast<unsigned char>(run[at])] | ...) == 0;
}

std::size_t skip_what_stays(const Table& table, std::string_view text, std::size_t at) {
    while (at + run_bytes <= text.size() && stays(table, text.data() + at, std::make_index_sequence<run_bytes>()))
        at += run_bytes;
    while (at < text.size() && !table.replaced[static_cast<unsigned char>(text[at])]) ++at;
    return at;
}

void escape_by(const Table& table, std::string& out, std::string_view text) {
    for (std::size_t written = 0; written < text.size();) {
        const auto at = skip_what_stays(table, text, written);
        out.append(text, written, at - written);
        if (at == text.size()) return;
        out.append(table.replacements[static_cast<unsigned char>(text[at])]);
        written = at + 1;
    }
}

}  // namespace

class Writer {
public:
    Writer(std::string& out, View view) : out_(out), tape_(*view.tape_), index_(view.index_) {}

    void write(std::string_view default_ns, std::span<const RootAttribute> instead) {
        const auto end = tape_.nodes[index_].end;
        if (index_ == 0) out_.reserve(out_.size() + tape_.text.size() + tape_.nodes.size() * markup_bytes);
        instead_ = instead;
        push({end, default_ns, {}, false});
        for (auto at = index_; at < end;) {
            close_until(at);
            const auto& node = tape_.nodes[at];
            at = node.kind == NodeKind::element ? write_start(at) : write_text(node, at);
        }
        close_until(end);
    }

private:
    struct Open {
        std::uint32_t end;            // index after its last node
        std::string_view default_ns;  // in scope inside it
        std::string_view local;
        bool xml_prefix;
    };

    std::string_view slice(std::uint32_t at, std::uint32_t size) const { return {tape_.text.data() + at, size}; }

    std::uint32_t write_text(const Node& node, std::uint32_t at) {
        escape_content(out_, slice(node.name_at, node.name_size));
        return at + 1;
    }

    std::uint32_t write_start(std::uint32_t at) {
        const auto& node = tape_.nodes[at];
        const auto ns = node.name ? Name::from_id(node.name).ns() : slice(node.ns_at, node.ns_size);
        const auto local = node.name ? Name::from_id(node.name).local() : slice(node.name_at, node.name_size);
        const auto outer = top().default_ns;
        const bool xml_prefix = ns == xml_ns;
        out_.append(xml_prefix ? "<xml:" : "<").append(local);
        if (!xml_prefix && ns != outer) write_attribute("xmlns", ns);
        if (at == index_) write_root_attributes();
        const auto content = write_attributes(at);
        if (content == node.end) {
            out_.append("/>");
        } else {
            out_.push_back('>');
            push({node.end, xml_prefix ? outer : ns, local, xml_prefix});
        }
        return at == 0 ? write_content(content) : content;
    }

    // As it came, as far as it is as it came.
    std::uint32_t write_content(std::uint32_t first) {
        if (tape_.content.size == 0) return first;
        out_.append(slice(tape_.content.at, tape_.content.size));
        return tape_.content.end;
    }

    void write_attribute(std::string_view name, std::string_view value) {
        begin_attribute(name);
        escape(out_, value);
        out_.push_back('\'');
    }

    // One append: attributes are most of what is written.
    void begin_attribute(std::string_view name) {
        std::array<char, 32> head;
        if (name.size() + 3 > head.size()) {
            out_.append(" ").append(name).append("='");
            return;
        }
        head[0] = ' ';
        name.copy(head.data() + 1, name.size());
        head[name.size() + 1] = '=';
        head[name.size() + 2] = '\'';
        out_.append(head.data(), name.size() + 3);
    }

    void write_root_attributes() {
        for (const auto& attribute : instead_) {
            if (!attribute.value.empty()) write_attribute(attribute.name, attribute.value);
        }
    }

    std::uint32_t write_attributes(std::uint32_t element) {
        auto at = element + 1;
        for (; at < tape_.nodes[element].end && tape_.nodes[at].kind == NodeKind::attribute; ++at) {
            const auto& node = tape_.nodes[at];
            const auto name = slice(node.name_at, node.name_size);
            const auto value = slice(node.value_at, node.value_size);
            if (node.ns_size != 0) {
                write_prefixed(slice(node.ns_at, node.ns_size), name, value, at - element);
            } else if (element != index_ || !is_replaced(name)) {
                write_attribute(name, value);
            }
        }
        return at;
    }

    bool is_replaced(std::string_view name) const {
        for (const auto& attribute : instead_) {
            if (attribute.name == name) return true;
        }
        return false;
    }

    // One prefix an attribute, numbered within the element: no table, and never in conflict with an outer one.
    void write_prefixed(std::string_view ns, std::string_view name, std::string_view value, std::uint32_t number) {
        std::string prefix = "xml";
        if (ns != xml_ns) {
            prefix = "ns" + std::to_string(number);
            out_.append(" xmlns:").append(prefix).append("='");
            escape(out_, ns);
            out_.push_back('\'');
        }
        write_attribute(prefix.append(":").append(name), value);
    }

    void close_until(std::uint32_t at) {
        while (depth_ > 1 && top().end <= at) {
            out_.append(top().xml_prefix ? "</xml:" : "</").append(top().local).push_back('>');
            pop();
        }
    }

    // A stanza's usual depth needs no allocation.
    const Open& top() const { return depth_ <= near_.size() ? near_[depth_ - 1] : far_.back(); }
    void push(Open open) {
        if (depth_ < near_.size()) {
            near_[depth_] = open;
        } else {
            far_.push_back(open);
        }
        ++depth_;
    }
    void pop() {
        if (depth_-- > near_.size()) far_.pop_back();
    }

    std::string& out_;
    const Tape& tape_;
    std::uint32_t index_;
    std::span<const RootAttribute> instead_;
    std::size_t depth_ = 0;
    std::array<Open, 8> near_;
    std::vector<Open> far_;
};

void escape(std::string& out, std::string_view text) { escape_by(for_attributes, out, text); }
void escape_content(std::string& out, std::string_view text) { escape_by(for_content, out, text); }

void write(std::string& out, View view, std::string_view default_ns) { write(out, view, default_ns, {}); }

void write(std::string& out, View view, std::string_view default_ns, std::span<const RootAttribute> instead) {
    if (view) Writer(out, view).write(default_ns, instead);
}

}  // namespace rookery::xml
