// Which messages wake a device that can be woken (XEP-0357), and what its service is told of them. Pure.
#pragma once

#include <string>

#include "xmpp/jid.h"
#include "xmpp/stanza.h"

namespace rookery::push {

enum class NotifyOn { all, messages };  // messages: not for calls and invitations

struct Wakes {
    bool yes;
    const char* why;  // for the log
};

// A message for `account`; no_store: XEP-0334 as it came, hints may have been taken out since.
Wakes wakes(const Stanza& message, bool no_store, const Jid& account, NotifyOn on);

struct Happening {
    std::string sender;
    std::string body;           // its beginning
    std::string room_resource;  // of a message to a room's occupant: the session that is one
};

Happening what_happened(const Stanza& message, const Jid& to);

}  // namespace rookery::push
