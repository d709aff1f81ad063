// A peer for TLS sessions in memory: OpenSSL's client, and records made by hand from its secrets, also such as no
// client would send. Its key schedule is OpenSSL's, not ours.
#pragma once

#include <openssl/core_names.h>
#include <openssl/kdf.h>
#include <openssl/ssl.h>

#include <array>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "net/tls_contexts.h"
#include "net/tls_session.h"

namespace rookery::test {

inline void must(bool holds, const char* what) {
    if (!holds) throw std::runtime_error(what);
}

// One direction: seals whatever it is given as inner plaintext, opens what the other side sealed.
class TlsForge {
public:
    TlsForge(const std::string& cipher_name, std::string secret) : secret_(std::move(secret)) {
        const bool aes128 = cipher_name == "TLS_AES_128_GCM_SHA256", aes256 = cipher_name == "TLS_AES_256_GCM_SHA384";
        must(aes128 || aes256 || cipher_name == "TLS_CHACHA20_POLY1305_SHA256", "cipher");
        cipher_ = aes128 ? EVP_aes_128_gcm() : aes256 ? EVP_aes_256_gcm() : EVP_chacha20_poly1305();
        hash_ = aes256 ? "SHA384" : "SHA256";
        make_keys();
    }

    // `inner`: content, type, padding. `header`: five bytes; empty: the right ones.
    std::string record(std::string_view inner, std::string header = {}) {
        if (header.empty()) header = header_for(inner.size() + tag_bytes);
        std::string sealed(inner.size() + tag_bytes, '\0');
        run(true, header, inner, sealed.data(), sealed.data() + inner.size());
        ++number_;
        return header + sealed;
    }
    static std::string with_type(std::string_view content, int type, std::size_t padding = 0) {
        return std::string(content) + static_cast<char>(type) + std::string(padding, '\0');
    }
    static std::string header_for(std::size_t body_bytes) {
        return std::string("\x17\x03\x03") + static_cast<char>(body_bytes >> 8) + static_cast<char>(body_bytes & 0xff);
    }

    // The inner plaintext of one record; empty: forged or broken.
    std::string open(std::string_view record) {
        must(record.size() >= tls_header_bytes + tag_bytes, "short record");
        const std::string header(record.substr(0, tls_header_bytes));
        const std::string body(record.substr(tls_header_bytes, record.size() - tls_header_bytes - tag_bytes));
        std::string tag(record.substr(record.size() - tag_bytes)), inner(body.size(), '\0');
        const bool good = run(false, header, body, inner.data(), tag.data());
        ++number_;
        return good ? inner : std::string();
    }

    void update() {
        secret_ = derive(secret_, "traffic upd", secret_.size());
        make_keys();
    }

private:
    static constexpr std::size_t tag_bytes = 16;

    void make_keys() {
        key_ = derive(secret_, "key", static_cast<std::size_t>(EVP_CIPHER_get_key_length(cipher_)));
        iv_ = derive(secret_, "iv", 12);
        number_ = 0;
    }

    std::string derive(std::string secret, std::string label, std::size_t size) const {
        const std::unique_ptr<EVP_KDF, void (*)(EVP_KDF*)> kdf(EVP_KDF_fetch(nullptr, "TLS13-KDF", nullptr),
                                                               EVP_KDF_free);
        const std::unique_ptr<EVP_KDF_CTX, void (*)(EVP_KDF_CTX*)> context(EVP_KDF_CTX_new(kdf.get()),
                                                                           EVP_KDF_CTX_free);
        std::string prefix = "tls13 ", hash = hash_, derived(size, '\0');
        int mode = EVP_KDF_HKDF_MODE_EXPAND_ONLY;
        const std::array<OSSL_PARAM, 6> parameters = {
            OSSL_PARAM_construct_int(OSSL_KDF_PARAM_MODE, &mode),
            OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, hash.data(), 0),
            OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, secret.data(), secret.size()),
            OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_PREFIX, prefix.data(), prefix.size()),
            OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_LABEL, label.data(), label.size()),
            OSSL_PARAM_construct_end()};
        must(EVP_KDF_derive(context.get(), reinterpret_cast<unsigned char*>(derived.data()), size, parameters.data()) ==
                 1,
             "TLS13-KDF");
        return derived;
    }

    bool run(bool seal, const std::string& header, std::string_view in, char* out, char* tag) {
        const auto bytes = [](const char* text) { return reinterpret_cast<const unsigned char*>(text); };
        std::string nonce = iv_;
        for (std::size_t i = 0; i < 8; ++i)
            nonce[11 - i] = static_cast<char>(nonce[11 - i] ^ static_cast<char>(number_ >> (8 * i)));
        const std::unique_ptr<EVP_CIPHER_CTX, void (*)(EVP_CIPHER_CTX*)> context(EVP_CIPHER_CTX_new(),
                                                                                 EVP_CIPHER_CTX_free);
        EVP_CIPHER_CTX* const raw = context.get();
        int count = 0;
        must(EVP_CipherInit_ex(raw, cipher_, nullptr, bytes(key_.data()), bytes(nonce.data()), seal) == 1, "cipher");
        if (!seal) must(EVP_CIPHER_CTX_ctrl(raw, EVP_CTRL_AEAD_SET_TAG, tag_bytes, tag) == 1, "tag");
        must(EVP_CipherUpdate(raw, nullptr, &count, bytes(header.data()), static_cast<int>(header.size())) == 1,
             "header");
        auto* const room = reinterpret_cast<unsigned char*>(out);
        must(EVP_CipherUpdate(raw, room, &count, bytes(in.data()), static_cast<int>(in.size())) == 1, "body");
        if (EVP_CipherFinal_ex(raw, room + in.size(), &count) != 1) return false;
        return !seal || EVP_CIPHER_CTX_ctrl(raw, EVP_CTRL_AEAD_GET_TAG, tag_bytes, tag) == 1;
    }

    const EVP_CIPHER* cipher_ = nullptr;
    std::string hash_;
    std::string secret_, key_, iv_;
    std::uint64_t number_ = 0;
};

// OpenSSL's client over memory.
class MemoryClient {
public:
    explicit MemoryClient(const std::string& ciphers, int max_fragment_mode = 0)
        : context_(SSL_CTX_new(TLS_client_method()), SSL_CTX_free) {
        SSL_CTX_set_ciphersuites(context_.get(), ciphers.c_str());
        SSL_CTX_set_min_proto_version(context_.get(), TLS1_3_VERSION);
        SSL_CTX_set_keylog_callback(context_.get(), note_secret);
        if (max_fragment_mode)
            SSL_CTX_set_tlsext_max_fragment_length(context_.get(), static_cast<std::uint8_t>(max_fragment_mode));
        ssl_.reset(SSL_new(context_.get()));
        SSL_set_app_data(ssl_.get(), this);
        SSL_set_bio(ssl_.get(), BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
        SSL_set_connect_state(ssl_.get());
    }

    SSL* ssl() { return ssl_.get(); }
    void give(std::string_view records) {
        if (!records.empty()) BIO_write(SSL_get_rbio(ssl()), records.data(), static_cast<int>(records.size()));
    }
    std::string take() {
        char* bytes = nullptr;
        BIO* const out = SSL_get_wbio(ssl());
        const auto count = static_cast<std::size_t>(BIO_get_mem_data(out, &bytes));
        const std::string taken(bytes, count);
        (void)BIO_reset(out);
        return taken;
    }
    std::string send(std::string_view plain) {
        if (!plain.empty()) must(SSL_write(ssl(), plain.data(), static_cast<int>(plain.size())) > 0, "SSL_write");
        return take();
    }
    // What it can read now.
    std::string receive(std::string_view records) {
        give(records);
        std::string plain;
        char buffer[16 * 1024];
        for (int count; (count = SSL_read(ssl(), buffer, sizeof buffer)) > 0;)
            plain.append(buffer, static_cast<std::size_t>(count));
        return plain;
    }

    std::string client_secret, server_secret;  // application traffic, number 0
    std::string client_handshake_secret;
    std::string cipher() { return SSL_get_cipher_name(ssl()); }

private:
    static void note_secret(const SSL* ssl, const char* line) {
        auto& client = *static_cast<MemoryClient*>(SSL_get_app_data(ssl));
        const std::string_view text(line);
        const std::string secret = hex_decode(text.substr(text.rfind(' ') + 1)).value();
        if (text.starts_with("CLIENT_HANDSHAKE_TRAFFIC_SECRET")) client.client_handshake_secret = secret;
        if (text.starts_with("CLIENT_TRAFFIC_SECRET_0")) client.client_secret = secret;
        if (text.starts_with("SERVER_TRAFFIC_SECRET_0")) client.server_secret = secret;
    }

    std::unique_ptr<SSL_CTX, void (*)(SSL_CTX*)> context_;
    struct Free {
        void operator()(SSL* ssl) const { SSL_free(ssl); }
    };
    std::unique_ptr<SSL, Free> ssl_;
};

inline std::vector<std::string> cut_into_records(std::string_view bytes) {
    std::vector<std::string> records;
    while (const std::size_t length = tls_record_length(bytes)) {
        must(length != not_a_record, "no record");
        records.emplace_back(bytes.substr(0, length));
        bytes.remove_prefix(length);
    }
    return records;
}

// What a session answered, and what it wrote meanwhile.
struct Heard {
    TlsSession::Status status;
    std::string plain;
    std::string output;
};

inline Heard hear(TlsSession& session, std::string_view record, TlsWorkspace& workspace) {
    const TlsSession::Step step = session.receive(record, workspace);
    return {step.status, std::string(step.plain), std::exchange(workspace.output, {})};
}

// A handshake of `client` with a session of these contexts, up to `secured` and not beyond.
inline std::unique_ptr<TlsSession> shake_hands(MemoryClient& client, std::shared_ptr<const TlsContexts> contexts,
                                               TlsWorkspace& workspace) {
    std::unique_ptr<TlsSession> session = make_server_session(std::move(contexts), nullptr);
    for (int flight = 0; flight < 3; ++flight) {
        SSL_do_handshake(client.ssl());
        for (const std::string& record : cut_into_records(client.take())) {
            const Heard heard = hear(*session, record, workspace);
            client.give(heard.output);
            if (heard.status == TlsSession::Status::secured) return session;
        }
    }
    throw std::runtime_error("no handshake");
}

}  // namespace rookery::test
