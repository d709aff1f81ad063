#include "bench/wire/tls.h"

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <algorithm>
#include <cstring>
#include <stdexcept>

namespace rookery::bench {

namespace {

void require(bool done, const char* what) {
    if (!done) throw std::runtime_error(std::string("OpenSSL: ") + what + " failed");
}

long bio_control(BIO*, int command, long, void*) { return command == BIO_CTRL_FLUSH ? 1 : 0; }

struct FreeKey {
    void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
};
struct FreeCertificate {
    void operator()(X509* certificate) const { X509_free(certificate); }
};

void use_self_signed_certificate(SSL_CTX* context) {
    const std::unique_ptr<EVP_PKEY, FreeKey> key(EVP_EC_gen("P-256"));
    require(key != nullptr, "EVP_EC_gen");
    const std::unique_ptr<X509, FreeCertificate> certificate(X509_new());
    constexpr long kOneDay = 24 * 60 * 60;
    ASN1_INTEGER_set(X509_get_serialNumber(certificate.get()), 1);
    X509_gmtime_adj(X509_getm_notBefore(certificate.get()), -kOneDay);
    X509_gmtime_adj(X509_getm_notAfter(certificate.get()), kOneDay);
    X509_set_pubkey(certificate.get(), key.get());
    X509_NAME* name = X509_get_subject_name(certificate.get());
    const auto* host = reinterpret_cast<const unsigned char*>("localhost");
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, host, -1, -1, 0);
    X509_set_issuer_name(certificate.get(), name);
    require(X509_sign(certificate.get(), key.get(), EVP_sha256()) > 0, "X509_sign");
    require(SSL_CTX_use_certificate(context, certificate.get()) == 1, "SSL_CTX_use_certificate");
    require(SSL_CTX_use_PrivateKey(context, key.get()) == 1, "SSL_CTX_use_PrivateKey");
}

}  // namespace

int bio_read(BIO* bio, char* target, std::size_t size, std::size_t* count) {
    auto* context = static_cast<TlsContext*>(BIO_get_data(bio));
    BIO_clear_retry_flags(bio);
    const std::size_t taken = std::min(size, context->input_.size());
    if (taken == 0) {
        BIO_set_retry_read(bio);
        return 0;
    }
    std::memcpy(target, context->input_.data(), taken);
    context->input_.remove_prefix(taken);
    *count = taken;
    return 1;
}

int bio_write(BIO* bio, const char* source, std::size_t size, std::size_t* count) {
    static_cast<TlsContext*>(BIO_get_data(bio))->output_.append(source, size);
    *count = size;
    return 1;
}

namespace {

// Made once, never freed: OpenSSL wants the method to outlive every BIO.
BIO_METHOD* shared_bio_method() {
    static BIO_METHOD* const method = [] {
        BIO_METHOD* made = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "rookery bench shared buffers");
        BIO_meth_set_read_ex(made, bio_read);
        BIO_meth_set_write_ex(made, bio_write);
        BIO_meth_set_ctrl(made, bio_control);
        return made;
    }();
    return method;
}

}  // namespace

void FreeSsl::operator()(ssl_st* ssl) const { SSL_free(ssl); }

TlsContext::TlsContext(ssl_ctx_st* context) : context_(context), bio_(BIO_new(shared_bio_method())) {
    require(context_ != nullptr && bio_ != nullptr, "SSL_CTX_new");
    BIO_set_data(bio_, this);
    BIO_set_init(bio_, 1);
    SSL_CTX_set_mode(context_, SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_session_cache_mode(context_, SSL_SESS_CACHE_OFF);
}

TlsContext::~TlsContext() {
    BIO_free(bio_);
    SSL_CTX_free(context_);
}

std::unique_ptr<TlsContext> TlsContext::client(const TlsClientOptions& options) {
    std::unique_ptr<TlsContext> made(new TlsContext(SSL_CTX_new(TLS_client_method())));
    const int version = options.version_1_2 ? TLS1_2_VERSION : TLS1_3_VERSION;
    SSL_CTX_set_min_proto_version(made->context_, version);
    SSL_CTX_set_max_proto_version(made->context_, version);
    require(SSL_CTX_set_ciphersuites(made->context_, options.ciphersuites.c_str()) == 1, "SSL_CTX_set_ciphersuites");
    if (!options.alpn.empty()) made->alpn_ = static_cast<char>(options.alpn.size()) + options.alpn;
    return made;
}

std::unique_ptr<TlsContext> TlsContext::self_signed_server() {
    std::unique_ptr<TlsContext> made(new TlsContext(SSL_CTX_new(TLS_server_method())));
    SSL_CTX_set_min_proto_version(made->context_, TLS1_2_VERSION);
    SSL_CTX_set_num_tickets(made->context_, 0);
    use_self_signed_certificate(made->context_);
    return made;
}

SslHandle TlsContext::make() {
    SslHandle ssl(SSL_new(context_));
    require(ssl != nullptr, "SSL_new");
    BIO_up_ref(bio_);
    BIO_up_ref(bio_);
    SSL_set0_rbio(ssl.get(), bio_);
    SSL_set0_wbio(ssl.get(), bio_);
    return ssl;
}

SslHandle TlsContext::make_client(const std::string& server_name) {
    SslHandle ssl = make();
    SSL_set_connect_state(ssl.get());
    SSL_set_tlsext_host_name(ssl.get(), server_name.c_str());
    if (!alpn_.empty()) {
        SSL_set_alpn_protos(ssl.get(), reinterpret_cast<const unsigned char*>(alpn_.data()),
                            static_cast<unsigned>(alpn_.size()));
    }
    return ssl;
}

SslHandle TlsContext::make_server() {
    SslHandle ssl = make();
    SSL_set_accept_state(ssl.get());
    return ssl;
}

}  // namespace rookery::bench
