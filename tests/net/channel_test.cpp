#include "net/channel.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <optional>

#include "tests/net/support.h"

namespace rookery {
namespace {

using namespace test;

std::string pattern(std::size_t size) {
    std::string bytes(size, '\0');
    for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<char>('a' + i * 7 % 26 + (i >> 10) % 3);
    return bytes;
}

std::uint64_t waiting_output(const ShardLoop& loop) {
    const QueueCounts output = loop.queues().output;
    return output.in - output.out;
}

class ChannelTest : public testing::Test {
protected:
    LoopThread thread;
};

TEST_F(ChannelTest, Echoes) {
    TestServer server(thread);
    PlainClient client(server.port());
    client.send("hello");
    EXPECT_EQ(client.receive(5), "hello");
    EXPECT_EQ(server.peer().channel->peer().ip.to_string(), "127.0.0.1");
    EXPECT_FALSE(thread.sync([&] { return server.peer().tls; }));
}

TEST_F(ChannelTest, EchoesMuchMoreThanItsBuffers) {
    TestServer server(thread);
    PlainClient client(server.port());
    const std::string bytes = pattern(3 << 20);
    std::thread sender([&] { client.send(bytes); });
    EXPECT_EQ(client.receive(bytes.size()), bytes);
    sender.join();
    EXPECT_TRUE(eventually([&] { return thread.sync([&] { return server.peer().channel->output_bytes(); }) == 0; }));
}

// Else what a client that is gone never read would count as received.
TEST_F(ChannelTest, WhatWasNotTakenIsKnownAfterTheEnd) {
    for (const std::size_t size : {std::size_t{8} << 20, std::size_t{1000}}) {
        std::optional<std::size_t> untaken;
        TestServer server(thread, [&](Peer& peer, std::string_view) { peer.channel->write(pattern(size)); });
        server.prepare = [&](Peer& peer) { peer.on_close = [&](Peer& self) { untaken = self.channel->untaken_bytes(); }; };
        auto client = std::make_unique<PlainClient>(server.port());
        client->send("x");
        EXPECT_EQ(client->receive(1), "a");
        client.reset();
        EXPECT_TRUE(eventually([&] { return thread.sync([&] { return untaken.has_value(); }); }));
        EXPECT_EQ(thread.sync([&] { return *untaken > 0; }), size > 1000);
    }
}

TEST_F(ChannelTest, OneTurnsWritesAreOneSend) {
    TestServer server(thread, [](Peer& peer, std::string_view) {
        for (int i = 0; i < 100; ++i) peer.channel->write("0123456789");
    });
    PlainClient client(server.port());
    client.send("x");
    EXPECT_TRUE(eventually([&] {
        int waiting = 0;
        std::string bytes(2000, '\0');
        waiting = static_cast<int>(::recv(client.descriptor(), bytes.data(), bytes.size(), MSG_PEEK | MSG_DONTWAIT));
        return waiting > 0;
    }));
    std::string bytes(2000, '\0');
    EXPECT_EQ(::recv(client.descriptor(), bytes.data(), bytes.size(), MSG_DONTWAIT), 1000);
}

TEST_F(ChannelTest, APeerThatDoesNotReadMakesOutputGrowUntilItDoes) {
    TestServer server(thread, nullptr);
    PlainClient client(server.port());
    Peer& peer = server.peer();
    const std::string bytes = pattern(16 << 20);
    thread.sync([&] { peer.channel->write(bytes); });
    thread.sync([] {});
    EXPECT_GT(thread.sync([&] { return peer.channel->output_bytes(); }), 1u << 20);
    EXPECT_EQ(thread.sync([&] { return waiting_output(thread.loop) - peer.channel->output_bytes(); }), 0u);
    EXPECT_EQ(peer.drained, 0);
    EXPECT_EQ(client.receive(bytes.size()), bytes);
    EXPECT_TRUE(eventually([&] { return peer.drained == 1; }));
    EXPECT_EQ(thread.sync([&] { return peer.channel->output_bytes(); }), 0u);
    thread.sync([&] { peer.channel->write("more"); });
    EXPECT_EQ(client.receive(4), "more");
    EXPECT_EQ(peer.drained, 1);
    EXPECT_EQ(thread.loop.queues().output.in, bytes.size() + 4);
    EXPECT_TRUE(eventually([&] { return thread.loop.queues().output.out == bytes.size() + 4; }));
}

TEST_F(ChannelTest, OutputThatIsDroppedHasLeft) {
    TestServer server(thread, nullptr);
    PlainClient client(server.port());
    Peer& peer = server.peer();
    thread.sync([&] { peer.channel->write(pattern(16 << 20)); });
    thread.sync([] {});
    EXPECT_GT(waiting_output(thread.loop), 1u << 20);
    thread.sync([&] { peer.channel->abort(); });
    EXPECT_EQ(waiting_output(thread.loop), 0u);
}

TEST_F(ChannelTest, PausedReadingLosesNothing) {
    TestServer server(thread, [](Peer& peer, std::string_view) { peer.channel->pause_reading(); });
    PlainClient client(server.port());
    client.send("first");
    Peer& peer = server.peer();
    ASSERT_TRUE(eventually([&] { return peer.received() == "first"; }));
    client.send("second");
    client.finish();
    std::this_thread::sleep_for(Milliseconds(30));
    EXPECT_EQ(peer.received(), "first");
    EXPECT_FALSE(peer.is_closed());
    thread.sync([&] { peer.channel->resume_reading(); });
    ASSERT_TRUE(eventually([&] { return peer.received() == "firstsecond"; }));
    EXPECT_FALSE(peer.is_closed());  // the second piece paused it again, the FIN waits
    thread.sync([&] { peer.channel->resume_reading(); });
    EXPECT_TRUE(eventually([&] { return peer.is_closed(); }));
    EXPECT_EQ(peer.reason, CloseReason::peer_closed);
}

TEST_F(ChannelTest, AResetIsReportedEvenWhilePaused) {
    TestServer server(thread, nullptr);
    PlainClient client(server.port());
    Peer& peer = server.peer();
    thread.sync([&] { peer.channel->pause_reading(); });
    client.reset();
    EXPECT_TRUE(eventually([&] { return peer.is_closed(); }));
    EXPECT_EQ(peer.reason, CloseReason::reset);
}

TEST_F(ChannelTest, DataBeforeAFinIsDeliveredAndAnswered) {
    TestServer server(thread);
    for (int i = 0; i < 50; ++i) {
        PlainClient client(server.port());
        client.send("</stream:stream>");
        client.finish();
        EXPECT_EQ(client.receive_rest(), "</stream:stream>");
        Peer& peer = server.peer(static_cast<std::size_t>(i));
        EXPECT_TRUE(eventually([&] { return peer.is_closed(); }));
        EXPECT_EQ(peer.reason, CloseReason::peer_closed);
    }
}

TEST_F(ChannelTest, CloseAfterFlushSendsEverythingFirst) {
    const std::string bytes = pattern(8 << 20);
    TestServer server(thread, [&](Peer& peer, std::string_view) {
        peer.channel->write(bytes);
        peer.channel->close_after_flush();
        peer.channel->write("ignored");
        EXPECT_FALSE(peer.channel->is_open());
    });
    PlainClient client(server.port());
    client.send("go");
    ASSERT_TRUE(eventually([&] { return server.peer().received() == "go"; }));
    client.send("input that nobody reads must not turn the end into a reset");
    EXPECT_EQ(client.receive_rest(), bytes);
    EXPECT_TRUE(eventually([&] { return server.peer().is_closed(); }));
    EXPECT_EQ(server.peer().reason, CloseReason::closed);
    EXPECT_EQ(server.peer().received(), "go");
}

TEST_F(ChannelTest, CloseAfterFlushGivesUpOnAPeerThatDoesNotRead) {
    ShardLoopOptions options;
    options.close_timeout = Milliseconds(50);
    LoopThread impatient(options);
    TestServer server(impatient, [](Peer& peer, std::string_view) {
        peer.channel->write(std::string(16 << 20, 'x'));
        peer.channel->close_after_flush();
    });
    PlainClient client(server.port());
    client.send("go");
    EXPECT_TRUE(eventually([&] { return server.peer().is_closed(); }));
    EXPECT_EQ(server.peer().reason, CloseReason::timeout);
}

TEST_F(ChannelTest, APeerThatTakesNothingIsDisconnected) {
    TestServer server(thread, nullptr);
    PlainClient slow(server.port()), stalled(server.port());
    server.peer(1);  // both are there: on the loop's thread nobody can wait for them
    thread.sync([&] {
        for (std::size_t i : {0, 1}) {
            server.peer(i).channel->set_send_timeout(Seconds(1));
            server.peer(i).channel->write(pattern(16 << 20));
        }
    });
    // 3 s: the one that takes a little now and then stays.
    std::size_t taken = 0;
    for (int i = 0; i < 30; ++i) {
        taken += slow.receive(65536).size();
        std::this_thread::sleep_for(Milliseconds(80));
    }
    EXPECT_TRUE(server.peer(1).is_closed());
    EXPECT_EQ(server.peer(1).reason, CloseReason::timeout);
    EXPECT_FALSE(server.peer(0).is_closed());
    EXPECT_EQ(taken, 30u * 65536);
}

TEST_F(ChannelTest, AbortMakesNoCallback) {
    TestServer server(thread, [](Peer& peer, std::string_view) {
        peer.channel->write("never sent");
        peer.channel->abort();
        EXPECT_FALSE(peer.channel->is_open());
    });
    PlainClient client(server.port());
    client.send("x");
    EXPECT_EQ(client.receive_rest(), "");
    EXPECT_FALSE(server.peer().is_closed());
    EXPECT_EQ(thread.sync([] { return 0; }), 0);
    EXPECT_TRUE(eventually([&] { return thread.loop.gauges().sockets == 1; }));  // the listener
}

TEST_F(ChannelTest, AHandlerMayDestroyItsChannelInAnyCallback) {
    TestServer in_data(thread, [](Peer& peer, std::string_view) { peer.channel.reset(); });
    PlainClient client(in_data.port());
    client.send("x");
    EXPECT_TRUE(client.closed_by_peer());

    TestServer in_close(thread, echo);
    in_close.prepare = [](Peer& peer) { peer.on_close = [](Peer& self) { self.channel.reset(); }; };
    PlainClient other(in_close.port());
    in_close.peer();
    other.reset();
    EXPECT_TRUE(eventually([&] { return in_close.peer().is_closed(); }));

    TestServer in_drain(thread, nullptr);
    in_drain.prepare = [](Peer& peer) { peer.on_drain = [](Peer& self) { self.channel.reset(); }; };
    PlainClient third(in_drain.port());
    in_drain.peer();
    thread.sync([&] { in_drain.peer().channel->write(std::string(16 << 20, 'x')); });
    EXPECT_EQ(third.receive_rest().size(), 16u << 20);
}

TEST_F(ChannelTest, TwoChannelsMayDestroyEachOtherInOneBatchOfEvents) {
    TestServer server(thread, nullptr);
    PlainClient a(server.port()), b(server.port());
    Peer& first = server.peer(0);
    Peer& second = server.peer(1);
    std::atomic<int> calls{0};
    thread.sync([&] {
        first.data = [&](Peer&, std::string_view) { ++calls, second.channel.reset(); };
        second.data = [&](Peer&, std::string_view) { ++calls, first.channel.reset(); };
    });
    // Both are readable before the loop looks.
    std::promise<void> go;
    auto gone = go.get_future().share();
    thread.loop.post([gone] { gone.wait(); });
    a.send("x");
    b.send("x");
    go.set_value();
    EXPECT_TRUE(eventually([&] { return calls > 0; }));
    thread.sync([] {});
    EXPECT_EQ(calls, 1);
}

// Traffic goes on while the connection moves from one loop to another and back.
TEST_F(ChannelTest, MovesBetweenLoopsAndThePeerNoticesNothing) {
    LoopThread other;
    TestServer server(thread, nullptr);
    PlainClient client(server.port());
    Peer& peer = server.peer();
    std::atomic<int> moves{0};
    std::function<void(Peer&, std::string_view)> bounce = [&](Peer& self, std::string_view bytes) {
        self.channel->write(bytes);
        LoopThread& here = Loop::current() == &thread.loop ? thread : other;
        LoopThread& there = &here == &thread ? other : thread;
        auto parked = std::make_shared<Parked>(self.channel->release());
        EXPECT_TRUE(*parked);
        EXPECT_FALSE(self.channel->is_open());
        ++moves;
        self.channel.reset();  // the other thread has the peer from here on
        there.loop.post([&self, &there, parked] { self.adopt(there.loop, std::move(*parked)); });
    };
    thread.sync([&] { peer.data = bounce; });
    const std::string bytes = pattern(1 << 20);
    std::thread sender([&] {
        for (std::size_t at = 0; at < bytes.size(); at += 1000) client.send(std::string_view(bytes).substr(at, 1000));
    });
    EXPECT_EQ(client.receive(bytes.size()), bytes);
    sender.join();
    EXPECT_GT(moves, 5);
    EXPECT_TRUE(eventually([&] { return thread.loop.gauges().sockets + other.loop.gauges().sockets == 2; }));
    other.sync([&] { peer.data = nullptr; });
    const bool at_home = thread.sync([&] { return thread.loop.gauges().sockets == 2; });
    (at_home ? thread : other).sync([&] { peer.channel.reset(); });
}

TEST_F(ChannelTest, MovesWithOutputThePeerHasNotRead) {
    LoopThread other;
    TestServer server(thread, nullptr);
    PlainClient client(server.port());
    Peer& peer = server.peer();
    const std::string bytes = pattern(16 << 20);
    thread.sync([&] { peer.channel->write(bytes); });
    auto parked = std::make_shared<Parked>(thread.sync([&] { return peer.channel->release(); }));
    other.sync([&] { peer.adopt(other.loop, std::move(*parked)); });
    EXPECT_EQ(client.receive(bytes.size()), bytes);
    EXPECT_TRUE(eventually([&] { return peer.drained == 1; }));
    other.sync([&] { peer.channel.reset(); });
}

TEST_F(ChannelTest, AParkedConnectionThatIsDroppedCloses) {
    TestServer server(thread, [](Peer& peer, std::string_view) { Parked dropped = peer.channel->release(); });
    PlainClient client(server.port());
    client.send("x");
    EXPECT_TRUE(client.closed_by_peer());
    EXPECT_FALSE(thread.sync([&] { return static_cast<bool>(server.peer().channel->release()); }));
}

TEST_F(ChannelTest, UserTimeoutIsSet) {
    TestServer server(thread);
    PlainClient client(server.port());
    server.peer();
    thread.sync([&] { server.peer().channel->set_user_timeout(Seconds(60)); });
    client.send("x");
    EXPECT_EQ(client.receive(1), "x");
}

// T10 in small: no descriptor and no channel is left behind, wherever the reset comes.
TEST_F(ChannelTest, ResetsLeaveNothingBehind) {
    TestServer server(thread);
    for (int i = 0; i < 300; ++i) {
        PlainClient client(server.port());
        if (i % 3 > 0) client.send("some bytes");
        if (i % 3 > 1) client.receive(4);
        client.reset();
    }
    EXPECT_TRUE(eventually([&] { return thread.loop.gauges().sockets == 1; }));
    EXPECT_TRUE(eventually([&] { return server.count() == 300; }));
    for (std::size_t i = 0; i < 300; ++i) {
        EXPECT_TRUE(eventually([&] { return server.peer(i).is_closed(); })) << i;
    }
}

TEST_F(ChannelTest, LingeringIsBoundedInTime) {
    ShardLoopOptions options;
    options.linger_timeout = Milliseconds(100);
    LoopThread impatient(options);
    TestServer server(impatient, [](Peer& peer, std::string_view) { peer.channel->close_after_flush(); });
    PlainClient client(server.port());
    client.send("x");
    EXPECT_EQ(client.receive_rest(), "");
    EXPECT_TRUE(eventually([&] { return impatient.loop.gauges().sockets == 1; }));
}

}  // namespace
}  // namespace rookery
