#include "core/roster_xml.h"

#include "core/subscription.h"

namespace rookery {
namespace {

const xml::Name query_name{"jabber:iq:roster", "query"};
const xml::Name item_name{"jabber:iq:roster", "item"};
const xml::Name group_name{"jabber:iq:roster", "group"};

}  // namespace

xml::Element roster_item_xml(const RosterItem& item) {
    xml::Element xml(item_name);
    xml.set("jid", item.contact.str());
    if (!item.name.empty()) xml.set("name", item.name);
    xml.set("subscription", to_string(item.subscription));
    if (item.ask_subscribe) xml.set("ask", "subscribe");
    if (item.approved) xml.set("approved", "true");
    for (const std::string& group : item.groups) xml.add_text_child(group_name, group);
    return xml;
}

xml::Element roster_xml(const Roster& roster, bool with_version) {
    xml::Element query(query_name);
    if (with_version) query.set("ver", std::to_string(roster.version));
    for (const RosterItem& item : roster.items) query.add(roster_item_xml(item));
    return query;
}

}  // namespace rookery
