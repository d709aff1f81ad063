#include "xmpp/payload/rsm.h"

#include "base/number.h"


namespace rookery {
namespace {

constexpr const char* rsm_ns = "http://jabber.org/protocol/rsm";
const xml::Name max_name{rsm_ns, "max"};
const xml::Name after_name{rsm_ns, "after"};
const xml::Name before_name{rsm_ns, "before"};
const xml::Name index_name{rsm_ns, "index"};
const xml::Name first_name{rsm_ns, "first"};
const xml::Name last_name{rsm_ns, "last"};
const xml::Name count_name{rsm_ns, "count"};

// These two fill `into` when there is something, and are false when it is wrong.
bool read_number(xml::View element, std::optional<std::uint32_t>& into) {
    if (!element) return true;
    into = parse_number<std::uint32_t>(element.text());
    return into.has_value();
}

bool read_id(xml::View element, std::optional<std::string>& into) {
    if (!element) return true;
    into = element.text();
    return into->size() <= RsmRequest::max_id_bytes;
}

void add_number(xml::Element& set, xml::Name name, std::optional<std::uint32_t> value) {
    if (value) set.add_text_child(name, std::to_string(*value));
}
void add_id(xml::Element& set, xml::Name name, const std::optional<std::string>& value) {
    if (value) set.add_text_child(name, *value);
}

}  // namespace

const xml::Name RsmRequest::name{rsm_ns, "set"};

std::optional<RsmRequest> RsmRequest::parse(xml::View element) {
    if (!element.is(name)) return std::nullopt;
    RsmRequest request;
    const bool good =
        read_number(element.child(max_name), request.max) && read_number(element.child(index_name), request.index) &&
        read_id(element.child(after_name), request.after) && read_id(element.child(before_name), request.before);
    return good ? std::optional(std::move(request)) : std::nullopt;
}

xml::Element RsmRequest::to_xml() const {
    xml::Element set(name);
    add_number(set, max_name, max);
    add_id(set, after_name, after);
    add_id(set, before_name, before);
    add_number(set, index_name, index);
    return set;
}

std::optional<RsmResult> RsmResult::parse(xml::View element) {
    if (!element.is(RsmRequest::name)) return std::nullopt;
    RsmResult result;
    const auto first = element.child(first_name);
    bool good = read_id(first, result.first) && read_id(element.child(last_name), result.last) &&
                read_number(element.child(count_name), result.count);
    if (const auto index = first.attr("index")) {
        result.first_index = parse_number<std::uint32_t>(*index);
        good = good && result.first_index.has_value();
    }
    return good ? std::optional(std::move(result)) : std::nullopt;
}

xml::Element RsmResult::to_xml() const {
    xml::Element set(RsmRequest::name);
    if (first) {
        xml::Element element(first_name);
        if (first_index) element.set("index", std::to_string(*first_index));
        set.add(element.add_text(*first));
    }
    add_id(set, last_name, last);
    add_number(set, count_name, count);
    return set;
}

}  // namespace rookery
