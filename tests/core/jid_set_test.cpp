#include "core/jid_set.h"

#include <gtest/gtest.h>

namespace rookery {
namespace {

Jid jid(const std::string& text) { return *Jid::parse(text); }

TEST(JidSet, HoldsBareAddresses) {
    JidSet set;
    EXPECT_FALSE(set.contains(jid("romeo@montague.net")));
    set.insert(jid("romeo@montague.net"));
    set.insert(jid("romeo@montague.net/orchard"));
    EXPECT_EQ(set.size(), 1u);
    EXPECT_TRUE(set.contains(jid("romeo@montague.net/home")));
    EXPECT_FALSE(set.contains(jid("montague.net")));
    set.erase(jid("juliet@capulet.com"));
    set.erase(jid("romeo@montague.net"));
    EXPECT_FALSE(set.contains(jid("romeo@montague.net")));
}

TEST(JidSet, HoldsMany) {
    JidSet set;
    for (int i = 0; i < 1'000; ++i) set.insert(jid("u" + std::to_string(i) + "@x"));
    EXPECT_EQ(set.size(), 1'000u);
    for (int i = 0; i < 1'000; ++i) EXPECT_TRUE(set.contains(jid("u" + std::to_string(i) + "@x"))) << i;
    EXPECT_FALSE(set.contains(jid("u1000@x")));
}

TEST(JidSet, MadeAtOnceIsTheSame) {
    const JidSet set({"b@x", "a@x", "b@x"});
    EXPECT_EQ(set.size(), 2u);
    EXPECT_TRUE(set.contains(jid("a@x/r")) && set.contains(jid("b@x")));
    EXPECT_FALSE(set.contains(jid("c@x")));
}

}  // namespace
}  // namespace rookery
