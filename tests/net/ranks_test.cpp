// Who is served first (base/loop.h, Rank): those who are in, then newcomers, then strangers, those a bounded share of a
// turn.
#include <gtest/gtest.h>

#include <algorithm>

#include "base/work_pool.h"
#include "net/shard_loop.h"
#include "tests/net/support.h"

namespace rookery {
namespace {

using test::echo;
using test::eventually;
using test::LoopThread;
using test::Peer;
using test::PlainClient;
using test::TestServer;

// One step in each turn for those who are not in.
ShardLoopOptions smallest_share() {
    ShardLoopOptions options;
    options.share_below = Duration(1);
    return options;
}

ListenerOptions strangers() {
    ListenerOptions options;
    options.rank = Rank::stranger;
    return options;
}

// While it lives, the loop stands still.
class Standing {
public:
    explicit Standing(ShardLoop& loop) {
        loop.post([gone = go_.get_future().share()] { gone.wait(); });
    }
    ~Standing() {
        std::this_thread::sleep_for(Milliseconds(20));  // for what was sent to arrive
        go_.set_value();
    }

private:
    std::promise<void> go_;
};

TEST(Ranks, PostsOfThoseWhoAreInComeFirst) {
    LoopThread thread;
    std::string order;
    {
        const Standing standing(thread.loop);
        thread.loop.post_as(Rank::newcomer, [&] { order += 'n'; });
        thread.loop.post_as(Rank::stranger, [&] { order += 's'; });
        thread.loop.post_as(Rank::in, [&] { order += 'i'; });
        thread.loop.post([&] { order += 'i'; });
    }
    EXPECT_TRUE(eventually([&] { return thread.loop.queues().posted.length == 0; }));
    EXPECT_EQ(thread.sync([&] { return order; }), "iins");
}

TEST(Ranks, NewcomersGetOnlyAShareOfATurn) {
    LoopThread thread(smallest_share());
    std::string order;
    {
        const Standing standing(thread.loop);
        for (int i = 0; i < 5; ++i)
            thread.loop.post_as(Rank::newcomer, [&] {
                order += 'n';
                thread.loop.post([&] { order += 'i'; });
            });
    }
    EXPECT_TRUE(eventually([&] { return thread.sync([&] { return order.size() == 10; }); }));
    EXPECT_EQ(order, "ninininini");
}

TEST(Ranks, CallbacksKnowWhoseWorkTheyDo) {
    LoopThread thread;
    const auto rank_of_post = [&](Rank rank) {
        std::promise<Rank> found;
        thread.loop.post_as(rank, [&] { found.set_value(Loop::rank()); });
        return found.get_future().get();
    };
    for (const Rank rank : {Rank::in, Rank::newcomer, Rank::stranger}) EXPECT_EQ(rank_of_post(rank), rank);
    EXPECT_EQ(thread.sync([] { return Loop::rank(); }), Rank::in);
    thread.sync([] {
        const Loop::As newcomer(Rank::newcomer);
        {
            const Loop::As in(Rank::in);
            EXPECT_EQ(Loop::rank(), Rank::in);
        }
        EXPECT_EQ(Loop::rank(), Rank::newcomer);
    });
}

Task<void> tell_rank(WorkPool& pool, std::promise<Rank>& found) {
    auto nothing = [] {};
    co_await pool.run(nothing);
    found.set_value(Loop::rank());
}

TEST(Ranks, AnswersComeBackInTheRankOfTheQuestion) {
    WorkPool pool(1, 10);
    LoopThread thread;
    for (const Rank rank : {Rank::in, Rank::newcomer}) {
        std::promise<Rank> found;
        thread.loop.post_as(rank, [&] { spawn(tell_rank(pool, found)); });
        EXPECT_EQ(found.get_future().get(), rank);
    }
}

// A storm of strangers, and one who is in and speaks last. Once in hundred times the loop stands still only when the first
// ones have been heard, or in a turn that goes on with the others: then it is tried again.
TEST(Ranks, WhoIsInIsHeardBeforeStrangers) {
    LoopThread thread;
    std::vector<Rank> heard;
    TestServer server(thread, [&](Peer&, std::string_view) { heard.push_back(Loop::rank()); }, strangers());
    std::vector<std::unique_ptr<PlainClient>> clients;
    for (int i = 0; i < 40; ++i) clients.push_back(std::make_unique<PlainClient>(server.port()));
    server.peer(39);
    thread.sync([&] {
        server.peer(30).channel->set_rank(Rank::newcomer);
        server.peer(31).channel->set_rank(Rank::in);
    });
    const auto all_speak = [&] {
        thread.sync([&] { heard.clear(); });
        {
            const Standing standing(thread.loop);
            for (auto& client : clients) client->send("x");
        }
        EXPECT_TRUE(eventually([&] { return thread.sync([&] { return heard.size() == 40; }); }));
        EXPECT_EQ(std::ranges::count(heard, Rank::stranger), 38);
        return heard[0] == Rank::in && heard[1] == Rank::newcomer;
    };
    bool in_order = false;
    for (int tries = 0; tries < 5 && !in_order; ++tries) in_order = all_speak();
    EXPECT_TRUE(in_order);
}

TEST(Ranks, StrangersAreServedWhileOthersTalk) {
    LoopThread thread(smallest_share());
    TestServer server(thread, echo, strangers());
    std::atomic<bool> stop{false};
    std::function<void()> again = [&] {
        if (!stop) thread.loop.post([&] { again(); });
    };
    thread.loop.post([&] { again(); });
    PlainClient stranger(server.port());
    for (int i = 0; i < 10; ++i) {
        stranger.send("x");
        EXPECT_EQ(stranger.receive(1), "x");
    }
    stop = true;
    thread.sync([] {});
}

// Nothing that was sent gets lost between two sets.
TEST(Ranks, AChannelMayChangeItsRankAtAnyTime) {
    LoopThread thread;
    TestServer server(thread, [](Peer& peer, std::string_view bytes) {
        const Rank next = bytes.back() == 'i' ? Rank::in : bytes.back() == 'n' ? Rank::newcomer : Rank::stranger;
        peer.channel->set_rank(next);
        peer.channel->write(bytes);
        peer.channel->set_rank(next);
    }, strangers());
    PlainClient client(server.port());
    for (const char* word : {"n", "i", "s", "i", "n", "n", "s"}) {
        client.send(word);
        EXPECT_EQ(client.receive(1), word);
    }
    thread.sync([&] { server.peer().channel->pause_reading(); });
    client.send("xi");
    std::this_thread::sleep_for(Milliseconds(20));
    thread.sync([&] {
        server.peer().channel->set_rank(Rank::newcomer);
        server.peer().channel->resume_reading();
        server.peer().channel->set_rank(Rank::in);
    });
    EXPECT_EQ(client.receive(2), "xi");
}

// A rank goes with the connection when it moves.
TEST(Ranks, AMoveKeepsTheRank) {
    LoopThread thread, other;
    TestServer server(thread, echo, strangers());
    PlainClient client(server.port());
    Peer& peer = server.peer();
    Parked parked = thread.sync([&] {
        peer.channel->set_rank(Rank::newcomer);
        Parked left = peer.channel->release();
        peer.channel.reset();
        return left;
    });
    std::atomic<int> rank{-1};
    Peer moved;
    moved.data = [&](Peer&, std::string_view) { rank = static_cast<int>(Loop::rank()); };
    other.sync([&] { moved.adopt(other.loop, std::move(parked)); });
    client.send("x");
    EXPECT_TRUE(eventually([&] { return rank == static_cast<int>(Rank::newcomer); }));
    other.sync([&] { moved.channel.reset(); });
}

// When many peers vanish at once, putting their sessions away waits for those who talk.
TEST(Ranks, WhoHasGoneIsPutAwayLater) {
    LoopThread thread(smallest_share());
    std::string order;
    TestServer server(thread, [&](Peer&, std::string_view) { order += 'd'; });
    server.prepare = [&](Peer& peer) { peer.on_close = [&](Peer&) { order += 'c'; }; };
    std::vector<std::unique_ptr<PlainClient>> clients;
    for (int i = 0; i < 10; ++i) clients.push_back(std::make_unique<PlainClient>(server.port()));
    server.peer(9);
    {
        const Standing standing(thread.loop);
        for (int i = 0; i < 9; ++i) clients[static_cast<std::size_t>(i)]->finish();
        clients.back()->send("x");
    }
    EXPECT_TRUE(eventually([&] { return thread.sync([&] { return order.size() == 10; }); }));
    EXPECT_EQ(order, "dccccccccc");
}

// What he said before he went is not.
TEST(Ranks, LastWordsAreHeardAtOnce) {
    LoopThread thread(smallest_share());
    std::string order;
    TestServer server(thread, [&](Peer&, std::string_view bytes) { order += bytes; });
    std::vector<std::unique_ptr<PlainClient>> clients;
    for (int i = 0; i < 10; ++i) clients.push_back(std::make_unique<PlainClient>(server.port()));
    server.peer(9);
    {
        const Standing standing(thread.loop);
        for (auto& client : clients) client->send("x");
        for (auto& client : clients) client->finish();
        thread.loop.post([&] { thread.loop.post([&] { thread.loop.post([&] { order += 'p'; }); }); });
    }
    EXPECT_TRUE(eventually([&] { return thread.sync([&] { return order.size() == 11; }); }));
    EXPECT_EQ(order, "xxxxxxxxxxp");
}

}  // namespace
}  // namespace rookery
