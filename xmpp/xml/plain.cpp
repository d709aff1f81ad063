#include "xmpp/xml/plain.h"

#include <algorithm>
#include <array>
#include <string>
#include <utility>

#include "base/bytes.h"

namespace rookery::xml {
namespace {

constexpr std::string_view client_ns = "jabber:client";
constexpr std::string_view reserved_ns = "http://www.w3.org/";  // two of these have rules of their own
constexpr std::size_t max_namespace_bytes = 256;
constexpr std::size_t max_plain_depth = 16;
constexpr std::size_t max_plain_attributes = 8;  // of one element, its namespace included

// What a byte may be, one bit each.
enum Class : unsigned char { name_start = 1, name_part = 2, not_text = 4, not_value = 8, beyond_ascii = 16, better_escaped = 32 };

constexpr std::array<unsigned char, 256> classes() {
    std::array<unsigned char, 256> table{};
    for (unsigned c = 0; c < 0x20; ++c) table[c] = not_text | not_value;
    table['\t'] = table['\n'] = not_value;  // in a value they would be read as spaces
    for (const char c : {'<', '&'}) table[static_cast<unsigned char>(c)] = not_text | not_value;
    table[']'] = not_text;
    for (const char c : {'"', '\''}) table[static_cast<unsigned char>(c)] = not_value;
    for (unsigned c = 'a'; c <= 'z'; ++c) table[c] = table[c - 'a' + 'A'] = name_start | name_part;
    table['_'] = name_start | name_part;
    for (unsigned c = '0'; c <= '9'; ++c) table[c] = name_part;
    table['-'] = table['.'] = name_part;
    for (unsigned c = 0x80; c < 0x100; ++c) table[c] = beyond_ascii;
    table['>'] = better_escaped;  // XML lets it stand; who looks for the ends of tags without a parser could be misled
    return table;
}

constexpr auto class_table = classes();

unsigned char class_of(char c) { return class_table[static_cast<unsigned char>(c)]; }

template <std::size_t... at>
unsigned char classes_of(const char* run, std::index_sequence<at...>) {
    return static_cast<unsigned char>((class_of(run[at]) | ...));
}

// The character that "&...;" at the start of `text` stands for, with its size; 0: none of the five.
std::pair<char, std::size_t> reference_in(std::string_view text) {
    constexpr std::pair<std::string_view, char> known[] = {
        {"&lt;", '<'}, {"&gt;", '>'}, {"&amp;", '&'}, {"&quot;", '"'}, {"&apos;", '\''}};
    for (const auto& [reference, character] : known) {
        if (text.starts_with(reference)) return {character, reference.size()};
    }
    return {0, 0};
}

class PlainReader {
public:
    PlainReader(std::string_view input, const ParserLimits& limits, ElementBuilder& builder)
        : in_(input.substr(0, limits.max_bytes)), limits_(limits), builder_(builder) {}

    std::size_t read() {
        builder_.read_from(in_);
        bool plain = at('<') && start_tag();
        const std::size_t begin = at_;
        while (plain && depth_ > 0) plain = content();
        if (!plain) return 0;
        builder_.end_reading(at_, written_content(begin));
        return at_;
    }

private:
    std::string_view written_content(std::size_t begin) const {
        const bool empty = content_end_ < begin;  // <message/>
        return content_stays_ && !empty ? in_.substr(begin, content_end_ - begin) : std::string_view();
    }

    struct Open {
        std::string_view name;
        std::string_view ns;  // the default one inside it
    };
    struct Attribute {
        std::string_view name;
        std::string_view value;  // as it is written
        bool has_references;
    };

    bool at(char c) const { return at_ < in_.size() && in_[at_] == c; }
    bool take(char c) {
        if (!at(c)) return false;
        ++at_;
        return true;
    }

    // Bytes up to one of the classes `stops`. False: they are no text that XML can have.
    bool take_run(unsigned char stops, std::string_view& run) {
        constexpr std::size_t stride = 8;
        const std::size_t begin = at_;
        unsigned char seen = 0;
        for (; at_ + stride <= in_.size(); at_ += stride) {
            const auto some = classes_of(in_.data() + at_, std::make_index_sequence<stride>());
            if (some & stops) break;
            seen |= some;
        }
        for (; at_ < in_.size() && !(class_of(in_[at_]) & stops); ++at_) seen |= class_of(in_[at_]);
        run = in_.substr(begin, at_ - begin);
        content_stays_ = content_stays_ && !(seen & better_escaped);
        return !(seen & beyond_ascii) || is_xml_text(run);
    }

    bool take_name(std::string_view& name) {
        const std::size_t begin = at_;
        if (at_ == in_.size() || !(class_of(in_[at_]) & name_start)) return false;
        while (at_ < in_.size() && (class_of(in_[at_]) & name_part)) ++at_;
        name = in_.substr(begin, at_ - begin);
        return !at(':') || name == "xml";
    }

    bool start_tag() {
        std::string_view name;
        ++at_;
        if (depth_ >= std::min(max_plain_depth, limits_.max_depth)) return false;
        if (++elements_ > limits_.max_elements || !take_name(name) || at(':') || !attributes()) return false;
        const bool empty = take('/');
        if (!take('>')) return false;
        open(name);
        if (empty)
            builder_.close();
        else
            stack_[depth_++] = {name, ns_};
        return true;
    }

    // Up to what ends the tag; ns_ is then the element's own.
    bool attributes() {
        attribute_count_ = 0;
        has_own_ns_ = false;
        ns_ = depth_ == 0 ? client_ns : stack_[depth_ - 1].ns;
        std::size_t all = 0;
        while (skip_spaces() && !at('/') && !at('>')) {
            if (++all > std::min(max_plain_attributes, limits_.max_attributes) || !attribute()) return false;
        }
        return at('/') || at('>');
    }

    // False: there is none, so that no attribute may come.
    bool skip_spaces() {
        const std::size_t begin = at_;
        while (at(' ')) ++at_;
        return at_ > begin;
    }

    bool attribute() {
        Attribute attribute{};
        if (!take_name(attribute.name) || (at(':') && !take_lang(attribute.name)) || !take('=')) return false;
        if (!take_value(attribute)) return false;
        if (attribute.name == "xmlns") return take_namespace(attribute);
        for (std::size_t i = 0; i < attribute_count_; ++i) {
            if (attributes_[i].name == attribute.name) return false;
        }
        attributes_[attribute_count_++] = attribute;
        return true;
    }

    // The one prefixed name that is usual.
    bool take_lang(std::string_view& name) {
        constexpr std::string_view rest = ":lang";
        if (!in_.substr(at_).starts_with(rest)) return false;
        at_ += rest.size();
        name = in_.substr(at_ - rest.size() - name.size(), name.size() + rest.size());
        return at('=');
    }

    bool take_value(Attribute& attribute) {
        const char quote = at('"') ? '"' : '\'';
        if (!take(quote)) return false;
        const std::size_t begin = at_;
        for (;;) {
            std::string_view run;
            if (!take_run(not_value, run)) return false;
            if (at(quote)) break;
            if (at('&') ? !skip_reference() : !take(quote == '"' ? '\'' : '"')) return false;
            attribute.has_references |= in_[at_ - 1] == ';';
        }
        attribute.value = in_.substr(begin, at_++ - begin);
        return true;
    }

    bool skip_reference() {
        const std::size_t size = reference_in(in_.substr(at_)).second;
        at_ += size;
        return size > 0;
    }

    bool take_namespace(const Attribute& declared) {
        const std::string_view ns = declared.value;
        if (std::exchange(has_own_ns_, true) || declared.has_references) return false;
        if (ns.empty() || ns.size() > max_namespace_bytes || ns.starts_with(reserved_ns)) return false;
        // Said once more, it would stand where another one is the stream's (a component's), and then not be the same.
        content_stays_ = content_stays_ && (depth_ == 0 || ns != ns_);
        ns_ = ns;
        return true;
    }

    void open(std::string_view name) {
        builder_.open(Name::find(ns_, name), ns_, name);
        for (std::size_t i = 0; i < attribute_count_; ++i) put(attributes_[i]);
    }

    void put(const Attribute& attribute) {
        const auto value = attribute.has_references ? std::string_view(decoded(attribute.value)) : attribute.value;
        builder_.attribute({}, attribute.name, value);
    }

    const std::string& decoded(std::string_view value) {
        decoded_.clear();
        for (std::size_t at = 0; at < value.size();) {
            const bool is_reference = value[at] == '&';
            const auto [character, size] = is_reference ? reference_in(value.substr(at)) : std::pair(value[at], std::size_t{1});
            decoded_.push_back(character);
            at += size;
        }
        return decoded_;
    }

    bool content() {
        std::string_view run;
        if (!take_run(not_text, run)) return false;
        builder_.text(run);
        if (at('&')) return reference();
        if (at(']')) return bracket();
        if (!at('<')) return false;
        return at_ + 1 < in_.size() && in_[at_ + 1] == '/' ? end_tag() : start_tag();
    }

    bool reference() {
        const auto [character, size] = reference_in(in_.substr(at_));
        if (size == 0) return false;
        builder_.text({&character, 1});
        at_ += size;
        return true;
    }

    // Two of them could be the start of "]]>", which text must not have.
    bool bracket() {
        ++at_;
        if (at_ == in_.size() || at(']')) return false;
        builder_.text(in_.substr(at_ - 1, 1));
        return true;
    }

    bool end_tag() {
        const std::string_view name = stack_[depth_ - 1].name;
        content_end_ = at_;  // the last one is the root's
        at_ += 2;
        if (!in_.substr(at_).starts_with(name)) return false;
        at_ += name.size();
        if (!take('>')) return false;
        builder_.close();
        --depth_;
        return true;
    }

    std::string_view in_;
    const ParserLimits& limits_;
    ElementBuilder& builder_;
    std::size_t at_ = 0;
    std::size_t depth_ = 0;
    std::size_t elements_ = 0;
    std::size_t content_end_ = 0;
    bool content_stays_ = true;  // may be written as it came
    std::string_view ns_;  // of the element at hand
    bool has_own_ns_ = false;
    std::array<Open, max_plain_depth> stack_;
    std::array<Attribute, max_plain_attributes> attributes_;
    std::size_t attribute_count_ = 0;
    std::string decoded_;
};

}  // namespace

std::size_t read_plain(std::string_view input, const ParserLimits& limits, ElementBuilder& builder) {
    const std::size_t size = PlainReader(input, limits, builder).read();
    if (size == 0) builder.reset();
    return size;
}

}  // namespace rookery::xml
