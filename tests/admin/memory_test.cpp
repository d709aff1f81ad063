// The walk behind `stats memory`: in parts, and over accounts that come meanwhile.
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/modules/contacts.h"

namespace rookery::test {
namespace {

class MemoryWalk : public testing::Test {
protected:
    void make_accounts(int from, int to) {
        for (int i = from; i < to; ++i) shard.account_for_login(jid("user" + std::to_string(i) + "@localhost"));
    }
    void begin() { spawn(measure(*this)); }
    static Task<void> measure(MemoryWalk& test) { test.found = co_await test.shard.measure_memory(); }
    MemoryUse use_of(const std::string& owner) const {
        const auto at = std::ranges::find(found, owner, &MemoryReport::owner);
        return at == found.end() ? MemoryUse() : at->use;
    }
    template <class Work>
    void on_shard(Work work) { server.loops().at(0).run_here(work); }

    TestServer server;
    Shard& shard = server.home("user0@localhost");
    std::vector<MemoryReport> found;
};

TEST_F(MemoryWalk, TakesSeveralTurnsAndCountsEachOnce) {
    on_shard([this] {
        make_accounts(0, 900);
        begin();
    });
    EXPECT_TRUE(found.empty());  // not in one turn
    server.run_until_idle();
    EXPECT_EQ(use_of("accounts").count, 900u);
    EXPECT_GT(use_of("accounts").bytes, 900 * sizeof(Account));
}

TEST_F(MemoryWalk, BeginsAnewWhenTheAccountsWereSortedAnew) {
    on_shard([this] {
        make_accounts(0, 300);
        begin();
        make_accounts(300, 900);
    });
    server.run_until_idle();
    EXPECT_EQ(use_of("accounts").count, 900u);
}

}  // namespace
}  // namespace rookery::test
