#include "tests/support/tcp_driver.h"

#include <fcntl.h>
#include <netdb.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <thread>

namespace rookery::test {
namespace {

constexpr Milliseconds io_patience{10'000};
constexpr Seconds longest_real_wait{2};

class Socket {
public:
    explicit Socket(int fd) : fd_(fd) {}
    ~Socket() { close(); }
    Socket(const Socket&) = delete;
    Socket& operator=(const Socket&) = delete;

    int fd() const { return fd_; }
    void close() {
        if (fd_ >= 0) ::close(std::exchange(fd_, -1));
    }
    // With linger 0 the kernel sends a reset and forgets what was not sent: nothing polite remains.
    void reset() {
        const linger none{1, 0};
        setsockopt(fd_, SOL_SOCKET, SO_LINGER, &none, sizeof none);
        close();
    }
    bool wait_for(short events, Milliseconds patience) const {
        pollfd one{fd_, events, 0};
        return ::poll(&one, 1, static_cast<int>(patience.count())) > 0;
    }

private:
    int fd_;
};

std::unique_ptr<Socket> connect_to(const std::string& host, const std::string& port) {
    addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;
    addrinfo* found = nullptr;
    if (getaddrinfo(host.c_str(), port.c_str(), &hints, &found) != 0) return nullptr;
    const std::unique_ptr<addrinfo, void (*)(addrinfo*)> addresses(found, freeaddrinfo);
    for (const addrinfo* one = found; one; one = one->ai_next) {
        auto socket = std::make_unique<Socket>(::socket(one->ai_family, one->ai_socktype, one->ai_protocol));
        if (socket->fd() < 0 || ::connect(socket->fd(), one->ai_addr, one->ai_addrlen) != 0) continue;
        fcntl(socket->fd(), F_SETFL, O_NONBLOCK);
        return socket;
    }
    return nullptr;
}

std::string last_tls_error() {
    char text[256];
    ERR_error_string_n(ERR_get_error(), text, sizeof text);
    return text;
}

struct FreeSsl {
    void operator()(SSL* ssl) const { SSL_free(ssl); }
};

class TcpWire final : public Wire {
public:
    TcpWire(std::unique_ptr<Socket> socket, SSL_CTX* context, std::string domain)
        : socket_(std::move(socket)), context_(context), domain_(std::move(domain)) {}

    void send(std::string_view bytes) override {
        while (!bytes.empty() && !broken_) {
            const long sent = tls_ ? SSL_write(tls_.get(), bytes.data(), static_cast<int>(bytes.size()))
                                   : ::send(socket_->fd(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
            if (sent > 0) {
                bytes.remove_prefix(static_cast<std::size_t>(sent));
            } else if (!would_block(static_cast<int>(sent)) || !socket_->wait_for(wanted_events(), io_patience)) {
                broken_ = true;
            }
        }
    }

    Got receive(std::string& into, Milliseconds patience) override {
        const auto deadline = std::chrono::steady_clock::now() + patience;
        for (;;) {
            std::array<char, 16'384> buffer;
            const long got = tls_ ? SSL_read(tls_.get(), buffer.data(), buffer.size())
                                  : ::recv(socket_->fd(), buffer.data(), buffer.size(), 0);
            if (got > 0) {
                into.append(buffer.data(), static_cast<std::size_t>(got));
                return Got::bytes;
            }
            if (!would_block(static_cast<int>(got))) return Got::closed;
            const auto left = std::chrono::ceil<Milliseconds>(deadline - std::chrono::steady_clock::now());
            if (left.count() <= 0 || !socket_->wait_for(POLLIN, left)) return Got::quiet;
        }
    }

    Result<void> start_tls() override {
        tls_.reset(SSL_new(context_));
        SSL_set_fd(tls_.get(), socket_->fd());
        SSL_set_tlsext_host_name(tls_.get(), domain_.c_str());
        SSL_set1_host(tls_.get(), domain_.c_str());
        for (;;) {
            ERR_clear_error();
            const int done = SSL_connect(tls_.get());
            if (done == 1) return {};
            if (!would_block(done)) return Error(ErrorCode::unavailable, last_tls_error());
            if (!socket_->wait_for(wanted_events(), io_patience))
                return Error(ErrorCode::unavailable, "the handshake takes too long");
        }
    }

    void close() override {
        if (tls_) SSL_shutdown(tls_.get());
        ::shutdown(socket_->fd(), SHUT_WR);
    }

    void drop() override {
        socket_->reset();
        broken_ = true;
    }

private:
    bool would_block(int result) const {
        if (!tls_) return result < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR);
        const int why = SSL_get_error(tls_.get(), result);
        return why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE;
    }
    short wanted_events() const { return tls_ && SSL_want_read(tls_.get()) ? POLLIN : POLLOUT; }

    std::unique_ptr<Socket> socket_;
    SSL_CTX* context_;
    std::string domain_;
    std::unique_ptr<SSL, FreeSsl> tls_;
    bool broken_ = false;
};

std::string quoted(std::string_view word) {
    std::string out = "'";
    for (char c : word) out += c == '\'' ? "'\\''" : std::string(1, c);
    return out + "'";
}

std::string replaced(std::string text, std::string_view what, std::string_view with) {
    for (auto at = text.find(what); at != std::string::npos; at = text.find(what, at + with.size()))
        text.replace(at, what.size(), with);
    return text;
}

}  // namespace

void TcpDriver::FreeContext::operator()(ssl_ctx_st* context) const { SSL_CTX_free(context); }

TcpDriver::TcpDriver(const TcpServer& server, std::string account_suffix)
    : server_(server), suffix_(std::move(account_suffix)), tls_(SSL_CTX_new(TLS_client_method())) {
    SSL_CTX_set_mode(tls_.get(), SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    if (server_.ca_file.empty()) return;
    SSL_CTX_load_verify_locations(tls_.get(), server_.ca_file.c_str(), nullptr);
    SSL_CTX_set_verify(tls_.get(), SSL_VERIFY_PEER, nullptr);
}

TcpDriver::~TcpDriver() = default;

std::unique_ptr<Wire> TcpDriver::connect(const WireOptions& options) {
    auto socket = connect_to(server_.host, options.direct_tls ? server_.direct_tls_port : server_.port);
    if (!socket) return nullptr;
    auto wire = std::make_unique<TcpWire>(std::move(socket), tls_.get(), options.domain);
    if (options.direct_tls && !wire->start_tls()) return nullptr;
    return wire;
}

Result<void> TcpDriver::make_account(std::string_view user, std::string_view domain, std::string_view password) {
    std::string line = replaced(server_.register_command, "{user}", quoted(user));
    line = replaced(replaced(line, "{domain}", quoted(domain)), "{password}", quoted(password));
    auto done = run_shell(line);
    if (!done) return std::move(done).error();
    return {};
}

Result<std::string> TcpDriver::command(std::string_view verb, const std::vector<std::string>& arguments) {
    if (server_.admin_command.empty()) return Error(ErrorCode::unavailable, "needs an admin command line");
    std::string words(verb);
    for (const auto& argument : arguments) words += " " + quoted(argument);
    return run_shell(replaced(server_.admin_command, "{command}", words));
}

Result<void> TcpDriver::advance(Duration time) {
    if (time > longest_real_wait) return Error(ErrorCode::unavailable, "needs a clock that can be moved");
    std::this_thread::sleep_for(time);
    return {};
}

bool TcpDriver::has(std::string_view feature) const {
    if (feature == "direct-tls" && server_.direct_tls_port.empty()) return false;
    if (feature == "second-domain" && server_.second_domain.empty()) return false;
    return std::ranges::find(server_.lacks, feature) == server_.lacks.end();
}

Result<std::string> run_shell(const std::string& command) {
    FILE* pipe = popen((command + " 2>&1").c_str(), "r");
    if (!pipe) return Error(ErrorCode::unavailable, "no shell");
    std::string output;
    std::array<char, 4'096> buffer;
    while (const auto got = std::fread(buffer.data(), 1, buffer.size(), pipe)) output.append(buffer.data(), got);
    const int status = pclose(pipe);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) return Error(ErrorCode::invalid, command + ": " + output);
    return output;
}

}  // namespace rookery::test
