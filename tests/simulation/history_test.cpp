// The checker of the simulation finds what it is there to find.
#include "tests/simulation/history.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace rookery::test {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr History::Rules archived{true, true, true};
constexpr unsigned romeo = 0, juliet = 1;  // accounts, each with the client of that number

struct HistoryTest : ::testing::Test {
    History history;
    std::size_t accepted() {
        const std::size_t message = history.say(romeo, juliet, "juliet@localhost");
        history.said(message).accepted = true;
        return message;
    }
    void receive(std::size_t message, std::string id, unsigned session = 1) { history.receive(message, juliet, {juliet, session, std::move(id), false}); }
};

TEST_F(HistoryTest, AllIsWell) {
    const std::size_t message = accepted();
    receive(message, "a");
    history.archive(message, juliet, "a");
    EXPECT_THAT(history.faults(archived), IsEmpty());
}

TEST_F(HistoryTest, Lost) {
    accepted();
    EXPECT_THAT(history.faults({}), Contains(HasSubstr("never received")));
    EXPECT_THAT(history.faults(archived), Contains(HasSubstr("no archive")));
}

TEST_F(HistoryTest, WhatWasRefusedOrIsNotAcceptedMayBeMissing) {
    history.said(history.say(romeo, juliet, "juliet@localhost")).refused = true;
    EXPECT_THAT(history.faults(archived), IsEmpty());
}

TEST_F(HistoryTest, Silence) {
    history.say(romeo, juliet, "juliet@localhost");
    EXPECT_THAT(history.faults({}), Contains(HasSubstr("silence")));
}

TEST_F(HistoryTest, Ghost) {
    receive(7, "a");
    history.receive(accepted(), romeo, {romeo, 1, "b", false});
    EXPECT_THAT(history.faults({}), Contains(HasSubstr("never sent")));
    EXPECT_THAT(history.faults({}), Contains(HasSubstr("not for its recipient")));
}

TEST_F(HistoryTest, Doubled) {
    const std::size_t twice = accepted(), other_id = accepted(), archived_twice = accepted();
    receive(twice, "a");
    receive(twice, "a");
    receive(other_id, "b");
    receive(other_id, "c", 2);
    receive(archived_twice, "d");
    history.archive(archived_twice, juliet, "d");
    history.archive(archived_twice, juliet, "d");
    const std::vector<std::string> faults = history.faults(archived);
    EXPECT_THAT(faults, Contains(HasSubstr("message 0 came twice")));
    EXPECT_THAT(faults, Contains(HasSubstr("message 1 has several ids")));
    EXPECT_THAT(faults, Contains(HasSubstr("message 2 is in the archive twice")));
}

TEST_F(HistoryTest, AgainUnderTheSameIdInAnotherSessionIsAllowed) {
    const std::size_t message = accepted();
    receive(message, "a", 1);
    receive(message, "a", 2);
    EXPECT_THAT(history.faults({}), IsEmpty());
}

TEST_F(HistoryTest, Disorder) {
    const std::size_t first = accepted(), second = accepted();
    receive(second, "b");
    receive(first, "a");
    EXPECT_THAT(history.faults({}), Contains(HasSubstr("disorder: message 0 after message 1 at client")));
    EXPECT_THAT(history.faults({false, false, true}), IsEmpty());
}

}  // namespace
}  // namespace rookery::test
