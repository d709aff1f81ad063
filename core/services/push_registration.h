// A client's registration with a service that can wake it (XEP-0357 section 5), and the account's document of them. Pure.
#pragma once

#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/clock.h"
#include "xmpp/jid.h"
#include "xmpp/stanza_error.h"
#include "xmpp/xml/element.h"

namespace rookery::push {

inline constexpr const char* ns = "urn:xmpp:push:0";

struct Registration {
    Jid service;
    std::string node;
    std::string resource;  // of the client that made it
    std::string options;   // the form as XML, or empty
    // Not stored.
    unsigned unread = 0;   // since the client was last heard of
    SteadyTime told{};     // when of the last of them

    bool is_at(const Jid& jid, std::string_view its_node) const { return service == jid && node == its_node; }
};

// What an <enable/> of this resource asks for.
std::variant<Registration, StanzaError> read_enable(xml::View request, std::string_view resource);

std::string write_document(const std::vector<Registration>& all);
std::vector<Registration> read_document(const std::string& body);

}  // namespace rookery::push
