#include "c2s/resumptions.h"

#include <gtest/gtest.h>

#include <string>

#include "c2s/session.h"

namespace rookery {
namespace {

const Jid alice = *Jid::parse("alice@example.org");
const Jid bob = *Jid::parse("bob@example.org");

ResumptionId id(const std::string& text) { return *ResumptionId::parse(text); }

TEST(ResumptionId, IsItsText) {
    EXPECT_EQ(id("abc").text(), "abc");
    EXPECT_EQ(id(std::string(24, 'a')).text(), std::string(24, 'a'));
    EXPECT_TRUE(id("").empty());
    EXPECT_EQ(id("abc"), id("abc"));
    EXPECT_NE(id("abc"), id("abcd"));
    EXPECT_FALSE(ResumptionId::random().empty());
    EXPECT_NE(ResumptionId::random(), ResumptionId::random());
}

TEST(ResumptionId, IsNotWhatNoSessionHas) {
    EXPECT_FALSE(ResumptionId::parse(std::string(25, 'a')));
    EXPECT_FALSE(ResumptionId::parse(std::string_view("a\0b", 3)));
}

TEST(Resumptions, ThoseThatAreOverAreRememberedForTheirAccount) {
    Resumptions resumptions;
    resumptions.remember({id("one"), alice, 7});
    EXPECT_EQ(resumptions.last_count(id("one"), alice), 7u);
    EXPECT_FALSE(resumptions.last_count(id("one"), bob));
    EXPECT_FALSE(resumptions.last_count(id("two"), alice));
    EXPECT_FALSE(resumptions.take(id("one"), alice));
}

TEST(Resumptions, TheOldestIsForgotten) {
    Resumptions resumptions;
    for (std::uint32_t i = 0; i <= Resumptions::max_remembered; ++i)
        resumptions.remember({id(std::to_string(i)), alice, i});
    EXPECT_FALSE(resumptions.last_count(id("0"), alice));
    EXPECT_EQ(resumptions.last_count(id("1"), alice), 1u);
    EXPECT_EQ(resumptions.last_count(id(std::to_string(Resumptions::max_remembered)), alice),
              Resumptions::max_remembered);
    EXPECT_EQ(resumptions.ended().size(), Resumptions::max_remembered);
    EXPECT_EQ(resumptions.ever_remembered(), Resumptions::max_remembered + 1);
}

}  // namespace
}  // namespace rookery
