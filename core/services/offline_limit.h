// What the offline module says of a host: how many messages may wait for an account; in the host's slots.
#pragma once

#include <cstddef>
#include <functional>

#include "xmpp/jid.h"

namespace rookery {

struct OfflineLimit {
    std::function<std::size_t(const Jid& account)> messages;  // outlives the module, that of its host
};

}  // namespace rookery
