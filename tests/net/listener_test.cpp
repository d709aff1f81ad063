#include "net/listener.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "net/tls_contexts.h"
#include "tests/net/support.h"

namespace rookery {
namespace {

using namespace test;

ListenerOptions with_proxy(const std::string& trusted = "127.0.0.0/8") {
    ListenerOptions options;
    options.use_proxy_protocol = true;
    options.proxy_trusted = {*IpRange::parse(trusted)};
    options.proxy_timeout = Milliseconds(200);
    return options;
}

class ListenerTest : public testing::Test {
protected:
    LoopThread thread;
};

TEST_F(ListenerTest, TwoLoopsMayShareAPort) {
    LoopThread other;
    TestServer first(thread);
    ListenerOptions options;
    options.port = first.port();
    options.joins = true;
    TestServer second(other, echo, options);
    std::vector<std::unique_ptr<PlainClient>> clients;
    for (int i = 0; i < 64; ++i) clients.push_back(std::make_unique<PlainClient>(first.port()));
    for (auto& client : clients) {
        client->send("x");
        EXPECT_EQ(client->receive(1), "x");
    }
    EXPECT_EQ(first.count() + second.count(), 64u);
    EXPECT_GT(first.count(), 0u);
    EXPECT_GT(second.count(), 0u);
}

TEST_F(ListenerTest, TheAnyAddressTakesIpv4) {
    ListenerOptions options;
    options.address = "0.0.0.0";
    TestServer v4(thread, echo, options);
    PlainClient client(v4.port());
    client.send("x");
    EXPECT_EQ(client.receive(1), "x");

    auto both = thread.sync([&] { return Listener::open(thread.loop, {}, nullptr, nullptr, [](Parked) {}); });
    ASSERT_TRUE(both) << both.error().message;
    PlainClient other((*both)->port());
    EXPECT_TRUE(other.closed_by_peer());  // the Parked is dropped
    thread.sync([&] { both->reset(); });
}

TEST_F(ListenerTest, ErrorsNameAddressAndPort) {
    const auto error = [&](const std::string& address, std::uint16_t port, bool tls = false) {
        ListenerOptions options;
        options.address = address;
        options.port = port;
        options.direct_tls = tls;
        return thread.sync([&] {
            auto opened = Listener::open(thread.loop, options, nullptr, nullptr, nullptr);
            return opened ? std::string("opened") : opened.error().message;
        });
    };
    EXPECT_THAT(error("example.org", 5222), testing::HasSubstr("example.org port 5222: not a numeric address"));
    EXPECT_THAT(error("192.0.2.1", 5222), testing::HasSubstr("192.0.2.1 port 5222: Cannot assign"));
    EXPECT_THAT(error("127.0.0.1", 0, true), testing::HasSubstr("TLS without a certificate"));
    const int holder = ::socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    ASSERT_EQ(::bind(holder, reinterpret_cast<sockaddr*>(&address), size), 0);
    ASSERT_EQ(::listen(holder, 1), 0);
    ::getsockname(holder, reinterpret_cast<sockaddr*>(&address), &size);
    const std::string port = std::to_string(ntohs(address.sin_port));
    EXPECT_EQ(error("127.0.0.1", ntohs(address.sin_port)),
              "127.0.0.1 port " + port + ": taken already; is another server running?");
    ::close(holder);
}

// Two servers on one port would each get half of the clients: SO_REUSEPORT alone lets that happen in silence.
TEST_F(ListenerTest, AnotherServersPortIsNotShared) {
    LoopThread other;
    TestServer first(thread);
    ListenerOptions options;
    options.port = first.port();
    options.joins = true;
    TestServer second(other, echo, options);
    for (const char* address : {"127.0.0.1", "0.0.0.0", "::"}) {
        ListenerOptions stranger;
        stranger.address = address;
        stranger.port = first.port();
        const auto opened = thread.sync([&] { return Listener::open(thread.loop, stranger, nullptr, nullptr, nullptr); });
        ASSERT_FALSE(opened) << address;
        EXPECT_EQ(opened.error().code, ErrorCode::conflict);
    }
}

// A restart must not wait for the connections of the server before.
TEST_F(ListenerTest, ThePortIsFreeAgainAtOnce) {
    auto server = std::make_unique<TestServer>(thread);
    ListenerOptions again;
    again.port = server->port();
    PlainClient client(server->port());
    client.send("x");
    EXPECT_EQ(client.receive(1), "x");
    server.reset();  // closes first: its end of the connection stays in TIME_WAIT
    auto opened = thread.sync([&] { return Listener::open(thread.loop, again, nullptr, nullptr, nullptr); });
    EXPECT_TRUE(opened) << opened.error().message;
    thread.sync([&] { opened->reset(); });
}

// T5: who is not welcome is accepted and closed at once; the others are not affected.
TEST_F(ListenerTest, AdmitClosesTheUnwelcome) {
    TestServer server(thread);
    int left = 3;
    thread.sync([&] { server.admit = [&](const Endpoint& peer) { return peer.port != 0 && left-- > 0; }; });
    std::vector<std::unique_ptr<PlainClient>> clients;
    for (int i = 0; i < 10; ++i) clients.push_back(std::make_unique<PlainClient>(server.port()));
    int served = 0;
    for (auto& client : clients) {
        client->send("x");
        served += client->receive(1) == "x";
    }
    EXPECT_EQ(served, 3);
    EXPECT_EQ(thread.sync([&] { return server.listener->gauges().turned_away; }), 7u);
}

TEST_F(ListenerTest, PausedClientsWaitInTheBacklog) {
    TestServer server(thread);
    thread.sync([&] { server.listener->pause(); });
    PlainClient client(server.port());
    client.send("x");
    std::this_thread::sleep_for(Milliseconds(20));
    EXPECT_EQ(server.count(), 0u);
    const Listener::Gauges paused = thread.sync([&] { return server.listener->gauges(); });
    EXPECT_EQ(paused.waiting, 1u);
    EXPECT_GT(paused.max_waiting, 100u);
    thread.sync([&] { server.listener->resume(); });
    EXPECT_EQ(client.receive(1), "x");
    EXPECT_EQ(thread.sync([&] { return server.listener->gauges().waiting; }), 0u);
}

TEST_F(ListenerTest, ProxyHeadersTellThePeer) {
    TestServer server(thread, echo, with_proxy());
    std::string v2("\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xc0\0\x02\x07\xc6\x33\x64\x01\x12\x34\x14\x66", 28);
    for (const std::string& header : {std::string("PROXY TCP4 192.0.2.7 198.51.100.1 4660 5222\r\n"), v2}) {
        PlainClient client(server.port());
        client.send(header + "hello");
        EXPECT_EQ(client.receive(5), "hello");
        EXPECT_EQ(server.peer(server.count() - 1).channel->peer().to_string(), "192.0.2.7:4660");
    }
    PlainClient balancer(server.port());
    balancer.send("PROXY UNKNOWN\r\n");
    EXPECT_EQ(server.peer(2).channel->peer().ip.to_string(), "127.0.0.1");
}

TEST_F(ListenerTest, ProxyHeadersMayDribbleAndTlsMayFollow) {
    ListenerOptions options = with_proxy();
    options.proxy_timeout = Seconds(10);
    options.direct_tls = true;
    TestServer server(thread, echo, options, test_contexts());
    auto socket = std::make_unique<PlainClient>(server.port());
    for (char c : std::string("PROXY TCP6 2001:db8::7 2001:db8::1 4660 5223\r\n")) {
        socket->send({&c, 1});
        std::this_thread::sleep_for(std::chrono::microseconds(200));
    }
    TlsClient client(std::move(socket), {});
    ASSERT_TRUE(client.shake_hands());
    client.send("x");
    EXPECT_EQ(client.receive(1), "x");
    EXPECT_EQ(server.peer().channel->peer().to_string(), "[2001:db8::7]:4660");
}

std::atomic<int> refusals_logged{0};

// T11
TEST_F(ListenerTest, BadProxyHeadersAreClosedWithoutAReply) {
    refusals_logged = 0;
    log_to_function([](std::string_view line) {
        if (line.find("proxy_refused") != line.npos) ++refusals_logged;
    });
    TestServer trusting(thread, echo, with_proxy());
    TestServer untrusting(thread, echo, with_proxy("192.0.2.0/24"));
    const std::string good = "PROXY TCP4 192.0.2.7 198.51.100.1 4660 5222\r\n";
    const auto refused = [](TestServer& server, const std::string& bytes, bool finish = false) {
        PlainClient client(server.port());
        client.send(bytes);
        if (finish) client.finish();
        return client.receive_rest().empty() && server.count() == 0;
    };
    EXPECT_TRUE(refused(untrusting, good + "<stream>"));
    EXPECT_TRUE(refused(trusting, "PROXY TCP4 nonsense\r\n"));
    EXPECT_TRUE(refused(trusting, "<?xml version='1.0'?><stream:stream>"));
    EXPECT_TRUE(refused(trusting, "PROXY TCP4 192.0.2.7", true));
    EXPECT_TRUE(refused(trusting, "PROXY TCP4 192.0.2.7"));  // late
    EXPECT_TRUE(refused(trusting, ""));
    EXPECT_EQ(thread.sync([&] { return trusting.listener->gauges().proxy_refused; }), 5u);
    EXPECT_EQ(thread.sync([&] { return untrusting.listener->gauges().proxy_refused; }), 1u);
    EXPECT_EQ(refusals_logged, 2);  // one line a listener and ten seconds
    log_to_function(nullptr);
}

TEST_F(ListenerTest, WaitingForProxyHeadersIsBounded) {
    ListenerOptions options = with_proxy();
    options.max_proxy_pending = 2;
    options.proxy_timeout = Seconds(10);
    TestServer server(thread, echo, options);
    PlainClient first(server.port()), second(server.port()), third(server.port());
    EXPECT_TRUE(third.closed_by_peer());
    first.send("PROXY UNKNOWN\r\nx");
    EXPECT_EQ(first.receive(1), "x");
}

TEST_F(ListenerTest, MayGoAwayWhileHeadersAreAwaited) {
    auto server = std::make_unique<TestServer>(thread, echo, with_proxy());
    PlainClient client(server->port());
    ASSERT_TRUE(eventually([&] { return thread.loop.gauges().sockets == 2; }));
    server.reset();
    EXPECT_TRUE(client.closed_by_peer());
    EXPECT_TRUE(eventually([&] { return thread.loop.gauges().timers == 0; }));
}

// T8, in a process of its own: few descriptors are left, more clients come than fit.
int run_out_of_descriptors() {
    static std::atomic<int> lines{0};
    log_to_function([](std::string_view line) {
        if (line.find("accept_paused") != line.npos) ++lines;
    });
    LoopThread thread;
    TestServer server(thread);
    const int next_free = ::open("/dev/null", O_RDONLY);
    ::close(next_free);
    std::vector<std::unique_ptr<PlainClient>> clients;
    for (int i = 0; i < 20; ++i) clients.push_back(std::make_unique<PlainClient>(server.port()));
    for (auto& client : clients) {
        client->send("x");
        if (client->receive(1) != "x") return 1;
    }
    // 20 clients and their 20 server sides are open; 10 more fit on the server's side once clients have connected.
    const rlimit limit{.rlim_cur = static_cast<rlim_t>(next_free) + 40 + 20 + 10, .rlim_max = 4096};
    std::vector<int> more;
    for (int i = 0; i < 20; ++i) {
        if (i == 0) thread.sync([&] { server.listener->pause(); });
        clients.push_back(std::make_unique<PlainClient>(server.port()));
    }
    if (::setrlimit(RLIMIT_NOFILE, &limit) != 0) return 2;
    thread.sync([&] { server.listener->resume(); });
    if (!eventually([&] { return server.count() == 30; })) return 3;
    if (!eventually([&] { return lines == 1; })) return 4;
    clients[0]->send("y");  // what runs is not touched
    if (clients[0]->receive(1) != "y") return 5;
    clients.erase(clients.begin() + 1, clients.begin() + 11);  // room again
    const auto freed = std::chrono::steady_clock::now();
    if (!eventually([&] { return server.count() == 40; })) return 6;
    if (std::chrono::steady_clock::now() - freed > Seconds(1)) return 7;
    for (std::size_t i = 1; i < clients.size(); ++i) {
        clients[i]->send("z");
        if (clients[i]->receive(1) != "z") return 8;
    }
    return lines == 1 ? 0 : 9;
}

// The same, but nobody leaves: after a while those who wait are turned away.
int stay_out_of_descriptors() {
    log_to_function([](std::string_view) {});
    LoopThread thread;
    ListenerOptions options;
    options.shed_after = Milliseconds(100);
    TestServer server(thread, echo, options);
    PlainClient first(server.port());
    first.send("x");
    if (first.receive(1) != "x") return 1;
    PlainClient second(server.port());
    if (!eventually([&] { return server.count() == 2; })) return 2;
    thread.sync([&] { server.listener->pause(); });
    PlainClient shed(server.port());
    const int next_free = ::open("/dev/null", O_RDONLY);
    ::close(next_free);
    const rlimit limit{.rlim_cur = static_cast<rlim_t>(next_free), .rlim_max = 4096};
    if (::setrlimit(RLIMIT_NOFILE, &limit) != 0) return 3;
    thread.sync([&] { server.listener->resume(); });
    if (!shed.closed_by_peer()) return 4;
    first.send("y");
    return first.receive(1) == "y" ? 0 : 5;
}

TEST(OutOfDescriptors, AcceptingPausesAndRecovers) {
    if (sanitizer_needs_descriptors) GTEST_SKIP();
    EXPECT_EQ(in_child(run_out_of_descriptors), 0);
}

TEST(OutOfDescriptors, LongWaitersAreTurnedAway) {
    if (sanitizer_needs_descriptors) GTEST_SKIP();
    EXPECT_EQ(in_child(stay_out_of_descriptors), 0);
}

}  // namespace
}  // namespace rookery
