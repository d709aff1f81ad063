// Presence subscriptions between a user and a contact as the user's server sees them: RFC 6121 Appendix A as pure
// functions. The nine states of A.1 are three facts; what a roster item and a pending request say together.
//
//   subscription  none | to (we see them) | from (they see us) | both
//   pending_out   we asked, they have not answered      (never with `to`)
//   pending_in    they asked, we have not answered      (never with `from`)
#pragma once

#include "storage/roster_store.h"
#include "xmpp/stanza.h"

namespace rookery {

inline bool sees_them(Subscription subscription) {
    return subscription == Subscription::to || subscription == Subscription::both;
}
inline bool sees_us(Subscription subscription) {
    return subscription == Subscription::from || subscription == Subscription::both;
}
const char* to_string(Subscription subscription);

struct SubscriptionState {
    Subscription subscription = Subscription::none;
    bool pending_out = false;
    bool pending_in = false;

    bool operator==(const SubscriptionState&) const = default;
};

struct SubscriptionStep {
    SubscriptionState next;
    bool passes;  // outbound: it is routed to the contact; inbound: it is shown to the user
};

// Is it one of subscribe, subscribed, unsubscribe, unsubscribed?
bool is_subscription(PresenceType type);

// A.2: the user sends it. REQUIRES: is_subscription(type).
SubscriptionStep outbound_step(SubscriptionState state, PresenceType type);
// A.3: the contact sends it. A `subscribe` from somebody who sees us already does not pass: it is answered.
SubscriptionStep inbound_step(SubscriptionState state, PresenceType type);

// Of the contact, out of the whole roster; the contact need not be in it.
SubscriptionState subscription_state(const Roster& roster, const Jid& contact);

}  // namespace rookery
