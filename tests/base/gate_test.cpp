#include "base/gate.h"

#include <gtest/gtest.h>

#include "hand_loop.h"

namespace rookery {
namespace {

TEST(Gate, AnEmptyGateClosesAtOnceAndAdmitsNobody) {
    Gate gate;
    bool closed = false;
    auto wait = [&]() -> Task<void> {
        co_await gate.close();
        closed = true;
    };
    spawn(wait());
    EXPECT_TRUE(closed);
    EXPECT_FALSE(gate.enter().has_value());
}

TEST(Gate, CloseWaitsForTheLastPass) {
    HandLoop loop;
    Gate gate;
    bool closed = false;
    auto wait = [&]() -> Task<void> {
        co_await gate.close();
        closed = true;
    };
    std::optional<Gate::Pass> first = gate.enter(), second = gate.enter();
    EXPECT_EQ(gate.count(), 2u);
    Gate::Pass moved = std::move(*first);
    first.reset();
    EXPECT_EQ(gate.count(), 2u);
    spawn(wait());
    second.reset();
    EXPECT_TRUE(loop.idle());
    { const Gate::Pass gone = std::move(moved); }
    EXPECT_FALSE(closed);  // in a later turn, not inside the destructor
    ASSERT_TRUE(loop.turn());
    EXPECT_TRUE(closed);
}

}  // namespace
}  // namespace rookery
