// RFC 6121 Appendix A, table by table.
#include "core/subscription.h"

#include <gtest/gtest.h>

namespace rookery {
namespace {

using S = Subscription;
using P = PresenceType;

constexpr SubscriptionState none{S::none, false, false};
constexpr SubscriptionState none_out{S::none, true, false};
constexpr SubscriptionState none_in{S::none, false, true};
constexpr SubscriptionState none_out_in{S::none, true, true};
constexpr SubscriptionState to{S::to, false, false};
constexpr SubscriptionState to_in{S::to, false, true};
constexpr SubscriptionState from{S::from, false, false};
constexpr SubscriptionState from_out{S::from, true, false};
constexpr SubscriptionState both{S::both, false, false};

constexpr SubscriptionState states[] = {none, none_out, none_in, none_out_in, to, to_in, from, from_out, both};

struct Row {
    bool passes;
    SubscriptionState next;
};

void expect_table(SubscriptionStep (*step)(SubscriptionState, P), P type, const Row (&rows)[9]) {
    for (std::size_t i = 0; i < 9; ++i) {
        const SubscriptionStep taken = step(states[i], type);
        EXPECT_EQ(taken.passes, rows[i].passes) << to_string(type) << " in state " << i;
        EXPECT_TRUE(taken.next == rows[i].next) << to_string(type) << " in state " << i;
    }
}

TEST(Subscription, OutboundSubscribe) {  // A.2.1
    expect_table(outbound_step, P::subscribe,
                 {{true, none_out}, {true, none_out}, {true, none_out_in}, {true, none_out_in}, {true, to},
                  {true, to_in}, {true, from_out}, {true, from_out}, {true, both}});
}

TEST(Subscription, OutboundUnsubscribe) {  // A.2.2
    expect_table(outbound_step, P::unsubscribe,
                 {{true, none}, {true, none}, {true, none_in}, {true, none_in}, {true, none},
                  {true, none_in}, {true, from}, {true, from}, {true, from}});
}

TEST(Subscription, OutboundSubscribed) {  // A.2.3
    expect_table(outbound_step, P::subscribed,
                 {{false, none}, {false, none_out}, {true, from}, {true, from_out}, {false, to},
                  {true, both}, {false, from}, {false, from_out}, {false, both}});
}

TEST(Subscription, OutboundUnsubscribed) {  // A.2.4
    expect_table(outbound_step, P::unsubscribed,
                 {{false, none}, {false, none_out}, {true, none}, {true, none_out}, {false, to},
                  {true, to}, {true, none}, {true, none_out}, {true, to}});
}

TEST(Subscription, InboundSubscribe) {  // A.3.1
    expect_table(inbound_step, P::subscribe,
                 {{true, none_in}, {true, none_out_in}, {false, none_in}, {false, none_out_in}, {true, to_in},
                  {false, to_in}, {false, from}, {false, from_out}, {false, both}});
}

TEST(Subscription, InboundUnsubscribe) {  // A.3.2
    expect_table(inbound_step, P::unsubscribe,
                 {{false, none}, {false, none_out}, {true, none}, {true, none_out}, {false, to},
                  {true, to}, {true, none}, {true, none_out}, {true, to}});
}

TEST(Subscription, InboundSubscribed) {  // A.3.3
    expect_table(inbound_step, P::subscribed,
                 {{false, none}, {true, to}, {false, none_in}, {true, to_in}, {false, to},
                  {false, to_in}, {false, from}, {true, both}, {false, both}});
}

TEST(Subscription, InboundUnsubscribed) {  // A.3.4
    expect_table(inbound_step, P::unsubscribed,
                 {{false, none}, {true, none}, {false, none_in}, {true, none_in}, {true, none},
                  {true, none_in}, {false, from}, {true, from}, {true, from}});
}

Jid jid(const char* text) { return *Jid::parse(text); }

TEST(Subscription, StateOfAStrangerIsNone) {
    EXPECT_TRUE(subscription_state(Roster(), jid("romeo@example.net")) == none);
}

TEST(Subscription, StateComesFromItemAndRequest) {
    Roster roster;
    roster.items.emplace_back(jid("romeo@example.net"));
    roster.items.back().ask_subscribe = true;
    roster.requests.emplace_back(jid("romeo@example.net"), "");
    EXPECT_TRUE(subscription_state(roster, jid("romeo@example.net")) == none_out_in);
}

// Data of other servers' stores: what no state of A.1 has is not believed.
TEST(Subscription, ContradictionsAreIgnored) {
    Roster roster;
    roster.items.emplace_back(jid("romeo@example.net"));
    roster.items.back().ask_subscribe = true;
    roster.items.back().subscription = S::both;
    roster.requests.emplace_back(jid("romeo@example.net"), "");
    EXPECT_TRUE(subscription_state(roster, jid("romeo@example.net")) == both);
}

}  // namespace
}  // namespace rookery
