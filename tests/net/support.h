// What the tests of net/ share: a loop in a thread, a handler that remembers, blocking clients, a certificate.
#pragma once

#include <gtest/gtest.h>
#include <openssl/ssl.h>

#include <atomic>
#include <condition_variable>
#include <filesystem>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "net/channel.h"
#include "net/listener.h"
#include "net/shard_loop.h"
#include "net/tls_contexts.h"
#include "net/tls_info.h"

namespace rookery::test {

// A ShardLoop that runs in a thread of its own until the end of the test.
class LoopThread {
public:
    explicit LoopThread(ShardLoopOptions options = {}) : loop(options), thread_([this] { loop.run(); }) {}
    ~LoopThread() { stop(); }

    void stop() {
        if (!thread_.joinable()) return;
        loop.stop();
        thread_.join();
    }

    // Runs `work` on the loop and waits for it.
    template <class Work>
    auto sync(Work work) {
        std::packaged_task<decltype(work())()> task(std::move(work));
        auto result = task.get_future();
        loop.post([&task] { task(); });
        return result.get();
    }

    ShardLoop loop;

private:
    std::thread thread_;
};

// Waits up to some seconds for a condition that another thread brings about.
bool eventually(const std::function<bool()>& condition, Milliseconds limit = Seconds(10));

// Owns one channel; what happens is written down, and may be reacted to.
class Peer final : public ChannelHandler {
public:
    Peer() = default;

    // On the loop's thread.
    void adopt(ShardLoop& loop, Parked parked) {
        closed_ = false;
        channel = std::make_unique<Channel>(loop, std::move(parked), *this);
    }

    void on_data(std::string_view bytes) override {
        {
            const std::lock_guard lock(mutex_);
            received_.append(bytes);
        }
        if (data) data(*this, bytes);
    }
    void on_drained() override {
        ++drained;
        if (on_drain) on_drain(*this);
    }
    void on_secured(const TlsInfo& agreed) override {
        tls = agreed;
        secured = true;
        if (on_secure) on_secure(*this);
    }
    void on_closed(CloseReason close_reason) override {
        reason = close_reason;
        closed_ = true;
        if (on_close) on_close(*this);
    }

    std::string received() const {
        const std::lock_guard lock(mutex_);
        return received_;
    }
    bool is_closed() const { return closed_; }

    std::unique_ptr<Channel> channel;
    std::function<void(Peer&, std::string_view)> data;
    std::function<void(Peer&)> on_drain, on_secure, on_close;
    std::atomic<int> drained{0};
    std::atomic<bool> secured{false};
    std::atomic<CloseReason> reason{CloseReason::closed};
    std::optional<TlsInfo> tls;  // on the loop's thread

private:
    mutable std::mutex mutex_;
    std::string received_;
    std::atomic<bool> closed_{false};
};

inline void echo(Peer& peer, std::string_view bytes) { peer.channel->write(bytes); }

// A listener on 127.0.0.1 of one loop, whose connections become Peers with `data` as reaction.
class TestServer {
public:
    using Data = std::function<void(Peer&, std::string_view)>;

    explicit TestServer(LoopThread& thread, Data data = echo, ListenerOptions options = {},
                        std::shared_ptr<const TlsContexts> contexts = nullptr);
    ~TestServer();

    std::uint16_t port() const { return port_; }
    // The n-th connection; waits for it.
    Peer& peer(std::size_t index = 0);
    std::size_t count() const;
    LoopThread& thread() { return thread_; }

    std::unique_ptr<Listener> listener;
    std::function<void(Peer&)> prepare;  // on the loop, before a peer adopts its connection
    std::function<bool(const Endpoint&)> admit;

private:
    LoopThread& thread_;
    Data data_;
    std::uint16_t port_ = 0;
    mutable std::mutex mutex_;
    std::vector<std::unique_ptr<Peer>> peers_;
};

// A blocking socket with a time limit of 10 s on everything.
class PlainClient {
public:
    explicit PlainClient(std::uint16_t port, const char* address = "127.0.0.1");
    ~PlainClient();
    PlainClient(const PlainClient&) = delete;
    PlainClient& operator=(const PlainClient&) = delete;

    void send(std::string_view bytes);
    std::string receive(std::size_t count);  // fewer at the end of the stream
    std::string receive_rest();              // to the end of the stream
    bool closed_by_peer();                   // waits: end of stream or reset, after whatever came
    void finish();                           // FIN
    void reset();                            // RST
    int descriptor() const { return descriptor_; }

private:
    int descriptor_ = -1;
};

// OpenSSL's own client over a PlainClient.
class TlsClient {
public:
    struct Options {
        std::string sni = "example.org";
        std::vector<std::string> alpn = {};
        int min_version = TLS1_2_VERSION, max_version = TLS1_3_VERSION;
        std::string tls12_ciphers = {};
        unsigned long options = 0;
        int security_level = 2;
    };
    explicit TlsClient(std::uint16_t port) : TlsClient(port, Options()) {}
    TlsClient(std::uint16_t port, Options options);
    // Upgrades a connection that is there already.
    TlsClient(std::unique_ptr<PlainClient> socket, Options options);
    ~TlsClient();

    bool shake_hands();  // true: done
    bool send(std::string_view bytes);
    std::string receive(std::size_t count);
    bool closed_cleanly();  // waits for close_notify
    std::string certificate_name();
    std::string alert() const { return alert_; }  // that ended the handshake, as OpenSSL words it
    SSL* ssl() { return ssl_; }
    PlainClient& socket() { return *socket_; }

private:
    std::unique_ptr<PlainClient> socket_;
    SSL_CTX* context_ = nullptr;
    SSL* ssl_ = nullptr;
    std::string alert_;
};

// A directory that goes with the test.
class TempDir {
public:
    TempDir();
    ~TempDir();
    std::string operator/(const std::string& name) const { return (path_ / name).string(); }

private:
    std::filesystem::path path_;
};

// Contexts with one self-signed certificate a list of names, the first being the default.
std::shared_ptr<const TlsContexts> test_contexts(
    const std::vector<std::vector<std::string>>& names = {{"example.org", "*.example.org"}}, bool detached = true);

ListenerOptions direct_tls(std::vector<std::string> alpn = {});

// Runs a function in a process of its own; its answer, or -1 when it did not come to one.
int in_child(int (*work)());

// UBSan opens a pipe to look at a vtable it has not seen before, and takes it for damaged when there is none to be had.
#if defined(__SANITIZE_ADDRESS__)
inline constexpr bool sanitizer_needs_descriptors = true;
#elif defined(__has_feature)
inline constexpr bool sanitizer_needs_descriptors = __has_feature(address_sanitizer);
#else
inline constexpr bool sanitizer_needs_descriptors = false;
#endif

}  // namespace rookery::test
