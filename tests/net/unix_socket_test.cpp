#include "net/unix_socket.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <fstream>
#include <thread>

#include "base/log.h"
#include "tests/net/support.h"

namespace rookery {
namespace {

using namespace test;

class ControlSocketTest : public testing::Test {
protected:
    ~ControlSocketTest() override {
        thread.sync([this] {
            kept = nullptr;
            server.reset();
        });
    }

    void open(ControlSocket::OnRequest on_request) {
        thread.sync([&] {
            auto opened = ControlSocket::open(thread.loop, options, std::move(on_request));
            ASSERT_TRUE(opened) << opened.error().message;
            server = std::move(opened).value();
        });
    }
    void open_echo() {
        open([](std::string request, const PeerCredentials&, ControlSocket::Reply reply) {
            reply("<" + std::move(request) + ">");
        });
    }
    int connect() {
        const int descriptor = ::socket(AF_UNIX, SOCK_STREAM, 0);
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        std::copy(options.path.begin(), options.path.end(), address.sun_path);
        EXPECT_EQ(::connect(descriptor, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
        const timeval limit{.tv_sec = 10, .tv_usec = 0};
        ::setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
        return descriptor;
    }
    static std::string receive(int descriptor, std::size_t count) {
        std::string bytes(count, '\0');
        bytes.resize(static_cast<std::size_t>(
            std::max<ssize_t>(0, ::recv(descriptor, bytes.data(), bytes.size(), MSG_WAITALL))));
        return bytes;
    }

    TempDir dir;
    LoopThread thread;
    ControlSocketOptions options{.path = dir / "control"};
    std::unique_ptr<ControlSocket> server;
    ControlSocket::Reply kept;
};

TEST_F(ControlSocketTest, AnswersRequestsAndKnowsTheAsker) {
    PeerCredentials asker;
    open([&](std::string request, const PeerCredentials& peer, ControlSocket::Reply reply) {
        asker = peer;
        reply("got " + request);
    });
    const auto reply = ask_control_socket(options.path, "status");
    ASSERT_TRUE(reply) << reply.error().message;
    EXPECT_EQ(*reply, "got status");
    EXPECT_EQ(asker.uid, ::getuid());
    EXPECT_EQ(asker.pid, ::getpid());
    struct stat found {};
    ASSERT_EQ(::stat(options.path.c_str(), &found), 0);
    EXPECT_EQ(found.st_mode & 0777u, 0600u);
}

TEST_F(ControlSocketTest, FramesOfAnySizeUpToTheLimit) {
    options.max_request_bytes = 1 << 20;
    open_echo();
    EXPECT_EQ(*ask_control_socket(options.path, ""), "<>");
    const std::string large(1 << 20, 'x');
    EXPECT_EQ(*ask_control_socket(options.path, large), "<" + large + ">");
}

// O9: 10 MB of command
TEST_F(ControlSocketTest, LongerRequestsAreRefusedByClosing) {
    open_echo();
    const auto reply = ask_control_socket(options.path, std::string(10 << 20, 'x'));
    ASSERT_FALSE(reply);
    EXPECT_EQ(reply.error().code, ErrorCode::invalid);
    EXPECT_EQ(*ask_control_socket(options.path, "next"), "<next>");
}

TEST_F(ControlSocketTest, SeveralRequestsOnOneConnection) {
    open_echo();
    const int client = connect();
    const std::string two("\0\0\0\1a\0\0\0\2bc", 11);
    for (char c : two) ASSERT_EQ(::send(client, &c, 1, 0), 1);
    EXPECT_EQ(receive(client, 15), std::string("\0\0\0\3<a>\0\0\0\4<bc>", 15));
    ::close(client);
}

TEST_F(ControlSocketTest, AReplyMayComeLater) {
    open([&](std::string, const PeerCredentials&, ControlSocket::Reply reply) {
        kept = std::move(reply);
        thread.loop.after(Milliseconds(20), [this] { std::exchange(kept, nullptr)("late"); });
    });
    EXPECT_EQ(*ask_control_socket(options.path, "x"), "late");
}

TEST_F(ControlSocketTest, ADroppedReplyClosesTheConnection) {
    open([](std::string, const PeerCredentials&, ControlSocket::Reply) {});
    const auto reply = ask_control_socket(options.path, "x");
    ASSERT_FALSE(reply);
    EXPECT_EQ(reply.error().code, ErrorCode::invalid);
}

TEST_F(ControlSocketTest, WhileItRestsRequestsWait) {
    open_echo();
    const int known = connect(), other = connect();
    ASSERT_EQ(::send(known, "\0\0\0\1a", 5, 0), 5);
    EXPECT_EQ(receive(known, 7).substr(4), "<a>");
    thread.sync([this] { server->rest(); });
    ASSERT_EQ(::send(known, "\0\0\0\1b", 5, 0), 5);
    ASSERT_EQ(::send(other, "\0\0\0\1c", 5, 0), 5);
    const int late = connect();
    ASSERT_EQ(::send(late, "\0\0\0\1d", 5, 0), 5);
    std::this_thread::sleep_for(Milliseconds(50));
    for (const int descriptor : {known, other, late}) {
        char byte = 0;
        EXPECT_EQ(::recv(descriptor, &byte, 1, MSG_DONTWAIT), -1);
    }
    thread.sync([this] { server->wake(); });
    EXPECT_EQ(receive(known, 7).substr(4), "<b>");
    EXPECT_EQ(receive(other, 7).substr(4), "<c>");
    EXPECT_EQ(receive(late, 7).substr(4), "<d>");
    for (const int descriptor : {known, other, late}) ::close(descriptor);
}

TEST_F(ControlSocketTest, KnowsWhatIsNotAnswered) {
    open([&](std::string, const PeerCredentials&, ControlSocket::Reply reply) { kept = std::move(reply); });
    const int client = connect();
    ASSERT_EQ(::send(client, "\0\0\0\1a", 5, 0), 5);
    std::size_t running = 0;
    for (int i = 0; i < 1'000 && running == 0; ++i) {
        std::this_thread::sleep_for(Milliseconds(5));
        thread.sync([&] { running = server->running(); });
    }
    EXPECT_EQ(running, 1u);
    thread.sync([&] {
        std::exchange(kept, nullptr)("done");
        running = server->running();
    });
    EXPECT_EQ(running, 0u);
    ::close(client);
}

TEST_F(ControlSocketTest, AReplyAfterTheEndIsHarmless) {
    open([&](std::string, const PeerCredentials&, ControlSocket::Reply reply) { kept = std::move(reply); });
    const int client = connect();
    ASSERT_EQ(::send(client, "\0\0\0\0", 4, 0), 4);
    ASSERT_TRUE(eventually([&] { return thread.sync([&] { return static_cast<bool>(kept); }); }));
    thread.sync([&] { server.reset(); });
    EXPECT_EQ(receive(client, 1), "");
    thread.sync([&] {
        kept("too late");
        kept("and twice");
        kept = nullptr;
    });
    ::close(client);
}

TEST_F(ControlSocketTest, SlowRequestsAreCut) {
    options.request_timeout = Milliseconds(30);
    options.idle_timeout = Milliseconds(60);
    open_echo();
    const int slow = connect();
    ASSERT_EQ(::send(slow, "\0\0\0\5ab", 6, 0), 6);
    EXPECT_EQ(receive(slow, 1), "");
    const int idle = connect();
    EXPECT_EQ(receive(idle, 1), "");
    ::close(slow);
    ::close(idle);
}

TEST_F(ControlSocketTest, ConnectionsAreBounded) {
    options.max_connections = 1;
    open_echo();
    const int first = connect();
    ASSERT_EQ(::send(first, "\0\0\0\0", 4, 0), 4);
    EXPECT_EQ(receive(first, 6).size(), 6u);
    EXPECT_FALSE(ask_control_socket(options.path, "x"));
    ::close(first);
    EXPECT_TRUE(eventually([&] { return ask_control_socket(options.path, "x").ok(); }));
}

TEST_F(ControlSocketTest, ASecondServerIsRefusedAndAStaleFileIsNot) {
    open_echo();
    thread.sync([&] {
        auto second = ControlSocket::open(thread.loop, options, nullptr);
        ASSERT_FALSE(second);
        EXPECT_EQ(second.error().code, ErrorCode::conflict);
    });
    EXPECT_EQ(*ask_control_socket(options.path, "x"), "<x>");
    thread.sync([&] { server.reset(); });
    struct stat found {};
    EXPECT_NE(::stat(options.path.c_str(), &found), 0);

    const int stale = ::socket(AF_UNIX, SOCK_STREAM, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::copy(options.path.begin(), options.path.end(), address.sun_path);
    ASSERT_EQ(::bind(stale, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    ::close(stale);
    open_echo();
    EXPECT_EQ(*ask_control_socket(options.path, "y"), "<y>");
}

TEST_F(ControlSocketTest, AFileThatIsNoSocketIsKept) {
    std::ofstream(options.path) << "precious";
    thread.sync([&] {
        auto opened = ControlSocket::open(thread.loop, options, nullptr);
        ASSERT_FALSE(opened);
        EXPECT_EQ(opened.error().code, ErrorCode::conflict);
    });
    std::string text;
    std::ifstream(options.path) >> text;
    EXPECT_EQ(text, "precious");
}

TEST_F(ControlSocketTest, AskingNobodyIsAnError) {
    const auto reply = ask_control_socket(options.path, "x");
    ASSERT_FALSE(reply);
    EXPECT_EQ(reply.error().code, ErrorCode::unavailable);
    EXPECT_EQ(ask_control_socket(std::string(200, 'x'), "x").error().code, ErrorCode::invalid);
}

TEST_F(ControlSocketTest, AskingGivesUpInTime) {
    open([&](std::string, const PeerCredentials&, ControlSocket::Reply reply) { kept = std::move(reply); });
    const auto reply = ask_control_socket(options.path, "x", Milliseconds(30));
    ASSERT_FALSE(reply);
    EXPECT_EQ(reply.error().code, ErrorCode::unavailable);
}

std::vector<int> take_all_descriptors() {
    const rlimit limit{.rlim_cur = 256, .rlim_max = 256};
    ::setrlimit(RLIMIT_NOFILE, &limit);
    std::vector<int> taken;
    while (taken.empty() || taken.back() >= 0) taken.push_back(::open("/dev/null", O_RDONLY));
    taken.pop_back();
    return taken;
}

// In a process of its own. 0: fine, else the step that failed.
int ask_without_descriptors() {
    log_to_function([](std::string_view) {});
    const TempDir dir;
    LoopThread thread;
    std::unique_ptr<ControlSocket> server;
    const ControlSocketOptions options{.path = dir / "control"};
    thread.sync([&] {
        const auto echo = [](std::string request, const PeerCredentials&, ControlSocket::Reply reply) { reply(std::move(request)); };
        server = std::move(ControlSocket::open(thread.loop, options, echo)).value();
    });
    std::vector<int> taken = take_all_descriptors();
    const auto ask = [&] {
        ::close(taken.back());  // the client's own
        const auto reply = ask_control_socket(options.path, "still there?", Seconds(10));
        if (!reply || *reply != "still there?") return 1;
        std::this_thread::sleep_for(Milliseconds(50));  // it closes, and takes one for the next time
        if ((taken.back() = ::open("/dev/null", O_RDONLY)) < 0) return 2;
        // Nobody asks: what the server keeps for the next one is not to be had.
        return eventually([] { return ::open("/dev/null", O_RDONLY) >= 0; }, Milliseconds(30)) ? 3 : 0;
    };
    int failed = 0;
    for (int round = 0; round < 3 && failed == 0; ++round) failed = ask();
    thread.sync([&] { server.reset(); });
    return failed;
}

TEST(ControlSocketOutOfDescriptors, TheOperatorStillGetsIn) {
    if (sanitizer_needs_descriptors) GTEST_SKIP();
    EXPECT_EQ(in_child(ask_without_descriptors), 0);
}

}  // namespace
}  // namespace rookery
