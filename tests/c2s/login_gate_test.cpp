#include "c2s/login_gate.h"

#include <gtest/gtest.h>

#include <map>
#include <string>

#include "tests/support/fake_loop.h"

namespace rookery::test {
namespace {

using Step = LoginGate::Step;

class LoginGates : public testing::Test {
protected:
    // What is begun writes its name down and waits to be told that it is done.
    void run(Step step, char name) { gate.run(step, work(*this, name)); }
    static Task<void> work(LoginGates& test, char name) {
        test.order += name;
        test.ranks[name] = Loop::rank();
        Completion<bool>& until = test.done[name];
        co_await until;
    }
    void finish(std::string_view names) {
        for (const char name : names) done[name].complete(true);
        loops.run_until_idle();
    }

    FakeLoops loops{1};
    std::map<char, Completion<bool>> done;
    std::map<char, Rank> ranks;
    std::string order;
    LoginGate gate{loops.at(0), 2};
};

TEST_F(LoginGates, SoManyWorkAtOnce) {
    for (const char name : {'a', 'b', 'c', 'd', 'e'}) run(Step::credentials, name);
    EXPECT_EQ(order, "ab");
    EXPECT_EQ(gate.now().length, 5u);
    EXPECT_EQ(gate.counts().refused, 3u);
    finish("b");
    EXPECT_EQ(order, "abc");
    finish("ac");
    EXPECT_EQ(order, "abcde");
    finish("de");
    EXPECT_EQ(gate.now().length, 0u);
    EXPECT_EQ(gate.counts().in, 5u);
    EXPECT_EQ(gate.counts().out, 5u);
}

TEST_F(LoginGates, WhoCameFurtherGoesFirst) {
    run(Step::credentials, '1');
    run(Step::credentials, '2');
    run(Step::credentials, 'c');
    run(Step::bind, 'b');
    run(Step::resume, 'r');
    finish("12");
    EXPECT_EQ(order, "12rb");
    finish("rbc");
    EXPECT_EQ(order, "12rbc");
}

TEST_F(LoginGates, ResumptionsAreInAndLoginsAreNot) {
    run(Step::credentials, 'c');
    run(Step::resume, 'r');
    run(Step::resume, 'R');
    run(Step::bind, 'b');
    finish("crRb");
    EXPECT_EQ(ranks, (std::map<char, Rank>{{'c', Rank::newcomer}, {'r', Rank::in}, {'R', Rank::in}, {'b', Rank::newcomer}}));
}

TEST_F(LoginGates, NobodyIsOvertaken) {
    for (const char name : {'a', 'b', 'c'}) run(Step::bind, name);
    done['a'].complete(true);
    run(Step::bind, 'd');  // before c's turn came
    loops.run_until_idle();
    EXPECT_EQ(order, "abc");
    finish("bcd");
    EXPECT_EQ(order, "abcd");
}

TEST_F(LoginGates, WhatWaitsAtTheEndNeverBegins) {
    run(Step::bind, 'a');
    {
        LoginGate small(loops.at(0), 0);
        small.run(Step::bind, work(*this, 'x'));
    }
    finish("a");
    EXPECT_EQ(order, "a");
}

}  // namespace
}  // namespace rookery::test
