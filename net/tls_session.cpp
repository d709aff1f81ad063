#include "net/tls_session.h"

#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/objects.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <algorithm>
#include <array>
#include <cassert>
#include <cstring>
#include <new>

#include "base/bytes.h"
#include "net/tls_contexts.h"
#include "net/tls_detached.h"

namespace rookery {
namespace {

int read_from_workspace(BIO* bio, char* into, int size) {
    auto& workspace = *static_cast<TlsWorkspace*>(BIO_get_data(bio));
    BIO_clear_retry_flags(bio);
    if (workspace.input.empty()) {
        BIO_set_retry_read(bio);
        return -1;
    }
    const std::size_t count = std::min(workspace.input.size(), static_cast<std::size_t>(size));
    std::memcpy(into, workspace.input.data(), count);
    workspace.input.remove_prefix(count);
    return static_cast<int>(count);
}

int write_to_workspace(BIO* bio, const char* bytes, int size) {
    static_cast<TlsWorkspace*>(BIO_get_data(bio))->output.append(bytes, static_cast<std::size_t>(size));
    return size;
}

long control_workspace(BIO*, int command, long, void*) { return command == BIO_CTRL_FLUSH ? 1 : 0; }

struct FreeSsl {
    void operator()(SSL* ssl) const { SSL_free(ssl); }
};

}  // namespace

TlsWorkspace::TlsWorkspace()
    : plain(RecordCipher::max_opened_bytes),
      method_(BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "workspace")),
      bio_(nullptr) {
    if (!method_) throw std::bad_alloc();
    BIO_meth_set_read(method_, read_from_workspace);
    BIO_meth_set_write(method_, write_to_workspace);
    BIO_meth_set_ctrl(method_, control_workspace);
    bio_ = BIO_new(method_);
    if (!bio_) throw std::bad_alloc();
    BIO_set_data(bio_, this);
    BIO_set_init(bio_, 1);
}

TlsWorkspace::~TlsWorkspace() {
    BIO_free(bio_);
    BIO_meth_free(method_);
}

namespace {

// Lends the workspace's BIO to an SSL for the time of one call. (Memory BIOs of its own would keep 14 kB for ever,
// and SSL_set_fd costs three reads a record.)
class Lent {
public:
    Lent(SSL* ssl, TlsWorkspace& workspace) : ssl_(ssl), workspace_(workspace) {
        BIO_up_ref(workspace.bio());
        BIO_up_ref(workspace.bio());
        SSL_set0_rbio(ssl, workspace.bio());
        SSL_set0_wbio(ssl, workspace.bio());
        ERR_clear_error();
    }
    ~Lent() {
        SSL_set0_rbio(ssl_, nullptr);
        SSL_set0_wbio(ssl_, nullptr);
        workspace_.input = {};
        ERR_clear_error();
    }
    Lent(const Lent&) = delete;
    Lent& operator=(const Lent&) = delete;

private:
    SSL* ssl_;
    TlsWorkspace& workspace_;
};

// RFC 5929 section 4.1: the hash of the certificate's signature, but SHA-256 instead of MD5 and SHA-1 (and where the
// signature names no hash, as Ed25519).
std::string hash_of_certificate(X509* certificate) {
    int digest_nid = NID_undef;
    OBJ_find_sigid_algs(X509_get_signature_nid(certificate), &digest_nid, nullptr);
    if (digest_nid == NID_undef || digest_nid == NID_md5 || digest_nid == NID_sha1) digest_nid = NID_sha256;
    const EVP_MD* const digest = EVP_get_digestbynid(digest_nid);
    std::array<unsigned char, EVP_MAX_MD_SIZE> hash{};
    unsigned size = 0;
    if (!digest || X509_digest(certificate, digest, hash.data(), &size) != 1) return {};
    return std::string(reinterpret_cast<const char*>(hash.data()), size);
}

// RFC 9266 section 2: this label, an empty context, 32 bytes.
std::string export_channel_binding(SSL* ssl) {
    constexpr std::string_view label = "EXPORTER-Channel-Binding";
    std::string binding(32, '\0');
    const int done = SSL_export_keying_material(ssl, reinterpret_cast<unsigned char*>(binding.data()), binding.size(),
                                                label.data(), label.size(), nullptr, 0, 1);
    return done == 1 ? binding : std::string();
}

// RFC 5929 section 3.1: the first Finished of the handshake. That is the client's, since we never resume a session.
std::string first_finished(const SSL* ssl) {
    std::array<char, EVP_MAX_MD_SIZE> finished{};
    const std::size_t size = SSL_get_peer_finished(ssl, finished.data(), finished.size());
    return std::string(finished.data(), std::min(size, finished.size()));
}

// The application traffic secrets of a TLS 1.3 handshake, number 0; empty until they are known.
struct TrafficSecrets {
    std::string client, server;

    ~TrafficSecrets() {
        OPENSSL_cleanse(client.data(), client.size());
        OPENSSL_cleanse(server.data(), server.size());
    }

    // `line`: "LABEL client-random secret", the format of SSLKEYLOGFILE. Only this way OpenSSL tells them.
    void note(std::string_view line) {
        std::string* const secret = line.starts_with("CLIENT_TRAFFIC_SECRET_0 ")   ? &client
                                    : line.starts_with("SERVER_TRAFFIC_SECRET_0 ") ? &server
                                                                                   : nullptr;
        if (!secret) return;
        *secret = hex_decode(line.substr(line.rfind(' ') + 1)).value_or(std::string());
    }
};

// What the client asked our records to be at most (RFC 6066 section 4).
std::size_t max_content_bytes(const SSL* ssl) {
    const std::uint8_t mode = SSL_SESSION_get_max_fragment_length(SSL_get_session(ssl));
    return mode == TLSEXT_max_fragment_length_DISABLED ? RecordCipher::max_content_bytes : std::size_t{256} << mode;
}

std::string lower_case(std::string_view text) {
    std::string lower(text);
    for (char& c : lower) {
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    }
    return lower;
}

class OpensslSession final : public TlsSession {
public:
    OpensslSession(std::shared_ptr<const TlsContexts> contexts, AlpnList alpn)
        : contexts_(std::move(contexts)), alpn_(std::move(alpn)), ssl_(SSL_new(contexts_->find({}))) {
        if (!ssl_) throw std::bad_alloc();
        SSL_set_app_data(ssl_.get(), this);
        SSL_set_accept_state(ssl_.get());
    }

    Step receive(std::string_view record, TlsWorkspace& workspace) override {
        workspace.input = record;
        const Lent lent(ssl_.get(), workspace);
        return contexts_ ? shake_hands() : open(workspace);
    }

    bool send(std::string_view plain, TlsWorkspace& workspace) override {
        const Lent lent(ssl_.get(), workspace);
        std::size_t sealed = 0;
        return SSL_write_ex(ssl_.get(), plain.data(), plain.size(), &sealed) == 1 && sealed == plain.size();
    }

    void close_notify(TlsWorkspace& workspace) override {
        const Lent lent(ssl_.get(), workspace);
        SSL_shutdown(ssl_.get());
    }

    Secured secured() override {
        Secured secured{info(), contexts_->detached() ? detach() : nullptr};
        contexts_.reset();  // the SSL holds the one it uses
        alpn_.reset();
        secrets_.reset();
        return secured;
    }

    const char* failure() const override { return failure_; }

    static int choose_certificate(SSL* ssl, int*, void*) {
        const auto& session = *static_cast<const OpensslSession*>(SSL_get_app_data(ssl));
        const char* const name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
        if (!name || !session.contexts_) return SSL_TLSEXT_ERR_NOACK;
        SSL_set_SSL_CTX(ssl, session.contexts_->find(name));
        return SSL_TLSEXT_ERR_OK;
    }

    static int choose_protocol(SSL* ssl, const unsigned char** chosen, unsigned char* chosen_size,
                               const unsigned char* offered, unsigned offered_size, void*) {
        const auto& session = *static_cast<const OpensslSession*>(SSL_get_app_data(ssl));
        if (!session.alpn_ || session.alpn_->empty()) return SSL_TLSEXT_ERR_NOACK;
        for (unsigned at = 0; at < offered_size; at += 1u + offered[at]) {
            const std::string_view name(reinterpret_cast<const char*>(offered) + at + 1, offered[at]);
            if (std::find(session.alpn_->begin(), session.alpn_->end(), name) == session.alpn_->end()) continue;
            *chosen = offered + at + 1;
            *chosen_size = offered[at];
            return SSL_TLSEXT_ERR_OK;
        }
        return SSL_TLSEXT_ERR_ALERT_FATAL;  // no_application_protocol
    }

    static void note_secret(const SSL* ssl, const char* line) {
        const auto& session = *static_cast<const OpensslSession*>(SSL_get_app_data(ssl));
        if (session.secrets_) session.secrets_->note(line);
    }

private:
    TlsInfo info() const {
        SSL* const ssl = ssl_.get();
        TlsInfo info;
        info.version = SSL_get_version(ssl);
        info.cipher = SSL_get_cipher_name(ssl);
        if (const char* name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name)) info.sni = lower_case(name);
        const unsigned char* protocol = nullptr;
        unsigned size = 0;
        SSL_get0_alpn_selected(ssl, &protocol, &size);
        info.alpn.assign(reinterpret_cast<const char*>(protocol), size);
        info.is_tls13 = SSL_version(ssl) == TLS1_3_VERSION;
        info.extended_master_secret = info.is_tls13 || SSL_get_extms_support(ssl) == 1;
        if (info.extended_master_secret) info.tls_exporter = export_channel_binding(ssl);
        if (info.extended_master_secret && !info.is_tls13) info.tls_unique = first_finished(ssl);
        if (X509* certificate = SSL_get_certificate(ssl)) info.tls_server_end_point = hash_of_certificate(certificate);
        return info;
    }

    Step shake_hands() {
        const int result = SSL_accept(ssl_.get());
        if (result != 1) return unfinished(result);
        return {Status::secured, {}};
    }

    // Nothing is left inside: what it wrote is in the workspace's output, it was fed one record at a time, and it sent
    // no tickets. Both sides are at the first record under the first keys.
    std::unique_ptr<TlsSession> detach() const {
        const auto suite = tls_suite(SSL_get_cipher_name(ssl_.get()));
        if (!suite || secrets_->client.empty() || secrets_->server.empty()) return nullptr;
        return make_detached_session({.suite = *suite,
                                      .read_secret = secrets_->client,
                                      .write_secret = secrets_->server,
                                      .max_content_bytes = max_content_bytes(ssl_.get())});
    }

    Step open(TlsWorkspace& workspace) {
        std::size_t count = 0;
        const int result = SSL_read_ex(ssl_.get(), workspace.plain.data(), workspace.plain.size(), &count);
        if (result != 1) return unfinished(result);
        assert(SSL_pending(ssl_.get()) == 0);
        return {Status::data, std::string_view(workspace.plain.data(), count)};
    }

    Step unfinished(int result) {
        switch (SSL_get_error(ssl_.get(), result)) {
            case SSL_ERROR_WANT_READ:
                return {Status::more, {}};
            case SSL_ERROR_ZERO_RETURN:
                return {Status::closed, {}};
            default:
                break;
        }
        const char* const reason = ERR_reason_error_string(ERR_peek_error());
        if (reason) failure_ = reason;
        return {Status::failed, {}};
    }

    std::shared_ptr<const TlsContexts> contexts_;  // until the handshake is done
    AlpnList alpn_;
    std::unique_ptr<TrafficSecrets> secrets_ = std::make_unique<TrafficSecrets>();
    std::unique_ptr<SSL, FreeSsl> ssl_;
    const char* failure_ = "unknown";  // OpenSSL's strings are static
};

}  // namespace

std::unique_ptr<TlsSession> make_server_session(std::shared_ptr<const TlsContexts> contexts, AlpnList alpn) {
    return std::make_unique<OpensslSession>(std::move(contexts), std::move(alpn));
}

void set_handshake_callbacks(ssl_ctx_st* context) {
    SSL_CTX_set_tlsext_servername_callback(context, OpensslSession::choose_certificate);
    SSL_CTX_set_alpn_select_cb(context, OpensslSession::choose_protocol, nullptr);
    SSL_CTX_set_keylog_callback(context, OpensslSession::note_secret);
}

std::size_t tls_record_length(std::string_view bytes) {
    constexpr std::size_t max_body_bytes = 16 * 1024 + 2048;  // RFC 5246 6.2.3; less in TLS 1.3
    const auto at = [&](std::size_t i) { return static_cast<unsigned char>(bytes[i]); };
    if (bytes.empty()) return 0;
    if (at(0) < SSL3_RT_CHANGE_CIPHER_SPEC || at(0) > SSL3_RT_APPLICATION_DATA) return not_a_record;
    if (bytes.size() >= 2 && at(1) != SSL3_VERSION_MAJOR) return not_a_record;
    if (bytes.size() < tls_header_bytes) return 0;
    const std::size_t body_bytes = static_cast<std::size_t>(at(3)) << 8 | at(4);
    if (body_bytes > max_body_bytes) return not_a_record;
    return bytes.size() < tls_header_bytes + body_bytes ? 0 : tls_header_bytes + body_bytes;
}

}  // namespace rookery
