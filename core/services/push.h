// What the push module says of sessions: for those who treat push clients in their own way (push_keepalive).
#pragma once

namespace rookery {

// On a session whose client asked for push notifications (XEP-0357).
struct WantsPush {};

}  // namespace rookery
