#include "tests/net/support.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/err.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

namespace rookery::test {

bool eventually(const std::function<bool()>& condition, Milliseconds limit) {
    const auto end = std::chrono::steady_clock::now() + limit;
    while (!condition()) {
        if (std::chrono::steady_clock::now() > end) return false;
        std::this_thread::sleep_for(Milliseconds(1));
    }
    return true;
}

TestServer::TestServer(LoopThread& thread, Data data, ListenerOptions options,
                       std::shared_ptr<const TlsContexts> contexts)
    : thread_(thread), data_(std::move(data)) {
    if (options.address == "::") options.address = "127.0.0.1";
    thread_.sync([&] {
        auto opened = Listener::open(
            thread_.loop, options, contexts, [this](const Endpoint& peer) { return !admit || admit(peer); },
            [this](Parked parked) {
                auto peer = std::make_unique<Peer>();
                peer->data = data_;
                if (prepare) prepare(*peer);
                peer->adopt(thread_.loop, std::move(parked));
                const std::lock_guard lock(mutex_);
                peers_.push_back(std::move(peer));
            });
        if (!opened) throw std::runtime_error(opened.error().message);
        listener = std::move(opened).value();
        port_ = listener->port();
    });
}

TestServer::~TestServer() {
    thread_.sync([this] {
        listener.reset();
        peers_.clear();
    });
}

Peer& TestServer::peer(std::size_t index) {
    if (!eventually([&] { return count() > index; })) throw std::runtime_error("no such connection");
    const std::lock_guard lock(mutex_);
    return *peers_[index];
}

std::size_t TestServer::count() const {
    const std::lock_guard lock(mutex_);
    return peers_.size();
}

PlainClient::PlainClient(std::uint16_t port, const char* address) {
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(port);
    ::inet_pton(AF_INET, address, &to.sin_addr);
    descriptor_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const timeval limit{.tv_sec = 10, .tv_usec = 0};
    ::setsockopt(descriptor_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    ::setsockopt(descriptor_, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    if (::connect(descriptor_, reinterpret_cast<const sockaddr*>(&to), sizeof to) != 0)
        throw std::runtime_error("cannot connect");
}

PlainClient::~PlainClient() {
    if (descriptor_ >= 0) ::close(descriptor_);
}

void PlainClient::send(std::string_view bytes) {
    while (!bytes.empty()) {
        const ssize_t count = ::send(descriptor_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
        if (count <= 0) return;
        bytes.remove_prefix(static_cast<std::size_t>(count));
    }
}

std::string PlainClient::receive(std::size_t count) {
    std::string bytes(count, '\0');
    std::size_t filled = 0;
    while (filled < count) {
        const ssize_t got = ::recv(descriptor_, bytes.data() + filled, count - filled, 0);
        if (got <= 0) break;
        filled += static_cast<std::size_t>(got);
    }
    bytes.resize(filled);
    return bytes;
}

std::string PlainClient::receive_rest() {
    constexpr std::size_t piece = 1 << 16;
    std::string all;
    std::string bytes;
    do {
        bytes = receive(piece);
        all += bytes;
    } while (bytes.size() == piece);
    return all;
}

bool PlainClient::closed_by_peer() {
    char buffer[4096];
    ssize_t got = 0;
    do {
        got = ::recv(descriptor_, buffer, sizeof buffer, 0);
    } while (got > 0);
    return got == 0 || errno == ECONNRESET;
}

void PlainClient::finish() { ::shutdown(descriptor_, SHUT_WR); }

void PlainClient::reset() {
    const linger at_once{.l_onoff = 1, .l_linger = 0};
    ::setsockopt(descriptor_, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    ::close(std::exchange(descriptor_, -1));
}

TlsClient::TlsClient(std::uint16_t port, Options options)
    : TlsClient(std::make_unique<PlainClient>(port), std::move(options)) {}

TlsClient::TlsClient(std::unique_ptr<PlainClient> socket, Options options)
    : socket_(std::move(socket)), context_(SSL_CTX_new(TLS_client_method())) {
    SSL_CTX_set_security_level(context_, options.security_level);
    SSL_CTX_set_min_proto_version(context_, options.min_version);
    SSL_CTX_set_max_proto_version(context_, options.max_version);
    SSL_CTX_set_options(context_, options.options);
    if (!options.tls12_ciphers.empty()) SSL_CTX_set_cipher_list(context_, options.tls12_ciphers.c_str());
    ssl_ = SSL_new(context_);
    if (!options.sni.empty()) SSL_set_tlsext_host_name(ssl_, options.sni.c_str());
    std::string alpn;
    for (const std::string& name : options.alpn) alpn += static_cast<char>(name.size()) + name;
    if (!alpn.empty())
        SSL_set_alpn_protos(ssl_, reinterpret_cast<const unsigned char*>(alpn.data()),
                            static_cast<unsigned>(alpn.size()));
    SSL_set_fd(ssl_, socket_->descriptor());
}

TlsClient::~TlsClient() {
    SSL_free(ssl_);
    SSL_CTX_free(context_);
}

bool TlsClient::shake_hands() {
    ERR_clear_error();
    if (SSL_connect(ssl_) == 1) {
        // TLS 1.3: the client is done before the server has judged it; an alert comes with the first read.
        return true;
    }
    if (const char* reason = ERR_reason_error_string(ERR_peek_error())) alert_ = reason;
    return false;
}

bool TlsClient::send(std::string_view bytes) {
    std::size_t written = 0;
    while (!bytes.empty()) {
        if (SSL_write_ex(ssl_, bytes.data(), bytes.size(), &written) != 1) return false;
        bytes.remove_prefix(written);
    }
    return true;
}

std::string TlsClient::receive(std::size_t count) {
    std::string bytes(count, '\0');
    std::size_t filled = 0, got = 0;
    ERR_clear_error();
    while (filled < count && SSL_read_ex(ssl_, bytes.data() + filled, count - filled, &got) == 1) filled += got;
    if (filled < count) {
        if (const char* reason = ERR_reason_error_string(ERR_peek_error())) alert_ = reason;
    }
    bytes.resize(filled);
    return bytes;
}

bool TlsClient::closed_cleanly() {
    char buffer[4096];
    int result = 0;
    do {
        result = SSL_read(ssl_, buffer, sizeof buffer);
    } while (result > 0);
    return SSL_get_error(ssl_, result) == SSL_ERROR_ZERO_RETURN;
}

std::string TlsClient::certificate_name() {
    X509* const certificate = SSL_get1_peer_certificate(ssl_);
    if (!certificate) return {};
    char name[256] = {};
    X509_NAME_get_text_by_NID(X509_get_subject_name(certificate), NID_commonName, name, sizeof name);
    X509_free(certificate);
    return name;
}

TempDir::TempDir() {
    std::string pattern = (std::filesystem::temp_directory_path() / "rookery-net-XXXXXX").string();
    if (!::mkdtemp(pattern.data())) throw std::runtime_error("mkdtemp");
    path_ = pattern;
}

TempDir::~TempDir() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
}

std::shared_ptr<const TlsContexts> test_contexts(const std::vector<std::vector<std::string>>& names, bool detached) {
    const TempDir dir;
    std::vector<CertificateFiles> files;
    for (std::size_t i = 0; i < names.size(); ++i) {
        const std::string chain = dir / (std::to_string(i) + ".pem"), key = dir / (std::to_string(i) + ".key");
        if (auto made = make_self_signed(chain, key, names[i]); !made) throw std::runtime_error(made.error().message);
        files.push_back({.chain = chain, .key = key, .hosts = {}});
    }
    auto loaded = TlsContexts::load(files, detached);
    if (!loaded) throw std::runtime_error(loaded.error().message);
    return std::move(loaded).value();
}

ListenerOptions direct_tls(std::vector<std::string> alpn) {
    ListenerOptions options;
    options.direct_tls = true;
    options.alpn = std::make_shared<const std::vector<std::string>>(std::move(alpn));
    return options;
}

int in_child(int (*work)()) {
    const pid_t child = ::fork();
    if (child == 0) ::_exit(work());
    int status = 0;
    ::waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

}  // namespace rookery::test
