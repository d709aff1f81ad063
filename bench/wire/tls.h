// TLS on one thread for very many connections: every SSL of a context shares one BIO, which reads from and writes to
// the buffers of whoever drives an SSL at that moment. So there is no BIO pair or memory BIO per connection, and
// SSL_MODE_RELEASE_BUFFERS frees OpenSSL's own buffers between records.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

struct ssl_st;
struct ssl_ctx_st;
struct bio_st;

namespace rookery::bench {

struct FreeSsl {
    void operator()(ssl_st* ssl) const;
};
using SslHandle = std::unique_ptr<ssl_st, FreeSsl>;

struct TlsClientOptions {
    bool version_1_2 = false;  // exactly TLS 1.2 instead of exactly TLS 1.3
    // Fixed, so that every server measured seals with the same cipher.
    std::string ciphersuites = "TLS_AES_128_GCM_SHA256";
    std::string alpn;  // one protocol name, or empty
};

// Outlives the SSLs made from it.
class TlsContext {
public:
    static std::unique_ptr<TlsContext> client(const TlsClientOptions& options);
    // With a self-signed ECDSA P-256 certificate made on the spot, TLS 1.2 and 1.3, no tickets.
    static std::unique_ptr<TlsContext> self_signed_server();

    ~TlsContext();
    TlsContext(const TlsContext&) = delete;
    TlsContext& operator=(const TlsContext&) = delete;

    SslHandle make_client(const std::string& server_name);
    SslHandle make_server();

    // What the shared BIO reads next; must stay valid while an SSL is driven with it.
    void set_input(std::string_view bytes) { input_ = bytes; }
    // What the SSL driven last wanted sent. Taken (cleared) by the caller.
    std::string& output() { return output_; }

private:
    explicit TlsContext(ssl_ctx_st* context);
    SslHandle make();

    friend int bio_read(bio_st* bio, char* target, std::size_t size, std::size_t* count);
    friend int bio_write(bio_st* bio, const char* source, std::size_t size, std::size_t* count);

    ssl_ctx_st* context_;
    bio_st* bio_;
    std::string alpn_;
    std::string_view input_;
    std::string output_;
};

}  // namespace rookery::bench
