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

class ShardQueues : public testing::Test {
protected:
    ShardQueues() { EXPECT_TRUE(server.make_account("romeo", "localhost", "secret").ok()); }

    QueueReport report(const std::string& name) {
        std::vector<QueueReport> all = home.queues().report(server.loops().clock().steady_now());
        const auto at = std::ranges::find(all, name, &QueueReport::name);
        if (at != all.end()) return *at;
        ADD_FAILURE() << "no queue " << name;
        return all.front();
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
            home.forget_account("romeo@localhost");
            for (int i = 0; i < 50; ++i) home.router().send(request(i));
        });
        server.loops().advance(Seconds(1));
    }
    const QueueReport busy = report("account_queue");
    EXPECT_NEAR(busy.in[1], 100, 10);  // and once more where the answers wait
    EXPECT_NEAR(busy.out[1], busy.in[1], 1);
}

TEST_F(ShardQueues, CountsWhatWaitsForAnAbsentRecipient) {
    juliet.send("<message to='romeo@localhost' type='chat'><body>Are you there?</body></message>");
    server.run_until_idle();
    const QueueReport undelivered = report("undelivered");
    EXPECT_EQ(undelivered.now.length, 1u);
    EXPECT_EQ(undelivered.now.longest.at(0).name, "romeo@localhost");
}

}  // namespace
}  // namespace rookery::test
