// What waits and what is through, whatever the order of arrivals and acknowledgements.
#include "core/delivery_ledger.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <set>

namespace rookery {
namespace {

void commit(DeliveryLedger& ledger, std::uint64_t id, std::size_t bytes = 10) {
    ledger.begin(bytes);
    ledger.add(id, bytes);
}

using Ids = std::vector<std::uint64_t>;

DeliveryState waiting(std::uint64_t messages, std::uint64_t through = 0, Ids beyond = {}) {
    DeliveryState state;
    state.delivered_through = through;
    state.delivered_beyond = std::move(beyond);
    state.messages = messages;
    state.bytes = messages * 10;
    return state;
}

TEST(DeliveryLedger, IsThroughWhatWasReceivedInOrder) {
    DeliveryLedger ledger;
    ledger.load(waiting(0, 5));
    commit(ledger, 7);
    commit(ledger, 9);
    EXPECT_EQ(ledger.messages(), 2u);
    EXPECT_EQ(ledger.bytes(), 20u);
    EXPECT_TRUE(ledger.receive(7));
    EXPECT_EQ(ledger.through(), 8u);
    EXPECT_TRUE(ledger.receive(9));
    EXPECT_EQ(ledger.through(), 9u);
    EXPECT_FALSE(ledger.receive(9));
    EXPECT_EQ(ledger.messages(), 0u);
}

TEST(DeliveryLedger, CountsWhatIsBeingCommitted) {
    DeliveryLedger ledger;
    ledger.load(waiting(0));
    ledger.begin(10);
    ledger.begin(20);
    EXPECT_EQ(ledger.messages(), 2u);
    EXPECT_EQ(ledger.bytes(), 30u);
    ledger.drop(10);
    ledger.add(5, 20);
    EXPECT_EQ(ledger.messages(), 1u);
    EXPECT_EQ(ledger.bytes(), 20u);
}

TEST(DeliveryLedger, NotesWhatWasReceivedEarly) {
    DeliveryLedger ledger;
    ledger.load(waiting(0));
    for (std::uint64_t id : {1, 2, 3}) commit(ledger, id);
    EXPECT_TRUE(ledger.receive(3));
    EXPECT_EQ(ledger.through(), 0u);
    EXPECT_EQ(ledger.beyond(), Ids{3});
    EXPECT_TRUE(ledger.receive(1));
    EXPECT_TRUE(ledger.receive(2));
    EXPECT_EQ(ledger.through(), 3u);
    EXPECT_EQ(ledger.beyond(), Ids{});
}

// Before it is known what waits from earlier, nothing is through.
TEST(DeliveryLedger, WhatWaitedBeforeKeepsItsPlace) {
    DeliveryLedger ledger;
    ledger.load(waiting(2, 1, {6}));
    commit(ledger, 10);
    EXPECT_TRUE(ledger.receive(10));
    EXPECT_EQ(ledger.through(), 1u);
    EXPECT_EQ(ledger.beyond(), (Ids{6, 10}));
    EXPECT_TRUE(ledger.receive(4));  // handed over before the list is complete
    ledger.list({4, 5});
    EXPECT_EQ(ledger.through(), 4u);
    EXPECT_EQ(ledger.messages(), 1u);
    EXPECT_TRUE(ledger.receive(5));
    EXPECT_EQ(ledger.through(), 10u);
}

TEST(DeliveryLedger, RowsThatDoNotWaitArePassed) {
    DeliveryLedger ledger;
    ledger.load(waiting(0, 1));
    commit(ledger, 3);
    ledger.pass(5);
    EXPECT_EQ(ledger.through(), 2u);
    EXPECT_TRUE(ledger.receive(3));
    EXPECT_EQ(ledger.through(), 5u);
}

// Against a plain set: what the database would say waits is what does.
TEST(DeliveryLedger, AgreesWithTheDatabase) {
    std::mt19937 random(11);
    for (int round = 0; round < 200; ++round) {
        DeliveryLedger ledger;
        ledger.load(waiting(0));
        std::set<std::uint64_t> all, open;
        for (std::uint64_t id = 1; id < 60; ++id) {
            if (random() % 2) {
                commit(ledger, id, 1);
                all.insert(id);
                open.insert(id);
            }
            if (open.empty() || random() % 3 == 0) continue;
            const auto one = std::next(open.begin(), static_cast<long>(random() % open.size()));
            EXPECT_TRUE(ledger.receive(*one));
            open.erase(one);
        }
        std::set<std::uint64_t> stored;
        for (std::uint64_t id : all)
            if (id > ledger.through() && !std::ranges::binary_search(ledger.beyond(), id)) stored.insert(id);
        EXPECT_EQ(stored, open);
        EXPECT_EQ(ledger.messages(), open.size());
    }
}

}  // namespace
}  // namespace rookery
