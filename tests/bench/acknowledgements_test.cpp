#include "bench/load/acknowledgements.h"

#include <gtest/gtest.h>

namespace rookery::bench {
namespace {

std::string answer(const char* h) { return std::string("<a xmlns='urn:xmpp:sm:3' h='") + h + "'/>"; }

TEST(Acknowledgements, CountMessagesOnly) {
    Acknowledgements acks;
    for (const bool is_message : {false, true, false, true, true}) acks.sent(is_message);
    EXPECT_EQ(acks.accept(answer("3")), 1u);
    EXPECT_EQ(acks.accept(answer("3")), 0u);
    EXPECT_EQ(acks.accept(answer("5")), 2u);
}

TEST(Acknowledgements, OfWhatWasNotSentAreNone) {
    Acknowledgements acks;
    acks.sent(true);
    for (const char* h : {"2", "4294967295", "", "x", "1x"}) EXPECT_EQ(acks.accept(answer(h)), std::nullopt) << h;
    EXPECT_EQ(acks.accept(answer("1")), 1u);
    EXPECT_EQ(acks.accept(answer("0")), std::nullopt);
}

TEST(Acknowledgements, AnswerWithWhatArrived) {
    Acknowledgements acks;
    acks.received();
    acks.received();
    EXPECT_EQ(acks.answer(), answer("2"));
}

TEST(Acknowledgements, what_came_before_enabled_does_not_count) {
    Acknowledgements acks;
    acks.received();
    acks.enabled();
    acks.received();
    EXPECT_EQ(acks.answer(), "<a xmlns='urn:xmpp:sm:3' h='1'/>");
}

}  // namespace
}  // namespace rookery::bench
