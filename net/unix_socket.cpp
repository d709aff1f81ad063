#include "net/unix_socket.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <cerrno>
#include <cstring>
#include <unordered_set>
#include <vector>

#include "base/log.h"
#include "net/descriptor.h"
#include "net/shard_loop.h"

namespace rookery {
namespace {

using Local = boost::asio::local::stream_protocol;
using Failure = boost::system::error_code;
using Header = std::array<unsigned char, 4>;

Header encode_length(std::size_t length) {
    return {static_cast<unsigned char>(length >> 24), static_cast<unsigned char>(length >> 16),
            static_cast<unsigned char>(length >> 8), static_cast<unsigned char>(length)};
}

std::size_t decode_length(const Header& header) {
    std::size_t length = 0;
    for (unsigned char byte : header) length = length << 8 | byte;
    return length;
}

Error failed(ErrorCode code, const std::string& path, int error) { return {code, path + ": " + std::strerror(error)}; }

PeerCredentials credentials_of(int descriptor) {
    ucred found{};
    socklen_t size = sizeof found;
    if (::getsockopt(descriptor, SOL_SOCKET, SO_PEERCRED, &found, &size) != 0) return {0, static_cast<uid_t>(-1), 0};
    return {found.pid, found.uid, found.gid};
}

class Server;

// One client. Asio's pending operations keep it alive; close() makes it harmless, after which it knows no server.
class Connection : public std::enable_shared_from_this<Connection> {
public:
    Connection(Server& server, Local::socket socket)
        : server_(&server), socket_(std::move(socket)), peer_(credentials_of(socket_.native_handle())) {}

    void read_request();
    void handle();
    void close();
    bool is_running() const { return state_ == State::running; }
    bool waits() const { return state_ == State::waits; }

private:
    enum class State : std::uint8_t { idle, waits, running };  // of its request

    void read_body();
    void send(std::string reply);
    void limit_time(Duration limit);
    void on_header(const Failure& failure);

    class ReplyOnce;

    Server* server_;  // null once closed
    Local::socket socket_;
    const PeerCredentials peer_;
    TimerId timer_ = 0;
    State state_ = State::idle;
    Header header_{};
    std::string body_;  // of the request, then of the reply
};

// What a ControlSocket::Reply holds: the duty to answer.
class Connection::ReplyOnce {
public:
    explicit ReplyOnce(std::shared_ptr<Connection> connection) : connection_(std::move(connection)) {}
    ~ReplyOnce() {
        if (connection_) connection_->close();
    }
    ReplyOnce(const ReplyOnce&) = delete;
    ReplyOnce& operator=(const ReplyOnce&) = delete;

    void send(std::string reply) {
        if (const std::shared_ptr<Connection> connection = std::exchange(connection_, nullptr))
            connection->send(std::move(reply));
    }

private:
    std::shared_ptr<Connection> connection_;
};

class Server final : public ControlSocket {
public:
    Server(ShardLoop& loop, ControlSocketOptions options, OnRequest on_request, int descriptor)
        : loop_(loop),
          options_(std::move(options)),
          on_request_(std::move(on_request)),
          acceptor_(loop.io_context(), Local(), descriptor),
          descriptor_(descriptor) {
        acceptor_.non_blocking(true);
        accept();
    }
    ~Server() override {
        ::unlink(options_.path.c_str());
        loop_.cancel(std::exchange(retry_timer_, 0));
        acceptor_.close(ignored_);
        while (!connections_.empty()) (*connections_.begin())->close();
    }

    int descriptor() const override { return descriptor_; }

    void rest() override { resting_ = true; }
    void wake() override {
        if (!std::exchange(resting_, false)) return;
        if (!accepting_ && retry_timer_ == 0) accept();
        for (const std::shared_ptr<Connection>& connection : std::vector(connections_.begin(), connections_.end()))
            if (connection->waits()) connection->handle();
    }
    std::size_t running() const override {
        return static_cast<std::size_t>(std::ranges::count_if(connections_, [](const auto& each) { return each->is_running(); }));
    }
    bool is_resting() const { return resting_; }

    void forget(const std::shared_ptr<Connection>& connection) {
        connections_.erase(connection);
        if (!reserve_) reserve_ = Descriptor::spare();
        if (retry_timer_ != 0) accept_again();
    }
    ShardLoop& loop() { return loop_; }
    const ControlSocketOptions& options() const { return options_; }
    const OnRequest& on_request() const { return on_request_; }

private:
    // `alive` is looked at first: somebody may be waiting, and this handler queued, when the server goes.
    void accept() {
        accepting_ = true;
        acceptor_.async_wait(Local::acceptor::wait_read, [this, alive = std::weak_ptr<void>(alive_)](const Failure&) {
            if (alive.expired()) return;
            accepting_ = false;
            if (!resting_) accept_one();
        });
    }

    // Out of descriptors: clients may have used them up, but the operator must get in, one at a time. Only when he is
    // there already is the reserve given up: accept() says so too when nobody waits.
    void accept_one() {
        Failure failure;
        Local::socket socket(loop_.io_context());
        acceptor_.accept(socket, failure);
        if (failure == boost::asio::error::no_descriptors && reserve_) {
            reserve_.reset();
            acceptor_.accept(socket, failure);
        }
        if (failure && failure != boost::asio::error::would_block) return accept_later(failure);
        if (!failure) welcome(std::move(socket));
        accept();
    }

    void accept_later(const Failure& failure) {
        if (connections_.empty()) log_warning("control_socket", {{"error", failure.message()}});
        retry_timer_ = loop_.after(Seconds(1), [this] { accept_again(); });
    }

    void accept_again() {
        loop_.cancel(std::exchange(retry_timer_, 0));
        if (!accepting_) accept();
    }

    void welcome(Local::socket socket) {
        if (connections_.size() >= options_.max_connections) return;  // closes it
        const auto connection = std::make_shared<Connection>(*this, std::move(socket));
        connections_.insert(connection);
        connection->read_request();
    }

    ShardLoop& loop_;
    const ControlSocketOptions options_;
    const OnRequest on_request_;
    Local::acceptor acceptor_;
    const int descriptor_;
    Descriptor reserve_ = Descriptor::spare();
    TimerId retry_timer_ = 0;
    bool accepting_ = false;  // waits for the next connection
    bool resting_ = false;
    std::shared_ptr<void> alive_ = std::make_shared<char>();
    std::unordered_set<std::shared_ptr<Connection>> connections_;
    Failure ignored_;
};

void Connection::read_request() {
    limit_time(server_->options().idle_timeout);
    boost::asio::async_read(
        socket_, boost::asio::buffer(header_),
        [self = shared_from_this()](const Failure& failure, std::size_t) { self->on_header(failure); });
}

void Connection::on_header(const Failure& failure) {
    if (!server_) return;
    const std::size_t length = decode_length(header_);
    if (failure || length > server_->options().max_request_bytes) return close();
    body_.resize(length);
    limit_time(server_->options().request_timeout);
    read_body();
}

void Connection::read_body() {
    boost::asio::async_read(socket_, boost::asio::buffer(body_),
                            [self = shared_from_this()](const Failure& failure, std::size_t) {
                                if (!self->server_) return;
                                if (failure) return self->close();
                                self->handle();
                            });
}

// How long the answer takes is for who answers.
void Connection::handle() {
    server_->loop().cancel(std::exchange(timer_, 0));
    state_ = server_->is_resting() ? State::waits : State::running;
    if (waits()) return;
    const auto duty = std::make_shared<ReplyOnce>(shared_from_this());
    server_->on_request()(std::exchange(body_, {}), peer_, [duty](std::string reply) { duty->send(std::move(reply)); });
}

void Connection::send(std::string reply) {
    state_ = State::idle;
    if (!server_) return;
    if (reply.size() > UINT32_MAX) return close();
    const Header header = encode_length(reply.size());
    body_.assign(header.begin(), header.end());
    body_ += reply;
    limit_time(server_->options().request_timeout);
    Failure blocked;
    socket_.non_blocking(true, blocked);
    body_.erase(0, socket_.write_some(boost::asio::buffer(body_), blocked));
    boost::asio::async_write(socket_, boost::asio::buffer(body_), [self = shared_from_this()](const Failure& failure, std::size_t) {
        if (!self->server_) return;
        if (failure) return self->close();
        self->body_ = {};
        self->read_request();
    });
}

void Connection::limit_time(Duration limit) {
    ShardLoop& loop = server_->loop();
    loop.cancel(timer_);
    timer_ = loop.after(limit, [this] { close(); });  // cancelled by close(), so `this` is alive
}

void Connection::close() {
    const std::shared_ptr<Connection> self = shared_from_this();
    Server* const server = std::exchange(server_, nullptr);
    if (!server) return;
    server->loop().cancel(std::exchange(timer_, 0));
    Failure ignored;
    socket_.close(ignored);
    server->forget(self);
}

bool fill_address(const std::string& path, sockaddr_un& address) {
    address.sun_family = AF_UNIX;
    if (path.empty() || path.size() >= sizeof address.sun_path) return false;
    std::copy(path.begin(), path.end(), address.sun_path);
    return true;
}

int open_socket() { return ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0); }

int connect_to(const sockaddr_un& address, int descriptor) {
    return ::connect(descriptor, reinterpret_cast<const sockaddr*>(&address), sizeof address);
}

// Removes the file of a server that is gone.
Result<void> clear_stale_file(const std::string& path, const sockaddr_un& address) {
    struct stat found {};
    if (::lstat(path.c_str(), &found) != 0) return {};
    if (!S_ISSOCK(found.st_mode)) return Error(ErrorCode::conflict, path + ": exists and is not a socket");
    const int probe = open_socket();
    const bool alive = connect_to(address, probe) == 0 || errno != ECONNREFUSED;
    ::close(probe);
    if (alive) return Error(ErrorCode::conflict, path + ": somebody listens there; is the server running already?");
    ::unlink(path.c_str());
    return {};
}

// The mode is set before the file exists (Linux takes it from the socket), so that there is no moment without it.
bool bind_and_listen(int descriptor, const sockaddr_un& address, unsigned mode) {
    constexpr int backlog = 32;
    return ::fchmod(descriptor, mode) == 0 &&
           ::bind(descriptor, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 &&
           ::chmod(address.sun_path, mode) == 0 && ::listen(descriptor, backlog) == 0;
}

bool send_all(int descriptor, std::string_view bytes) {
    while (!bytes.empty()) {
        const ssize_t count = ::send(descriptor, bytes.data(), bytes.size(), MSG_NOSIGNAL);
        if (count < 0 && errno == EINTR) continue;
        if (count <= 0) return false;
        bytes.remove_prefix(static_cast<std::size_t>(count));
    }
    return true;
}

bool receive_all(int descriptor, char* into, std::size_t size) {
    while (size > 0) {
        const ssize_t count = ::recv(descriptor, into, size, 0);
        if (count < 0 && errno == EINTR) continue;
        if (count == 0) errno = 0;
        if (count <= 0) return false;
        into += count;
        size -= static_cast<std::size_t>(count);
    }
    return true;
}

void set_timeouts(int descriptor, Duration timeout) {
    const auto seconds = std::chrono::duration_cast<Seconds>(timeout);
    const auto rest = std::chrono::duration_cast<std::chrono::microseconds>(timeout - seconds);
    const timeval limit{.tv_sec = seconds.count(), .tv_usec = rest.count()};
    ::setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    ::setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
}

Error no_reply(const std::string& path) {
    if (errno == EAGAIN) return {ErrorCode::unavailable, path + ": no answer in time"};
    return {ErrorCode::invalid, path + ": the server closed the connection without an answer"};
}

Result<std::string> exchange_frames(int descriptor, const std::string& path, std::string_view request,
                                    std::size_t max_reply_bytes) {
    Header header = encode_length(request.size());
    char* const header_bytes = reinterpret_cast<char*>(header.data());
    // A server that refuses by closing may do so before all is sent: its answer, if any, is what counts.
    if (send_all(descriptor, {header_bytes, header.size()})) send_all(descriptor, request);
    if (!receive_all(descriptor, header_bytes, header.size())) return no_reply(path);
    const std::size_t length = decode_length(header);
    if (length > max_reply_bytes) return Error(ErrorCode::limit, path + ": the answer is too long");
    std::string reply(length, '\0');
    if (!receive_all(descriptor, reply.data(), length)) return no_reply(path);
    return reply;
}

}  // namespace

Result<std::unique_ptr<ControlSocket>> ControlSocket::open(ShardLoop& loop, ControlSocketOptions options,
                                                           OnRequest on_request) {
    sockaddr_un address{};
    if (!fill_address(options.path, address)) return failed(ErrorCode::invalid, options.path, ENAMETOOLONG);
    if (options.inherited >= 0) {
        const int descriptor = options.inherited;
        return std::unique_ptr<ControlSocket>(
            std::make_unique<Server>(loop, std::move(options), std::move(on_request), descriptor));
    }
    if (Result<void> cleared = clear_stale_file(options.path, address); !cleared) return std::move(cleared).error();
    const int descriptor = open_socket();
    if (descriptor < 0) return failed(ErrorCode::unavailable, options.path, errno);
    if (!bind_and_listen(descriptor, address, options.mode)) {
        const int error = errno;
        ::close(descriptor);
        return failed(ErrorCode::denied, options.path, error);
    }
    return std::unique_ptr<ControlSocket>(
        std::make_unique<Server>(loop, std::move(options), std::move(on_request), descriptor));
}

Result<std::string> ask_control_socket(const std::string& path, std::string_view request, Duration timeout,
                                       std::size_t max_reply_bytes) {
    sockaddr_un address{};
    if (!fill_address(path, address)) return failed(ErrorCode::invalid, path, ENAMETOOLONG);
    if (request.size() > UINT32_MAX) return failed(ErrorCode::limit, path, EMSGSIZE);
    const int descriptor = open_socket();
    if (descriptor < 0) return failed(ErrorCode::unavailable, path, errno);
    set_timeouts(descriptor, timeout);
    if (connect_to(address, descriptor) != 0) {
        const int error = errno;
        ::close(descriptor);
        return failed(error == EACCES || error == EPERM ? ErrorCode::denied : ErrorCode::unavailable, path, error);
    }
    Result<std::string> reply = exchange_frames(descriptor, path, request, max_reply_bytes);
    ::close(descriptor);
    return reply;
}

}  // namespace rookery
