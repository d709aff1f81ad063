#include "core/services/block_list.h"

#include <gtest/gtest.h>

namespace rookery {
namespace {

BlockList list_of(std::initializer_list<const char*> entries) {
    BlockList list;
    for (const char* entry : entries) list.entries.push_back(*Jid::parse(entry));
    std::sort(list.entries.begin(), list.entries.end());
    return list;
}

bool blocks(const BlockList& list, const char* who) { return list.blocks(*Jid::parse(who)); }

TEST(BlockList, EmptyBlocksNobody) { EXPECT_FALSE(blocks(BlockList(), "romeo@montague.net")); }

TEST(BlockList, FullJidBlocksThatResource) {
    const BlockList list = list_of({"romeo@montague.net/orchard", "a@b/c"});
    EXPECT_TRUE(blocks(list, "romeo@montague.net/orchard"));
    EXPECT_FALSE(blocks(list, "romeo@montague.net/home"));
    EXPECT_FALSE(blocks(list, "romeo@montague.net"));
}

TEST(BlockList, BareJidBlocksEveryResource) {
    const BlockList list = list_of({"romeo@montague.net"});
    EXPECT_TRUE(blocks(list, "romeo@montague.net/orchard"));
    EXPECT_TRUE(blocks(list, "romeo@montague.net"));
    EXPECT_FALSE(blocks(list, "montague.net"));
    EXPECT_FALSE(blocks(list, "tybalt@montague.net"));
}

TEST(BlockList, DomainBlocksEverybodyThere) {
    const BlockList list = list_of({"montague.net"});
    EXPECT_TRUE(blocks(list, "montague.net"));
    EXPECT_TRUE(blocks(list, "montague.net/echo"));
    EXPECT_TRUE(blocks(list, "romeo@montague.net/orchard"));
    EXPECT_FALSE(blocks(list, "romeo@sub.montague.net"));
}

TEST(BlockList, DomainWithResourceBlocksOnlyThat) {
    const BlockList list = list_of({"montague.net/echo"});
    EXPECT_TRUE(blocks(list, "montague.net/echo"));
    EXPECT_FALSE(blocks(list, "montague.net"));
    EXPECT_FALSE(blocks(list, "romeo@montague.net/echo"));
}

}  // namespace
}  // namespace rookery
