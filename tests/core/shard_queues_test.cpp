// What core puts on a shard's board of queues.
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/modules/contacts.h"

namespace rookery::test {
namespace {

Stanza request(int number) {
    Stanza question = parse_stanza("<iq type='get' id='r" + std::to_string(number) +
                                   "' to='romeo@localhost'><query xmlns='urn:example:unknown'/></iq>").value();
    question.from = jid("juliet@localhost/balcony");
    return question;
}

std::shared_ptr<const HostOptions> without(const Shard& shard, const std::string& domain, std::string_view module) {
    auto options = std::make_shared<HostOptions>(shard.find_host(domain)->options());
    std::erase_if(options->modules, [module](const auto& one) { return one.spec->name == module; });
    return options;
}

QueueReport report_of(Shard& shard, const std::string& name) {
    std::vector<QueueReport> all = shard.queues().report(shard.loop().clock().steady_now());
    const auto at = std::ranges::find(all, name, &QueueReport::name);
    if (at != all.end()) return *at;
    ADD_FAILURE() << "no queue " << name;
    return all.front();
}

// Somebody who is at home there.
std::string user_of(const Shard& shard) {
    for (int i = 0;; ++i)
        if (const std::string name = "user" + std::to_string(i); shard.all().home_of(name + "@localhost") == shard.index()) return name;
}

class ShardQueues : public testing::Test {
protected:
    explicit ShardQueues(TestServerOptions options = {}) : server(std::move(options)) { EXPECT_TRUE(server.make_account("romeo", "localhost", "secret").ok()); }

    QueueReport report(const std::string& name) { return report_of(home, name); }
    bool shows(std::string_view name) {
        return std::ranges::count(home.queues().report(server.loops().clock().steady_now()), name, &QueueReport::name) > 0;
    }

    TestServer server;
    TestClient juliet{server, "juliet@localhost/balcony"};
    Shard& home = server.home("romeo@localhost");
};

TEST_F(ShardQueues, AnAccountsQueueFillsUpAndEmpties) {
    std::optional<QueueReport> full;
    server.loops().at(home.index()).run_here([&] {
        for (int i = 0; i < 1'100; ++i) home.router().send(request(i));
        full = report("account_queue");
    });
    EXPECT_GE(full->now.length, 1'000u);
    EXPECT_EQ(full->now.fullness, 1.0);
    EXPECT_EQ(full->refused, 100u);
    ASSERT_FALSE(full->now.longest.empty());
    EXPECT_EQ(full->now.longest[0].name, "romeo@localhost");
    EXPECT_EQ(full->now.longest[0].length, 1'000u);
    server.run_until_idle();
    EXPECT_EQ(report("account_queue").now.length, 0u);
}

// Behind a piece of work of the account itself.
TEST_F(ShardQueues, KnowsHowLongTheOldestWaits) {
    TestClient romeo(server, "romeo@localhost/orchard");
    Completion<Nothing> go;
    server.loops().at(home.index()).run_here([&] {
        home.find_account("romeo@localhost")->enqueue([](Completion<Nothing>& until) -> Task<void> {
            (void)co_await until;
        }(go));
        home.router().send(request(1));
    });
    server.loops().advance(Seconds(7));
    const QueueReport waiting = report("account_queue");
    EXPECT_EQ(waiting.now.length, 1u);
    EXPECT_EQ(waiting.now.oldest, Duration(Seconds(7)));
    EXPECT_TRUE(waiting.stuck());
    server.loops().at(home.index()).run_here([&] { go.complete(Nothing()); });
    server.run_until_idle();
    EXPECT_EQ(report("account_queue").now.length, 0u);
}

TEST_F(ShardQueues, RatesAreKnownWhereNobodyAskedBefore) {
    home.watch_queues();
    for (int second = 0; second < 20; ++second) {
        server.loops().at(home.index()).run_here([&] {
            if (const AccountPtr romeo = home.find_account("romeo@localhost")) home.drop_account(*romeo);
            for (int i = 0; i < 50; ++i) home.router().send(request(i));
        });
        server.loops().advance(Seconds(1));
    }
    const QueueReport busy = report("account_queue");
    EXPECT_NEAR(busy.in[1], 100, 10);  // and once more where the answers wait
    EXPECT_NEAR(busy.out[1], busy.in[1], 1);
}

TEST_F(ShardQueues, CountsWhatWaitsForAnAbsentRecipient) {
    (void)report("undelivered");
    juliet.send("<message to='romeo@localhost' type='chat'><body>Are you there?</body></message>");
    server.loops().advance(Seconds(5));
    const QueueReport undelivered = report("undelivered");
    EXPECT_EQ(undelivered.now.length, 1u);
    EXPECT_EQ(undelivered.now.longest.at(0).name, "romeo@localhost");
    EXPECT_NEAR(std::chrono::duration<double>(undelivered.now.oldest.value()).count(), 5, 0.1);
    EXPECT_GT(undelivered.in[0], 0.1);
    EXPECT_EQ(undelivered.out[0], 0);
    TestClient romeo(server, "romeo@localhost/orchard");
    romeo.become_available();
    server.loops().advance(Seconds(5));
    const QueueReport received = report("undelivered");
    EXPECT_EQ(received.now.length, 0u);
    EXPECT_GT(received.out[0], 0.1);
}

class SmallOffline : public ShardQueues {
protected:
    SmallOffline() : ShardQueues({.modules = {{"offline", "access_max_user_messages: 4"}}}) {}
};

TEST_F(SmallOffline, UndeliveredKnowsItsBound) {
    for (int i = 0; i < 6; ++i) juliet.send("<message to='romeo@localhost' type='chat'><body>Hello?</body></message>");
    server.run_until_idle();
    const QueueReport full = report("undelivered");
    EXPECT_EQ(full.now.length, 4u);
    EXPECT_EQ(full.now.bound, 4u);
    EXPECT_EQ(full.now.fullness, 1.0);
    EXPECT_EQ(full.refused, 2u);
}

TEST_F(ShardQueues, UnsettledKnowsTheOldest) {
    const SessionPtr session = server.home("juliet@localhost").find_account("juliet@localhost")->find_session("balcony");
    Shard& hers = server.home("juliet@localhost");
    server.loops().at(hers.index()).run_here([&] {
        std::vector<TicketPtr> open;
        for (int i = 0; i < 5; ++i) {
            open.push_back(session->issue_ticket(hers, 1));
            server.loops().clock().advance(Seconds(1));
        }
        EXPECT_EQ(report("unsettled").now.oldest, Duration(Seconds(5)));
        open.erase(open.begin());
        const std::optional<Duration> left = report("unsettled").now.oldest;  // at least that of the last, at most its own
        EXPECT_GE(left, Duration(Seconds(1)));
        EXPECT_LE(left, Duration(Seconds(4)));
        server.loops().clock().advance(Seconds(10));
        EXPECT_GE(report("unsettled").now.oldest, Duration(Seconds(11)));
        open.clear();
        const QueueReport settled = report("unsettled");
        EXPECT_EQ(settled.now.length, 0u);
        EXPECT_EQ(settled.now.oldest, std::nullopt);
        EXPECT_GT(settled.out[0], 0);
    });
}

TEST_F(ShardQueues, CachesTellWhatCameAndWent) {
    (void)report("account_cache");
    for (int i = 0; i < 1'100; ++i)
        ASSERT_TRUE(server.wait(home.load_account(jid("a" + std::to_string(i) + "@localhost"))).ok());
    server.loops().advance(Seconds(10));
    const QueueReport cache = report("account_cache");
    EXPECT_EQ(cache.now.length, 1'000u);
    EXPECT_NEAR(cache.in[1], 110, 2);
    EXPECT_NEAR(cache.out[1], 10, 2);
}

// A reload that takes a module away takes its queues with it.
TEST_F(ShardQueues, ModulesTakeTheirQueuesWithThem) {
    EXPECT_TRUE(shows("push"));
    EXPECT_TRUE(shows("held"));
    server.loops().at(home.index()).run_here([&] { home.apply({without(home, "localhost", "push"), without(home, "other.localhost", "push")}); });
    EXPECT_FALSE(shows("push"));
    EXPECT_TRUE(shows("held"));
}

class FullRings : public ShardQueues {
protected:
    FullRings() : ShardQueues({.shards = 2, .assembly = {.ring_capacity = 8, .shard = {.max_parked = 20}}}) {}
};

// The ring takes 8, 20 are parked, the rest is refused; answers are taken beyond that.
TEST_F(FullRings, OverflowIsBounded) {
    Shard& other = server.assembly().shards().at(1 - home.index());
    const std::string who = user_of(other) + "@localhost/garden";
    TestClient nurse(server, who);
    server.loops().at(other.index()).run_here([&] {
        for (int i = 0; i < 100; ++i) {
            Stanza question = request(i);
            question.from = jid(who);
            other.router().send(std::move(question));
        }
        const QueueReport full = report_of(other, "ring_overflow");
        EXPECT_EQ(full.now.length, 20u);
        EXPECT_EQ(full.now.bound, 20u);
        EXPECT_EQ(full.refused, 72u);
        EXPECT_TRUE(other.congested());
    });
    server.run_until_idle();
    EXPECT_EQ(report_of(other, "ring_overflow").now.length, 0u);
    const std::string answers = nurse.receive();
    EXPECT_EQ(count_of(answers, "<resource-constraint"), 72u);
    EXPECT_EQ(count_of(answers, "type='error'") + count_of(answers, "type='result'"), 100u) << answers;
}

}  // namespace
}  // namespace rookery::test
