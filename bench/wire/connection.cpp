#include "bench/wire/connection.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

namespace rookery::bench {

namespace {

constexpr std::size_t kReadBytes = std::size_t{64} << 10;

// The thread's scratch buffers: an idle connection holds none.
std::array<char, kReadBytes>& read_scratch() {
    static thread_local std::array<char, kReadBytes> scratch;
    return scratch;
}

std::array<char, kReadBytes>& plain_scratch() {
    static thread_local std::array<char, kReadBytes> scratch;
    return scratch;
}

sockaddr_in socket_address(std::uint32_t address, std::uint16_t port) {
    sockaddr_in made{};
    made.sin_family = AF_INET;
    made.sin_addr.s_addr = htonl(address);
    made.sin_port = htons(port);
    return made;
}

bool bind_source(int descriptor, std::uint32_t source) {
    const int on = 1;
    // The port is then chosen at connect, per destination: else ports run out after 28,000 connections.
    setsockopt(descriptor, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
    const sockaddr_in from = socket_address(source, 0);
    return bind(descriptor, reinterpret_cast<const sockaddr*>(&from), sizeof from) == 0;
}

void send_at_once(int descriptor) {
    const int on = 1;
    setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

std::string tls_error() {
    const unsigned long code = ERR_get_error();
    return code == 0 ? "TLS failed" : std::string("TLS: ") + ERR_reason_error_string(code);
}

}  // namespace

bool Connection::connect(std::uint32_t address, std::uint16_t port, std::uint32_t source) {
    descriptor_ = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (descriptor_ < 0) return false;
    send_at_once(descriptor_);
    const sockaddr_in to = socket_address(address, port);
    const bool begun =
        (source == 0 || bind_source(descriptor_, source)) &&
        (::connect(descriptor_, reinterpret_cast<const sockaddr*>(&to), sizeof to) == 0 || errno == EINPROGRESS);
    if (!begun) {
        const int error = errno;
        ::close(descriptor_);
        descriptor_ = -1;
        errno = error;
        return false;
    }
    connecting_ = true;
    loop_.watch(descriptor_, EPOLLOUT, this);
    return true;
}

void Connection::adopt(int descriptor) {
    descriptor_ = descriptor;
    send_at_once(descriptor_);
    loop_.watch(descriptor_, EPOLLIN, this);
}

void Connection::start_tls_client(TlsContext& context, const std::string& server_name) {
    tls_ = &context;
    ssl_ = context.make_client(server_name);
    handshaking_ = true;
    tls_->set_input({});
    handshake();
}

void Connection::start_tls_server(TlsContext& context) {
    tls_ = &context;
    ssl_ = context.make_server();
    handshaking_ = true;
}

void Connection::write(std::string_view bytes) {
    if (descriptor_ < 0) return;
    output_.append(bytes);
    ask_for_flush();
}

void Connection::ask_for_flush() {
    if (flush_asked_) return;
    flush_asked_ = true;
    loop_.flush_later(this);
}

void Connection::close() {
    if (descriptor_ < 0) return;
    ::close(descriptor_);  // takes it out of the epoll set too
    descriptor_ = -1;
    connecting_ = handshaking_ = waiting_for_room_ = false;  // it may connect again
    ssl_.reset();
    output_ = {};
    unsent_ = {};
}

std::string Connection::tls_description() const {
    if (!ssl_) return {};
    return std::string(SSL_get_version(ssl_.get())) + " " + SSL_get_cipher_name(ssl_.get());
}

void Connection::fail(const std::string& why) {
    if (descriptor_ < 0) return;
    close();
    listener_.on_closed(why);
}

void Connection::on_event(std::uint32_t events) {
    if (descriptor_ < 0) return;
    if (connecting_) return finish_connect();
    if ((events & EPOLLOUT) != 0) send_unsent();
    if ((events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0 && descriptor_ >= 0) on_readable();
}

void Connection::finish_connect() {
    int error = 0;
    socklen_t size = sizeof error;
    getsockopt(descriptor_, SOL_SOCKET, SO_ERROR, &error, &size);
    if (error != 0) return fail(std::string("connect: ") + std::strerror(error));
    connecting_ = false;
    loop_.change(descriptor_, EPOLLIN, this);
    if (!output_.empty()) ask_for_flush();
    listener_.on_connected();
}

void Connection::on_readable() {
    auto& scratch = read_scratch();
    const ssize_t count = recv(descriptor_, scratch.data(), scratch.size(), 0);
    if (count < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (count < 0) return fail(std::string("recv: ") + std::strerror(errno));
    if (count == 0) return fail("closed by the other side");
    const std::string_view bytes(scratch.data(), static_cast<std::size_t>(count));
    if (ssl_) return receive_tls(bytes);
    listener_.on_data(bytes);
}

void Connection::receive_tls(std::string_view bytes) {
    tls_->set_input(bytes);
    if (handshaking_) handshake();
    while (ssl_ && !handshaking_) {
        auto& plain = plain_scratch();
        std::size_t count = 0;
        ERR_clear_error();
        const int done = SSL_read_ex(ssl_.get(), plain.data(), plain.size(), &count);
        if (done != 1) {
            const int error = SSL_get_error(ssl_.get(), done);
            if (error != SSL_ERROR_WANT_READ) {
                return fail(error == SSL_ERROR_ZERO_RETURN ? "closed by the other side" : tls_error());
            }
            break;
        }
        listener_.on_data({plain.data(), count});
    }
    send_tls_output();  // KeyUpdate, alerts; nearly always nothing
}

void Connection::handshake() {
    ERR_clear_error();
    const int done = SSL_do_handshake(ssl_.get());
    const bool failed = done != 1 && SSL_get_error(ssl_.get(), done) != SSL_ERROR_WANT_READ;
    const std::string why = failed ? tls_error() : std::string();
    send_tls_output();
    if (failed) return fail(why);
    if (done != 1) return;
    handshaking_ = false;
    if (!output_.empty()) ask_for_flush();
    listener_.on_secured();
}

void Connection::on_flush() {
    flush_asked_ = false;
    if (descriptor_ < 0 || connecting_ || handshaking_) return;
    if (output_.size() > kOutputLimitBytes) return fail("the other side does not read");
    if (!unsent_.empty() || output_.empty()) return;
    if (ssl_) {
        seal_output();
    } else {
        send_bytes(output_);
    }
    output_ = {};
}

void Connection::seal_output() {
    std::size_t written = 0;
    ERR_clear_error();
    // The shared BIO takes everything, so this never writes in part.
    if (SSL_write_ex(ssl_.get(), output_.data(), output_.size(), &written) != 1) return fail(tls_error());
    send_tls_output();
}

void Connection::send_tls_output() {
    std::string& sealed = tls_->output();
    if (sealed.empty()) return;
    send_bytes(sealed);
    sealed.clear();
}

void Connection::send_bytes(std::string_view bytes) {
    if (descriptor_ < 0) return;
    if (unsent_.empty()) {
        const ssize_t count = send(descriptor_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
        if (count < 0 && errno != EAGAIN && errno != EINTR) return fail(std::string("send: ") + std::strerror(errno));
        if (count > 0) bytes.remove_prefix(static_cast<std::size_t>(count));
    }
    unsent_.append(bytes);
    wait_for_room(!unsent_.empty());
}

void Connection::send_unsent() {
    std::string bytes = std::move(unsent_);
    unsent_ = {};
    send_bytes(bytes);
    if (unsent_.empty() && !output_.empty()) ask_for_flush();
}

void Connection::wait_for_room(bool wanted) {
    if (wanted == waiting_for_room_) return;
    waiting_for_room_ = wanted;
    loop_.change(descriptor_, wanted ? EPOLLIN | EPOLLOUT : EPOLLIN, this);
}

}  // namespace rookery::bench
