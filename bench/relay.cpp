// bench_relay: the floor that a chat server is measured against. One thread, one epoll set, no XML, no state beyond
// "who is my partner": lines are passed on as they came, with one recv and one send per message and one flush a turn.
//
// Protocol: the first line is "hello NAME PARTNER"; the answer "paired" comes when both are there. Every later line
// goes to the partner. Plain and TLS (same rules, self-signed certificate) on two ports.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>
#include <system_error>
#include <unordered_map>
#include <vector>

#include "bench/wire/connection.h"

namespace rookery::bench {

namespace {

constexpr int kListenBacklog = 4096;
constexpr std::size_t kMaxLineBytes = 64 * 1024;

volatile sig_atomic_t stop_asked = 0;

class Relay;

class Peer final : Connection::Listener {
public:
    Peer(Relay& relay, Loop& loop) : relay_(relay), connection_(loop, *this) {}

    Connection& connection() { return connection_; }
    void pair_with(Peer* partner);

private:
    void on_connected() override {}
    void on_secured() override {}
    void on_data(std::string_view bytes) override;
    void on_closed(const std::string& why) override;
    void on_lines(std::string_view lines);

    Relay& relay_;
    Connection connection_;
    Peer* partner_ = nullptr;
    std::string partial_;  // the start of a line whose end has not come
};

class Acceptor final : public Loop::Handler {
public:
    Acceptor(Relay& relay, Loop& loop, std::uint16_t port, TlsContext* tls);
    ~Acceptor() { close(descriptor_); }
    Acceptor(const Acceptor&) = delete;
    Acceptor& operator=(const Acceptor&) = delete;

private:
    void on_event(std::uint32_t events) override;

    Relay& relay_;
    TlsContext* tls_;
    int descriptor_;
};

class Relay {
public:
    explicit Relay(Loop& loop) : loop_(loop) {}

    void accept(int descriptor, TlsContext* tls) {
        auto peer = std::make_unique<Peer>(*this, loop_);
        peer->connection().adopt(descriptor);
        if (tls != nullptr) peer->connection().start_tls_server(*tls);
        Peer* key = peer.get();
        peers_.emplace(key, std::move(peer));
    }

    // False: not a hello.
    bool introduce(Peer* peer, std::string_view hello) {
        constexpr std::string_view kHello = "hello ";
        const std::size_t space = hello.find(' ', kHello.size());
        if (!hello.starts_with(kHello) || space == std::string_view::npos) return false;
        const std::string name(hello.substr(kHello.size(), space - kHello.size()));
        const auto partner = waiting_.find(std::string(hello.substr(space + 1)));
        if (partner == waiting_.end()) {
            waiting_[name] = peer;
            return true;
        }
        Peer* other = partner->second;
        waiting_.erase(partner);
        peer->pair_with(other);
        other->pair_with(peer);
        return true;
    }

    // Destroyed at the end of the turn: the loop may still hold an event for it.
    void remove(Peer* peer) {
        std::erase_if(waiting_, [peer](const auto& entry) { return entry.second == peer; });
        const auto found = peers_.find(peer);
        if (found == peers_.end()) return;
        dead_.push_back(std::move(found->second));
        peers_.erase(found);
    }

    void bury() { dead_.clear(); }

private:
    Loop& loop_;
    std::unordered_map<Peer*, std::unique_ptr<Peer>> peers_;
    std::unordered_map<std::string, Peer*> waiting_;
    std::vector<std::unique_ptr<Peer>> dead_;
};

void Peer::pair_with(Peer* partner) {
    partner_ = partner;
    connection_.write("paired\n");
}

void Peer::on_data(std::string_view bytes) {
    const std::size_t end = bytes.rfind('\n');
    if (end == std::string_view::npos) {
        partial_.append(bytes);
        if (partial_.size() > kMaxLineBytes) {
            connection_.close();
            on_closed("line too long");
        }
        return;
    }
    const std::string_view rest = bytes.substr(end + 1);
    if (partial_.empty()) {
        on_lines(bytes.substr(0, end + 1));
    } else {
        const std::string whole = std::move(partial_) + std::string(bytes.substr(0, end + 1));
        partial_ = {};
        on_lines(whole);
    }
    if (!rest.empty()) partial_.assign(rest);
}

void Peer::on_lines(std::string_view lines) {
    if (partner_ != nullptr) return partner_->connection_.write(lines);
    if (!relay_.introduce(this, lines.substr(0, lines.find('\n')))) {
        connection_.close();
        on_closed("no hello");
    }
}

void Peer::on_closed(const std::string&) {
    if (partner_ != nullptr) {
        partner_->partner_ = nullptr;
        partner_->connection_.close();
        relay_.remove(partner_);
    }
    relay_.remove(this);
}

int listen_on_loopback(std::uint16_t port) {
    const int descriptor = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    const int on = 1;
    setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(port);
    if (bind(descriptor, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
        listen(descriptor, kListenBacklog) != 0) {
        throw std::system_error(errno, std::generic_category(), "port " + std::to_string(port));
    }
    return descriptor;
}

Acceptor::Acceptor(Relay& relay, Loop& loop, std::uint16_t port, TlsContext* tls)
    : relay_(relay), tls_(tls), descriptor_(listen_on_loopback(port)) {
    loop.watch(descriptor_, EPOLLIN, this);
}

void Acceptor::on_event(std::uint32_t) {
    for (;;) {
        const int accepted = accept4(descriptor_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (accepted < 0) return;
        relay_.accept(accepted, tls_);
    }
}

void on_stop_signal(int) { stop_asked = 1; }

int run(std::uint16_t port, std::uint16_t tls_port, std::chrono::seconds at_most) {
    Loop loop;
    Relay relay(loop);
    const std::unique_ptr<TlsContext> tls = TlsContext::self_signed_server();
    Acceptor plain_acceptor(relay, loop, port, nullptr);
    Acceptor tls_acceptor(relay, loop, tls_port, tls.get());
    std::puts("ready");
    std::fflush(stdout);
    const TimePoint end = loop.now() + at_most;
    while (stop_asked == 0 && loop.now() < end) {
        loop.turn(std::chrono::milliseconds(1000));
        relay.bury();
    }
    return 0;
}

}  // namespace

}  // namespace rookery::bench

int main(int argc, char** argv) {
    if (argc < 3 || argc > 4) {
        std::fprintf(stderr, "usage: bench_relay PORT TLS_PORT [SECONDS]   (127.0.0.1; ends after 3600 s)\n");
        return 2;
    }
    struct sigaction action {};
    action.sa_handler = rookery::bench::on_stop_signal;
    sigaction(SIGTERM, &action, nullptr);
    sigaction(SIGINT, &action, nullptr);
    const auto number = [&](int index) { return std::strtoul(argv[index], nullptr, 10); };
    try {
        return rookery::bench::run(static_cast<std::uint16_t>(number(1)), static_cast<std::uint16_t>(number(2)),
                                   std::chrono::seconds(argc > 3 ? number(3) : 3600));
    } catch (const std::exception& failure) {
        std::fprintf(stderr, "bench_relay: %s\n", failure.what());
        return 1;
    }
}
