// A shard's hosts across a reload, and its accounts in memory.
#include "core/shard.h"

#include <gtest/gtest.h>

#include <optional>
#include <stdexcept>

#include "core/access.h"
#include "tests/modules/contacts.h"
#include "tests/support/test_client.h"

namespace rookery::test {
namespace {

std::shared_ptr<const HostOptions> plain_host(const std::string& domain) {
    auto options = std::make_shared<HostOptions>();
    options->domain = domain;
    options->access = std::make_shared<const AccessRules>();
    return options;
}

// The sessions of the second say goodbye while the first is on its way out already.
TEST(Shard, SeveralHostsMayGoAtOnce) {
    TestServer server;
    befriend(server, "juliet@localhost", "romeo@other.localhost");
    TestClient juliet(server, "juliet@localhost/balcony");
    TestClient romeo(server, "romeo@other.localhost/orchard");
    juliet.become_available();
    romeo.become_available();
    server.loops().at(0).run_here([&] { server.assembly().shards().at(0).apply({plain_host("new.localhost")}); });
    EXPECT_NE(juliet.receive().find("<host-gone"), std::string::npos);
    EXPECT_NE(romeo.receive().find("<host-gone"), std::string::npos);
    Shard& shard = server.assembly().shards().at(0);
    EXPECT_EQ(shard.hosts().size(), 1u);
    EXPECT_NE(shard.find_host("new.localhost"), nullptr);
}

// Somebody still holds an account that was forgotten; its age must not cost its successor his place.
TEST(Shard, AnAccountMadeAnewOutlivesItsPredecessor) {
    TestServer server;
    Shard& shard = server.home("juliet@localhost");
    const AccountPtr old = server.wait(shard.load_account(jid("juliet@localhost"))).value();
    shard.drop_account(*old);
    const AccountPtr young = shard.account_for_login(jid("juliet@localhost"));
    ASSERT_NE(old, young);
    for (std::size_t i = 0; i < ShardOptions().max_cached_accounts; ++i)
        ASSERT_TRUE(server.wait(shard.load_account(jid("a" + std::to_string(i) + "@localhost"))).ok());
    EXPECT_EQ(shard.find_account("juliet@localhost"), young);
}

Task<void> ask_whether_exists(Shard& shard, std::optional<bool>& exists) {
    Result<AccountPtr> account = co_await shard.load_account(jid("newcomer@localhost"));
    exists = account.ok() && (*account)->exists();
}

TEST(Shard, AnAnswerFromBeforeTheAccountWasMadeDoesNotCount) {
    TestServer server;
    Shard& shard = server.home("newcomer@localhost");
    std::optional<bool> exists;
    server.loops().at(shard.index()).run_here([&] {
        spawn(ask_whether_exists(shard, exists));
        shard.account_has_changed(jid("newcomer@localhost"), true);
    });
    server.run_until_idle();
    EXPECT_EQ(exists, true);
}

TEST(Shard, WhoAsksAnotherHearsOfItsFailure) {
    TestServerOptions options;
    options.shards = 2;
    TestServer server(options);
    const auto ask = [](Shards& shards) -> Task<std::string> {
        try {
            const auto fail = [](Shard&) -> int { throw std::runtime_error("no"); };
            co_return std::to_string(co_await shards.on(1, fail));
        } catch (const std::runtime_error& error) {
            co_return error.what();
        }
    };
    EXPECT_EQ(server.wait(ask(server.assembly().shards())), "no");
}

}  // namespace
}  // namespace rookery::test
