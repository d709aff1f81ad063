// What the push module says of sessions, and does when asked: for those who treat push clients in their own way
// (push_keepalive).
#pragma once

#include <functional>

namespace rookery {

// On a session whose client asked for push notifications (XEP-0357).
struct WantsPush {};

// On a host, of one shard, while the module is there.
struct PushService {
    std::function<void()> wake_waiting;  // devices of accounts at home on this shard for which something waits; takes its time
};

}  // namespace rookery
