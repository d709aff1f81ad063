// What a listener for components (XEP-0114) asks of them. Immutable; a reload makes a new one for the next connection.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "core/access.h"
#include "xmpp/xml/stream_parser.h"

namespace rookery {

struct ComponentPolicy {
    std::map<std::string, std::string, std::less<>> secrets;  // by domain, none of them empty
    std::string any_secret;                                   // of every other domain; empty: there are no others
    AccessRule access;                                        // asked for the component's domain
    std::shared_ptr<const AccessRules> rules;
    std::string shaper = "none";                              // of what it sends
    xml::ParserLimits before_handshake;
    xml::ParserLimits after_handshake;
    std::size_t max_bytes_before_handshake = 65'536;
    Duration handshake_within = Seconds(30);
    std::size_t max_output_bytes = 4u << 20;  // past it stanzas for a component that reads too slowly are refused
    Seconds send_timeout{15};                 // and one that takes nothing for so long is disconnected

    // nullptr: no component of that name may connect here.
    const std::string* secret_of(std::string_view domain) const {
        const auto at = secrets.find(domain);
        if (at != secrets.end()) return &at->second;
        return any_secret.empty() ? nullptr : &any_secret;
    }
};

}  // namespace rookery
