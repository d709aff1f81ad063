// What the push module says of sessions, and does when asked: for those who treat push clients in their own way
// (push_keepalive).
#pragma once

#include "core/hooks.h"

namespace rookery {

// On a session whose client asked for push notifications (XEP-0357).
struct WantsPush {};

// On a host, of one shard.
struct PushService {
    // This session's device is to come back, also when no message waits for it. Nobody listens while the module is off.
    Hook<SessionEvent> wake{"push_wake"};
    // Ten seconds after a start devices are woken for what waits: for all of it, not only for what came shortly before.
    bool wakes_for_all_at_start = false;
};

}  // namespace rookery
