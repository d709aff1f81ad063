#include "net/listener.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <unordered_map>

#include "base/log.h"
#include "base/sparse_log.h"
#include "net/descriptor.h"
#include "net/proxy_protocol.h"
#include "net/shard_loop_impl.h"
#include "net/tls_contexts.h"

namespace rookery {
namespace {

constexpr int accepts_at_once = 16;
constexpr Duration retry_interval = Milliseconds(250);  // T8: recovers within a second
constexpr Duration exhaustion_log_interval = Seconds(60);
constexpr Duration proxy_log_interval = Seconds(10);

// The address a socket of its family binds to; the mapped form of IPv4 is turned back.
socklen_t fill_sockaddr(const IpAddress& ip, std::uint16_t port, sockaddr_storage& storage) {
    if (ip.is_v4()) {
        auto& v4 = reinterpret_cast<sockaddr_in&>(storage);
        v4.sin_family = AF_INET;
        v4.sin_port = htons(port);
        std::memcpy(&v4.sin_addr, ip.bytes.data() + 12, 4);
        return sizeof v4;
    }
    auto& v6 = reinterpret_cast<sockaddr_in6&>(storage);
    v6.sin6_family = AF_INET6;
    v6.sin6_port = htons(port);
    std::memcpy(&v6.sin6_addr, ip.bytes.data(), ip.bytes.size());
    return sizeof v6;
}

void set_flag(int descriptor, int level, int option, int value = 1) {
    ::setsockopt(descriptor, level, option, &value, sizeof value);
}

// Options set here are inherited by what is accepted: no system call for each connection.
// Keep-alive probes find, in hours, the peers that vanished while nobody had anything to say to them.
// A port is taken without SO_REUSEPORT, which would not see that another program has it, and shared once it is ours.
Descriptor listen_on(const IpAddress& ip, const ListenerOptions& options) {
    const int family = ip.is_v4() ? AF_INET : AF_INET6;
    Descriptor socket(::socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (!socket) return socket;
    set_flag(socket.get(), SOL_SOCKET, SO_REUSEADDR);
    set_flag(socket.get(), SOL_SOCKET, SO_REUSEPORT, options.joins);
    set_flag(socket.get(), SOL_SOCKET, SO_KEEPALIVE);
    set_flag(socket.get(), IPPROTO_TCP, TCP_NODELAY);
    if (family == AF_INET6) set_flag(socket.get(), IPPROTO_IPV6, IPV6_V6ONLY, ip == IpAddress{} ? 0 : 1);
    sockaddr_storage address{};
    const socklen_t size = fill_sockaddr(ip, options.port, address);
    if (::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), size) != 0 ||
        ::listen(socket.get(), options.backlog) != 0) {
        const int error = errno;
        socket.reset();
        errno = error;
        return socket;
    }
    set_flag(socket.get(), SOL_SOCKET, SO_REUSEPORT);
    return socket;
}

bool out_of_descriptors(int error) { return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM; }

class TcpListener final : public Listener, private Watched {
public:
    TcpListener(ShardLoop::Impl& loop, ListenerOptions options, std::shared_ptr<const TlsContexts> contexts,
                Admit admit, OnSocket on_socket, Descriptor socket)
        : Watched(options.rank == Rank::in ? Rank::in : Rank::stranger),
          loop_(loop),
          options_(std::move(options)),
          contexts_(std::move(contexts)),
          admit_(std::move(admit)),
          on_socket_(std::move(on_socket)),
          socket_(std::move(socket)) {
        reserve_descriptor();
        update_watch();
    }
    ~TcpListener() override {
        loop_.cancel(retry_timer_);
        loop_.unwatch(socket_.get(), *this);
    }

    void set_contexts(std::shared_ptr<const TlsContexts> contexts) override { contexts_ = std::move(contexts); }

    std::uint16_t port() const override {
        sockaddr_storage address{};
        socklen_t size = sizeof address;
        ::getsockname(socket_.get(), reinterpret_cast<sockaddr*>(&address), &size);
        return Endpoint::from_sockaddr(address).port;
    }

    int descriptor() const override { return socket_.get(); }

    void pause() override {
        paused_ = true;
        update_watch();
    }
    void resume() override {
        paused_ = false;
        update_watch();
    }
    Gauges gauges() const override {
        Gauges all = gauges_;
        all.proxy_waiting = waiting_.size();
        tcp_info info{};
        socklen_t size = sizeof info;
        if (::getsockopt(socket_.get(), IPPROTO_TCP, TCP_INFO, &info, &size) != 0) return all;
        all.waiting = info.tcpi_unacked;  // so the kernel tells its backlog where a socket listens
        all.max_waiting = info.tcpi_sacked;
        return all;
    }

private:
    class ProxyWait;

    void on_events(std::uint32_t) override { accept_some(); }

    void update_watch() {
        const bool wanted = !paused_ && !exhausted_since_;
        if (wanted == watched_) return;
        watched_ = wanted;
        if (wanted) {
            loop_.watch(socket_.get(), *this, EPOLLIN);
        } else {
            loop_.unwatch(socket_.get(), *this);
        }
    }

    void accept_some() {
        for (int i = 0; i < accepts_at_once && watched_; ++i) {
            Endpoint peer;
            Descriptor connection = accept_one(peer);
            if (connection) {
                welcome(std::move(connection), peer);
            } else if (out_of_descriptors(errno)) {
                back_off();
            } else if (errno == EAGAIN) {
                return;
            }  // else: that client has gone already (ECONNABORTED ...)
        }
    }

    Descriptor accept_one(Endpoint& peer) {
        sockaddr_storage address{};
        socklen_t size = sizeof address;
        Descriptor connection(
            ::accept4(socket_.get(), reinterpret_cast<sockaddr*>(&address), &size, SOCK_NONBLOCK | SOCK_CLOEXEC));
        if (connection) peer = Endpoint::from_sockaddr(address);
        return connection;
    }

    void welcome(Descriptor connection, const Endpoint& peer) {
        ++gauges_.accepted;
        if (!options_.use_proxy_protocol) return hand_over(std::move(connection), peer);
        const auto is_peer = [&](const IpRange& range) { return range.contains(peer.ip); };
        if (!std::any_of(options_.proxy_trusted.begin(), options_.proxy_trusted.end(), is_peer))
            return refuse_proxy(peer, "not a trusted balancer");
        if (waiting_.size() >= options_.max_proxy_pending) return refuse_proxy(peer, "too many without a header");
        wait_for_header(std::move(connection), peer);
    }

    void hand_over(Descriptor connection, const Endpoint& peer) {
        if (admit_ && !admit_(peer)) {
            ++gauges_.turned_away;
            return;
        }
        Parked parked(connection.release(), peer);
        parked.set_rank(options_.rank);
        if (options_.direct_tls) parked.expect_tls(contexts_, options_.alpn);
        on_socket_(std::move(parked));
    }

    void wait_for_header(Descriptor connection, const Endpoint& balancer);

    void refuse_proxy(const Endpoint& peer, const char* reason) {
        ++gauges_.proxy_refused;
        proxy_log_.write(loop_.clock().steady_now(), [&](std::uint64_t suppressed) {
            log_warning("proxy_refused", {{"peer", peer.to_string()}, {"reason", reason}, {"others", suppressed}});
        });
    }

    void reserve_descriptor() { reserve_ = Descriptor::spare(); }

    void back_off() {
        const SteadyTime now = loop_.clock().steady_now();
        const int error = errno;
        if (!exhausted_since_) {
            exhausted_since_ = now;
            ++gauges_.out_of_descriptors;
        }
        exhaustion_log_.write(now, [&](std::uint64_t) {
            log_error("accept_paused", {{"reason", std::strerror(error)}, {"port", port()}});
        });
        update_watch();
        retry_timer_ = loop_.after(retry_interval, [this] { try_again(); });
    }

    // One accept tells whether there is room again.
    void try_again() {
        Endpoint peer;
        Descriptor connection = accept_one(peer);
        if (!connection && out_of_descriptors(errno)) {
            if (loop_.clock().steady_now() - *exhausted_since_ > options_.shed_after) shed_waiting();
            errno = EMFILE;
            return back_off();
        }
        exhausted_since_.reset();
        if (!reserve_) reserve_descriptor();
        update_watch();
        if (connection) welcome(std::move(connection), peer);
    }

    void shed_waiting() {
        reserve_.reset();
        for (int i = 0; i < accepts_at_once; ++i) {
            Endpoint peer;
            if (!accept_one(peer)) break;  // and closed again at once
            ++gauges_.turned_away;
        }
        reserve_descriptor();
    }

    ShardLoop::Impl& loop_;
    const ListenerOptions options_;
    std::shared_ptr<const TlsContexts> contexts_;
    Admit admit_;
    OnSocket on_socket_;
    Descriptor socket_;
    Descriptor reserve_;
    bool paused_ = false;
    bool watched_ = false;
    std::optional<SteadyTime> exhausted_since_;
    TimerId retry_timer_ = 0;
    std::unordered_map<ProxyWait*, std::unique_ptr<ProxyWait>> waiting_;
    Gauges gauges_;
    SparseLog exhaustion_log_{exhaustion_log_interval};
    SparseLog proxy_log_{proxy_log_interval};
};

// A connection from a trusted balancer until its header is complete. The header is looked at (MSG_PEEK) and taken off
// only when its length is known, so that nothing of what follows has to be kept.
class TcpListener::ProxyWait final : private Watched {
public:
    ProxyWait(TcpListener& listener, Descriptor connection, const Endpoint& balancer)
        : Watched(Rank::stranger), listener_(listener), connection_(std::move(connection)), balancer_(balancer) {
        timer_ = loop().after(listener_.options_.proxy_timeout, [this] { refuse("header is late"); });
        loop().watch(connection_.get(), *this, EPOLLIN | EPOLLRDHUP | EPOLLET);
    }
    ~ProxyWait() { leave_loop(); }

private:
    ShardLoop::Impl& loop() { return listener_.loop_; }

    void on_events(std::uint32_t events) override {
        std::array<char, proxy_header_limit> buffer;
        const ssize_t count = ::recv(connection_.get(), buffer.data(), buffer.size(), MSG_PEEK);
        if (count < 0 && (errno == EAGAIN || errno == EINTR)) return;
        if (count <= 0) return refuse("closed before the header");
        const ProxyHeader header = parse_proxy_header({buffer.data(), static_cast<std::size_t>(count)});
        const bool ended = events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR);
        if (header.status == ProxyHeader::Status::complete) return proceed(header);
        if (header.status == ProxyHeader::Status::invalid) return refuse("garbled header");
        if (ended) refuse("closed before the header");
    }

    void proceed(const ProxyHeader& header) {
        std::array<char, proxy_header_limit> buffer;
        ::recv(connection_.get(), buffer.data(), header.length, 0);
        leave_loop();
        const std::unique_ptr<ProxyWait> self = take_from_listener();
        listener_.hand_over(std::move(connection_), header.source.value_or(balancer_));
    }

    void refuse(const char* reason) {
        const std::unique_ptr<ProxyWait> self = take_from_listener();
        listener_.refuse_proxy(balancer_, reason);
    }

    std::unique_ptr<ProxyWait> take_from_listener() {
        const auto entry = listener_.waiting_.find(this);
        std::unique_ptr<ProxyWait> self = std::move(entry->second);
        listener_.waiting_.erase(entry);
        return self;
    }

    void leave_loop() {
        loop().cancel(timer_);
        if (connection_) loop().unwatch(connection_.get(), *this);
    }

    TcpListener& listener_;
    Descriptor connection_;
    const Endpoint balancer_;
    TimerId timer_ = 0;
};

void TcpListener::wait_for_header(Descriptor connection, const Endpoint& balancer) {
    auto waiting = std::make_unique<ProxyWait>(*this, std::move(connection), balancer);
    waiting_.emplace(waiting.get(), std::move(waiting));
}

}  // namespace

Result<std::unique_ptr<Listener>> Listener::open(ShardLoop& loop, ListenerOptions options,
                                                 std::shared_ptr<const TlsContexts> contexts, Admit admit,
                                                 OnSocket on_socket) {
    const std::string where = options.address + " port " + std::to_string(options.port);
    const std::optional<IpAddress> ip = IpAddress::parse(options.address);
    if (!ip) return Error(ErrorCode::invalid, where + ": not a numeric address");
    if (options.direct_tls && !contexts) return Error(ErrorCode::invalid, where + ": TLS without a certificate");
    Descriptor socket = options.inherited >= 0 ? Descriptor(options.inherited) : listen_on(*ip, options);
    if (!socket && errno == EAFNOSUPPORT && *ip == IpAddress{})  // "::" on a machine without IPv6
        socket = listen_on(*IpAddress::parse("0.0.0.0"), options);
    if (!socket && errno == EADDRINUSE)
        return Error(ErrorCode::conflict, where + ": taken already; is another server running?");
    if (!socket) {
        const ErrorCode code = errno == EACCES ? ErrorCode::denied : ErrorCode::conflict;
        return Error(code, where + ": " + std::strerror(errno));
    }
    return std::unique_ptr<Listener>(std::make_unique<TcpListener>(loop.impl(), std::move(options), std::move(contexts),
                                                                   std::move(admit), std::move(on_socket),
                                                                   std::move(socket)));
}

}  // namespace rookery
