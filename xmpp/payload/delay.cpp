#include "xmpp/payload/delay.h"

#include "xmpp/payload/date_time.h"

namespace rookery {

const xml::Name Delay::name{"urn:xmpp:delay", "delay"};

std::optional<Delay> Delay::parse(xml::View element) {
    if (!element.is(name)) return std::nullopt;
    const auto stamp = parse_date_time(element.attr_or("stamp", ""));
    if (!stamp) return std::nullopt;
    Delay delay(*stamp, {}, element.text());
    if (const auto from = element.attr("from")) {
        auto jid = Jid::parse(*from);
        if (!jid) return std::nullopt;
        delay.from = std::move(*jid);
    }
    return delay;
}

xml::Element Delay::to_xml() const {
    xml::Element element(name);
    if (!from.empty()) element.set("from", from.str());
    element.set("stamp", format_date_time(stamp)).add_text(reason);
    return element;
}

}  // namespace rookery
