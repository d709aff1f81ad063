// Access rules (ejabberd's acl and access_rules): pure decisions over an address and an IP.
#pragma once

#include <string_view>

#include "xmpp/jid.h"

namespace rookery {

class AccessRules {
public:
    bool allows(std::string_view rule, const Jid&, std::string_view) const { return rule != "none"; }
};

}  // namespace rookery
