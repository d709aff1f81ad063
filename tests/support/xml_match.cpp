#include "tests/support/xml_match.h"

#include <algorithm>

#include "xmpp/xml/stream_parser.h"

namespace rookery::test {
namespace {

using xml::View;

constexpr std::string_view client_ns = "jabber:client";
constexpr std::string_view more_children = "{...}";

// A pattern cut at its placeholders: literal, then at most one placeholder behind it.
struct Part {
    std::string literal;
    std::string placeholder;  // "any", "=id", "id"; empty: none (the last part)
};

std::vector<Part> cut(std::string_view pattern) {
    std::vector<Part> parts(1);
    while (!pattern.empty()) {
        const bool doubled = pattern.starts_with("{{");
        const auto end = pattern[0] == '{' && !doubled ? pattern.find('}') : std::string_view::npos;
        if (end != std::string_view::npos) {
            parts.back().placeholder = pattern.substr(1, end - 1);
            parts.emplace_back();
            pattern.remove_prefix(end + 1);
        } else {
            parts.back().literal += pattern[0];
            pattern.remove_prefix(doubled ? 2 : 1);
        }
    }
    return parts;
}

// Tries each length for a placeholder, shortest first; the patterns are short and have one or two of them.
bool match_parts(const Part* part, const Part* last, std::string_view value, Captures& captures) {
    if (!value.starts_with(part->literal)) return false;
    value.remove_prefix(part->literal.size());
    if (part == last) return value.empty();
    const std::string& name = part->placeholder;
    const bool wild = name == "any" || name.starts_with('=');
    if (!wild) {
        const auto kept = captures.find(name);
        if (kept == captures.end() || !value.starts_with(kept->second)) return false;
        return match_parts(part + 1, last, value.substr(kept->second.size()), captures);
    }
    for (std::size_t length = 1; length <= value.size(); ++length) {
        Captures tried = captures;
        if (name.starts_with('=')) tried.insert_or_assign(name.substr(1), std::string(value.substr(0, length)));
        if (!match_parts(part + 1, last, value.substr(length), tried)) continue;
        captures = std::move(tried);
        return true;
    }
    return false;
}

std::string trim(std::string_view text) {
    constexpr std::string_view white = " \t\r\n";
    const auto first = text.find_first_not_of(white);
    if (first == std::string_view::npos) return {};
    return std::string(text.substr(first, text.find_last_not_of(white) - first + 1));
}

std::string name_of(View element) {
    return "<" + std::string(element.local()) + " xmlns='" + std::string(element.ns()) + "'>";
}

std::string name_of(const xml::Attribute& attribute) {
    return std::string(attribute.ns.empty() ? "" : "{" + std::string(attribute.ns) + "}") + std::string(attribute.name);
}

bool is_stanza(View element) {
    return element.ns() == client_ns &&
           (element.local() == "message" || element.local() == "presence" || element.local() == "iq");
}

bool is_error_stanza(View element) { return is_stanza(element) && element.attr_or("type", "") == "error"; }
bool is_error_child(View element) { return element.is(client_ns, "error"); }

bool may_have_attribute(View owner, std::string_view name) {
    static constexpr std::string_view of_stanzas[] = {"to", "from", "id"};
    static constexpr std::string_view of_errors[] = {"by", "code"};
    if (name == "xml:lang") return true;
    if (is_stanza(owner)) return std::ranges::find(of_stanzas, name) != std::end(of_stanzas);
    return is_error_child(owner) && std::ranges::find(of_errors, name) != std::end(of_errors);
}

bool is_stanza_id(View child) { return child.is("urn:xmpp:sid:0", "stanza-id"); }

bool mentions_stanza_id(View expected) {
    for (View child : expected.children())
        if (is_stanza_id(child)) return true;
    return false;
}

bool may_have_child(View owner, View child, View expected) {
    if (is_error_stanza(owner)) return !is_error_child(child);
    if (is_error_child(owner)) return true;
    if (owner.is(client_ns, "message")) return is_stanza_id(child) && !mentions_stanza_id(expected);
    return owner.is(client_ns, "presence") && child.is("urn:xmpp:delay", "delay");
}

const xml::Attribute* find_attribute(const std::vector<xml::Attribute>& attributes, const xml::Attribute& like) {
    const auto found = std::ranges::find_if(
        attributes, [&](const xml::Attribute& one) { return one.ns == like.ns && one.name == like.name; });
    return found == attributes.end() ? nullptr : &*found;
}

// One comparison: carries the mode and the captures down the tree. Expected trees are as deep as a play writes them.
class Comparison {
public:
    Comparison(MatchMode mode, Captures& captures) : mode_(mode), captures_(captures) {}

    std::optional<std::string> compare(View expected, View actual) {
        if (!actual.is(expected.ns(), expected.local()))
            return "expected " + name_of(expected) + ", not " + name_of(actual);
        if (auto why = compare_attributes(expected, actual)) return why;
        if (auto why = compare_text(expected, actual)) return why;
        return compare_children(expected, actual);
    }

private:
    std::optional<std::string> compare_attributes(View expected, View actual) {
        const auto wanted = expected.attributes();
        const auto there = actual.attributes();
        for (const auto& want : wanted)
            if (auto why = compare_attribute(want, find_attribute(there, want), expected)) return why;
        if (mode_ == MatchMode::subset) return std::nullopt;
        for (const auto& have : there)
            if (!find_attribute(wanted, have) && !may_have_attribute(actual, have.name))
                return name_of(actual) + " has an unexpected " + name_of(have) + "='" + std::string(have.value) + "'";
        return std::nullopt;
    }

    std::optional<std::string> compare_attribute(const xml::Attribute& want, const xml::Attribute* have, View owner) {
        const bool absent_is_fine = want.value == "{maybe}" || want.value == "{none}";
        if (!have && absent_is_fine) return std::nullopt;
        if (!have) return name_of(owner) + " lacks " + name_of(want) + "='" + std::string(want.value) + "'";
        if (want.value == "{maybe}" || value_matches(want.value, have->value, captures_)) return std::nullopt;
        return name_of(owner) + " has " + name_of(want) + "='" + std::string(have->value) + "', expected '" +
               std::string(want.value) + "'";
    }

    std::optional<std::string> compare_text(View expected, View actual) {
        std::string want = expected.text();
        if (trim(want) == more_children) return std::nullopt;
        std::string have = actual.text();
        if (!expected.children().empty() || trim(want).empty()) {
            want = trim(want);
            have = trim(have);
        }
        if (mode_ == MatchMode::subset && want.empty()) return std::nullopt;
        if (want == "{maybe}" || value_matches(want, have, captures_)) return std::nullopt;
        return name_of(actual) + " has the text '" + have + "', expected '" + want + "'";
    }

    std::optional<std::string> compare_children(View expected, View actual) {
        std::vector<View> left;
        for (View child : actual.children()) left.push_back(child);
        for (View want : expected.children())
            if (auto why = take_match(want, left)) return name_of(actual) + ": " + *why;
        if (mode_ == MatchMode::subset || trim(expected.text()) == more_children) return std::nullopt;
        for (View extra : left)
            if (!may_have_child(actual, extra, expected))
                return name_of(actual) + " has an unexpected " + name_of(extra);
        return std::nullopt;
    }

    // Removes the first child that matches; else reports on the closest one, of the same name.
    std::optional<std::string> take_match(View want, std::vector<View>& left) {
        std::optional<std::string> closest;
        for (auto it = left.begin(); it != left.end(); ++it) {
            Captures before = captures_;
            auto why = compare(want, *it);
            if (!why) {
                left.erase(it);
                return std::nullopt;
            }
            captures_ = std::move(before);
            if (it->is(want.ns(), want.local())) closest = std::move(why);
        }
        return closest ? closest : "no " + name_of(want);
    }

    MatchMode mode_;
    Captures& captures_;
};

}  // namespace

bool value_matches(std::string_view pattern, std::string_view value, Captures& captures) {
    const auto parts = cut(pattern);
    return match_parts(parts.data(), parts.data() + parts.size() - 1, value, captures);
}

std::optional<std::string> find_difference(View expected, View actual, MatchMode mode, Captures& captures) {
    Captures tried = captures;
    auto why = Comparison(mode, tried).compare(expected, actual);
    if (!why) captures = std::move(tried);
    return why;
}

std::optional<std::vector<xml::Element>> parse_stanzas(std::string_view text, std::string* why) {
    std::string document = "<play xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>";
    document.append(text).append("</play>");
    xml::StreamParser parser;
    parser.feed(document);
    std::vector<xml::Element> stanzas;
    for (;;) {
        switch (parser.next()) {
            case xml::ParseStep::stream_opened:
                break;
            case xml::ParseStep::element:
                stanzas.push_back(parser.take_element());
                break;
            case xml::ParseStep::stream_closed:
                return stanzas;
            case xml::ParseStep::need_more:
                *why = "it is not complete";
                return std::nullopt;
            case xml::ParseStep::failed:
                *why = parser.error().text;
                return std::nullopt;
        }
    }
}

}  // namespace rookery::test
