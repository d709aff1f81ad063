// A roster as clients are shown it (RFC 6121 2.1).
#pragma once

#include "storage/roster_store.h"
#include "xmpp/xml/element.h"

namespace rookery {

xml::Element roster_item_xml(const RosterItem& item);
xml::Element roster_xml(const Roster& roster, bool with_version = false);  // 2.6: for who asked with a version

}  // namespace rookery
