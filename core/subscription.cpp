#include "core/subscription.h"

#include <algorithm>
#include <cassert>

#include "core/account.h"

namespace rookery {
namespace {

Subscription make_subscription(bool to, bool from) {
    return static_cast<Subscription>((to ? 1 : 0) | (from ? 2 : 0));
}

// `asks` is whether a request of that direction is open, `sees` what it is about.
struct Direction {
    bool sees;
    bool asks;

    bool operator==(const Direction&) const = default;
};

Direction they_to_us(SubscriptionState state) { return {sees_us(state.subscription), state.pending_in}; }
Direction we_to_them(SubscriptionState state) { return {sees_them(state.subscription), state.pending_out}; }

SubscriptionState make_state(Direction ours, Direction theirs) {
    return {make_subscription(ours.sees, theirs.sees), ours.asks, theirs.asks};
}

constexpr Direction nothing{false, false};

Direction requested(Direction before) { return before.sees ? before : Direction{false, true}; }
Direction approved(Direction before) { return before.asks ? Direction{true, false} : before; }

}  // namespace

const char* to_string(Subscription subscription) {
    switch (subscription) {
        case Subscription::none: return "none";
        case Subscription::to: return "to";
        case Subscription::from: return "from";
        case Subscription::both: return "both";
    }
    return "";
}

bool is_subscription(PresenceType type) {
    return type == PresenceType::subscribe || type == PresenceType::subscribed || type == PresenceType::unsubscribe ||
           type == PresenceType::unsubscribed;
}

// What asks is routed even where it changes nothing, so that two servers that disagree find together again.
SubscriptionStep outbound_step(SubscriptionState state, PresenceType type) {
    assert(is_subscription(type));
    const Direction ours = we_to_them(state);
    const Direction theirs = they_to_us(state);
    if (type == PresenceType::subscribe) return {make_state(requested(ours), theirs), true};
    if (type == PresenceType::unsubscribe) return {make_state(nothing, theirs), true};
    const Direction next = type == PresenceType::subscribed ? approved(theirs) : nothing;
    return {make_state(ours, next), next != theirs};
}

SubscriptionStep inbound_step(SubscriptionState state, PresenceType type) {
    assert(is_subscription(type));
    Direction ours = we_to_them(state);
    Direction theirs = they_to_us(state);
    switch (type) {
        case PresenceType::subscribe: theirs = requested(theirs); break;
        case PresenceType::unsubscribe: theirs = nothing; break;
        case PresenceType::subscribed: ours = approved(ours); break;
        default: ours = nothing; break;
    }
    const SubscriptionState next = make_state(ours, theirs);
    return {next, next != state};
}

SubscriptionState subscription_state(const Roster& roster, const Jid& contact) {
    SubscriptionState state;
    if (const RosterItem* item = find_item(roster, contact)) {
        state.subscription = item->subscription;
        state.pending_out = item->ask_subscribe && !sees_them(item->subscription);
    }
    state.pending_in = !sees_us(state.subscription) && std::ranges::find(roster.requests, contact, &PendingRequest::from) !=
                                                           roster.requests.end();
    return state;
}

}  // namespace rookery
