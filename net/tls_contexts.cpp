#include "net/tls_contexts.h"

#include <fcntl.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/sha.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <fstream>
#include <sstream>

#include "base/bytes.h"
#include "net/tls_session.h"

namespace rookery {
namespace {

template <auto function>
struct FreeWith {
    template <class T>
    void operator()(T* object) const {
        function(object);
    }
};
using BioPtr = std::unique_ptr<BIO, FreeWith<BIO_free>>;
using KeyPtr = std::unique_ptr<EVP_PKEY, FreeWith<EVP_PKEY_free>>;
using X509Ptr = std::unique_ptr<X509, FreeWith<X509_free>>;
using ContextPtr = std::unique_ptr<SSL_CTX, FreeWith<SSL_CTX_free>>;
using ExtensionPtr = std::unique_ptr<X509_EXTENSION, FreeWith<X509_EXTENSION_free>>;
using NamesPtr = std::unique_ptr<GENERAL_NAMES, FreeWith<GENERAL_NAMES_free>>;

constexpr std::size_t max_pem_bytes = 1 << 20;
constexpr const char* tls12_ciphers =
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:"
    "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305:"
    "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384";
constexpr const char* tls13_ciphers = "TLS_AES_128_GCM_SHA256:TLS_CHACHA20_POLY1305_SHA256:TLS_AES_256_GCM_SHA384";
constexpr const char* groups = "X25519:P-256:P-384";

std::string last_openssl_error() {
    const char* const reason = ERR_reason_error_string(ERR_peek_last_error());
    ERR_clear_error();
    return reason ? reason : "unknown error";
}

Error file_error(const std::string& file, const std::string& reason) {
    return {ErrorCode::invalid, file + ": " + reason};
}

Result<std::string> read_file(const std::string& file) {
    std::ifstream stream(file, std::ios::binary);
    if (!stream)
        return Error(errno == ENOENT ? ErrorCode::not_found : ErrorCode::denied, file + ": " + std::strerror(errno));
    std::string text(max_pem_bytes + 1, '\0');
    stream.read(text.data(), static_cast<std::streamsize>(text.size()));
    if (stream.bad() || (stream.fail() && !stream.eof())) return file_error(file, "cannot be read");
    text.resize(static_cast<std::size_t>(stream.gcount()));
    if (text.size() > max_pem_bytes) return file_error(file, "too large for a PEM file");
    return text;
}

BioPtr view_as_bio(const std::string& text) {
    return BioPtr(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

// An encrypted key must not stop the server at a prompt.
int no_password(char*, int, int, void*) { return -1; }

std::string lower_case(std::string_view text) {
    std::string lower(text);
    for (char& c : lower) {
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    }
    return lower;
}

WallTime to_wall_time(const ASN1_TIME* time) {
    std::tm parts{};
    ASN1_TIME_to_tm(time, &parts);
    return std::chrono::system_clock::from_time_t(::timegm(&parts));
}

std::string_view text_of(const ASN1_STRING* string) {
    return {reinterpret_cast<const char*>(ASN1_STRING_get0_data(string)),
            static_cast<std::size_t>(ASN1_STRING_length(string))};
}

std::string common_name(X509* certificate) {
    X509_NAME* const subject = X509_get_subject_name(certificate);
    const int index = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
    if (index < 0) return {};
    return lower_case(text_of(X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, index))));
}

std::vector<std::string> names_of(X509* certificate) {
    std::vector<std::string> names;
    const NamesPtr alternatives(
        static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)));
    for (int i = 0; i < sk_GENERAL_NAME_num(alternatives.get()); ++i) {
        const GENERAL_NAME* const name = sk_GENERAL_NAME_value(alternatives.get(), i);
        if (name->type == GEN_DNS) names.push_back(lower_case(text_of(name->d.dNSName)));
    }
    if (names.empty()) {
        if (std::string name = common_name(certificate); !name.empty()) names.push_back(std::move(name));
    }
    return names;
}

std::string key_type_of(X509* certificate) {
    const EVP_PKEY* const key = X509_get0_pubkey(certificate);
    const char* const name = key ? EVP_PKEY_get0_type_name(key) : nullptr;
    return name ? name : "unknown";
}

std::string sha256_of(X509* certificate) {
    std::array<unsigned char, SHA256_DIGEST_LENGTH> digest{};
    X509_digest(certificate, EVP_sha256(), digest.data(), nullptr);
    return hex_encode({reinterpret_cast<const char*>(digest.data()), digest.size()});
}

CertificateInfo describe(const std::string& file, X509* certificate) {
    return {.chain_file = file,
            .names = names_of(certificate),
            .not_before = to_wall_time(X509_get0_notBefore(certificate)),
            .not_after = to_wall_time(X509_get0_notAfter(certificate)),
            .key_type = key_type_of(certificate),
            .sha256 = sha256_of(certificate)};
}

ContextPtr make_context() {
    ContextPtr context(SSL_CTX_new(TLS_server_method()));
    SSL_CTX* const raw = context.get();
    if (!raw || SSL_CTX_set_min_proto_version(raw, TLS1_2_VERSION) != 1 ||
        SSL_CTX_set_cipher_list(raw, tls12_ciphers) != 1 || SSL_CTX_set_ciphersuites(raw, tls13_ciphers) != 1 ||
        SSL_CTX_set1_groups_list(raw, groups) != 1)
        return nullptr;
    SSL_CTX_set_options(
        raw, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_NO_TICKET | SSL_OP_CIPHER_SERVER_PREFERENCE);
    SSL_CTX_set_mode(raw, SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_session_cache_mode(raw, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_num_tickets(raw, 0);
    set_handshake_callbacks(raw);
    return context;
}

Result<void> use_chain(SSL_CTX* context, const std::string& file, const std::string& pem) {
    const BioPtr bio = view_as_bio(pem);
    const X509Ptr leaf(PEM_read_bio_X509_AUX(bio.get(), nullptr, no_password, nullptr));
    if (!leaf) return file_error(file, "has no certificate (" + last_openssl_error() + ")");
    if (SSL_CTX_use_certificate(context, leaf.get()) != 1)
        return file_error(file, "certificate refused (" + last_openssl_error() + ")");
    while (X509* const next = PEM_read_bio_X509(bio.get(), nullptr, no_password, nullptr)) {
        if (SSL_CTX_add0_chain_cert(context, next) != 1) {
            X509_free(next);
            return file_error(file, "intermediate certificate refused (" + last_openssl_error() + ")");
        }
    }
    const bool at_end = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
    const std::string reason = last_openssl_error();
    if (!at_end) return file_error(file, "intermediate certificate cannot be read (" + reason + ")");
    return {};
}

Result<void> use_key(SSL_CTX* context, const std::string& file, const std::string& pem) {
    const KeyPtr key(PEM_read_bio_PrivateKey(view_as_bio(pem).get(), nullptr, no_password, nullptr));
    if (!key) return file_error(file, "has no usable private key; is it encrypted? (" + last_openssl_error() + ")");
    if (SSL_CTX_use_PrivateKey(context, key.get()) != 1 || SSL_CTX_check_private_key(context) != 1)
        return file_error(file, "key does not belong to the certificate (" + last_openssl_error() + ")");
    return {};
}

}  // namespace

int CertificateInfo::days_left(WallTime now) const {
    return static_cast<int>(std::chrono::floor<std::chrono::days>(not_after - now).count());
}

Result<std::shared_ptr<const TlsContexts>> TlsContexts::load(const std::vector<CertificateFiles>& files,
                                                             bool detached) {
    if (files.empty()) return Error(ErrorCode::invalid, "no certificate is configured");
    const std::shared_ptr<TlsContexts> contexts(new TlsContexts(detached));
    for (const CertificateFiles& pair : files) {
        if (Result<void> added = contexts->add(pair); !added) return std::move(added).error();
    }
    return std::shared_ptr<const TlsContexts>(contexts);
}

TlsContexts::~TlsContexts() {
    for (SSL_CTX* context : contexts_) SSL_CTX_free(context);
}

Result<void> TlsContexts::add(const CertificateFiles& files) {
    ERR_clear_error();
    Result<std::string> chain = read_file(files.chain);
    if (!chain) return std::move(chain).error();
    Result<std::string> key = read_file(files.key);
    if (!key) return std::move(key).error();
    ContextPtr context = make_context();
    if (!context) return Error(ErrorCode::unavailable, "OpenSSL refuses our TLS settings: " + last_openssl_error());
    if (Result<void> used = use_chain(context.get(), files.chain, *chain); !used) return used;
    if (Result<void> used = use_key(context.get(), files.key, *key); !used) return used;

    certificates_.push_back(describe(files.chain, SSL_CTX_get0_certificate(context.get())));
    contexts_.push_back(context.release());
    // The first certificate for a name keeps it.
    for (const std::string& name : certificates_.back().names) by_name_.emplace(name, contexts_.back());
    for (const std::string& host : files.hosts) by_name_.emplace(lower_case(host), contexts_.back());
    return {};
}

bool TlsContexts::covers(std::string_view host) const { return find_by_name(lower_case(host)) != nullptr; }

ssl_ctx_st* TlsContexts::find(std::string_view host) const {
    ssl_ctx_st* const own = host.empty() ? nullptr : find_by_name(lower_case(host));
    return own ? own : contexts_.front();
}

// RFC 9525 section 6.3: a wildcard stands for exactly one whole label, the first.
ssl_ctx_st* TlsContexts::find_by_name(std::string_view host) const {
    if (host.ends_with('.')) host.remove_suffix(1);
    if (const auto exact = by_name_.find(host); exact != by_name_.end()) return exact->second;
    const std::size_t dot = host.find('.');
    if (dot == 0 || dot == std::string_view::npos) return nullptr;
    const auto wildcard = by_name_.find("*" + std::string(host.substr(dot)));
    return wildcard == by_name_.end() ? nullptr : wildcard->second;
}

namespace {

Result<void> write_new_file(const std::string& file, mode_t mode, const std::string& text) {
    const int descriptor = ::open(file.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
    if (descriptor < 0)
        return Error(errno == EEXIST ? ErrorCode::conflict : ErrorCode::denied, file + ": " + std::strerror(errno));
    const bool written = ::write(descriptor, text.data(), text.size()) == static_cast<ssize_t>(text.size());
    const bool closed = ::close(descriptor) == 0;
    if (written && closed) return {};
    const std::string reason = std::strerror(errno);
    ::unlink(file.c_str());
    return Error(ErrorCode::storage, file + ": " + reason);
}

bool add_extension(X509* certificate, int nid, const std::string& value) {
    X509V3_CTX context;
    X509V3_set_ctx_nodb(&context);
    X509V3_set_ctx(&context, certificate, certificate, nullptr, nullptr, 0);
    const ExtensionPtr extension(X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str()));
    return extension && X509_add_ext(certificate, extension.get(), -1) == 1;
}

// The names go in as values, not through OpenSSL's configuration syntax, where a comma would start another one.
bool add_names(X509* certificate, const std::vector<std::string>& names) {
    const NamesPtr alternatives(GENERAL_NAMES_new());
    for (const std::string& name : names) {
        GENERAL_NAME* const entry = GENERAL_NAME_new();
        ASN1_IA5STRING* const text = ASN1_IA5STRING_new();
        ASN1_STRING_set(text, name.data(), static_cast<int>(name.size()));
        GENERAL_NAME_set0_value(entry, GEN_DNS, text);
        sk_GENERAL_NAME_push(alternatives.get(), entry);
    }
    return X509_add1_ext_i2d(certificate, NID_subject_alt_name, alternatives.get(), 0, X509V3_ADD_DEFAULT) == 1;
}

// A common name has at most 64 characters (RFC 5280); clients read the alternative names only.
bool set_subject(X509* certificate, const std::string& name) {
    const std::string shown = name.substr(0, 64);
    X509_NAME* const subject = X509_get_subject_name(certificate);
    return X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8,
                                      reinterpret_cast<const unsigned char*>(shown.data()),
                                      static_cast<int>(shown.size()), -1, 0) == 1 &&
           X509_set_issuer_name(certificate, subject) == 1;
}

bool set_serial(X509* certificate) {
    const std::unique_ptr<BIGNUM, FreeWith<BN_free>> serial(BN_new());
    return serial && BN_rand(serial.get(), 127, BN_RAND_TOP_ANY, BN_RAND_BOTTOM_ANY) == 1 &&
           BN_to_ASN1_INTEGER(serial.get(), X509_get_serialNumber(certificate)) != nullptr;
}

X509Ptr sign_certificate(EVP_PKEY* key, const std::vector<std::string>& names, int days) {
    constexpr long one_hour = 3600, one_day = 86400;
    X509Ptr certificate(X509_new());
    X509* const raw = certificate.get();
    if (!raw || X509_set_version(raw, X509_VERSION_3) != 1 || !set_serial(raw) || !set_subject(raw, names.front()) ||
        !X509_gmtime_adj(X509_getm_notBefore(raw), -one_hour) ||
        !X509_gmtime_adj(X509_getm_notAfter(raw), one_day * days) || X509_set_pubkey(raw, key) != 1 ||
        !add_names(raw, names) || !add_extension(raw, NID_basic_constraints, "critical,CA:FALSE") ||
        !add_extension(raw, NID_key_usage, "critical,digitalSignature") ||
        !add_extension(raw, NID_ext_key_usage, "serverAuth") || X509_sign(raw, key, EVP_sha256()) == 0)
        return nullptr;
    return certificate;
}

template <class Write>
std::string to_pem(Write write) {
    const BioPtr bio(BIO_new(BIO_s_mem()));
    char* text = nullptr;
    if (!bio || write(bio.get()) != 1) return {};
    const long size = BIO_get_mem_data(bio.get(), &text);
    return {text, static_cast<std::size_t>(size)};
}

}  // namespace

Result<void> make_self_signed(const std::string& chain_file, const std::string& key_file,
                              const std::vector<std::string>& names, int days) {
    if (names.empty()) return Error(ErrorCode::invalid, "a certificate needs a name");
    const KeyPtr key(EVP_EC_gen("P-256"));
    const X509Ptr certificate = key ? sign_certificate(key.get(), names, days) : nullptr;
    if (!certificate) return Error(ErrorCode::unavailable, "cannot make a certificate: " + last_openssl_error());
    const std::string key_pem = to_pem(
        [&](BIO* bio) { return PEM_write_bio_PKCS8PrivateKey(bio, key.get(), nullptr, nullptr, 0, nullptr, nullptr); });
    const std::string chain_pem = to_pem([&](BIO* bio) { return PEM_write_bio_X509(bio, certificate.get()); });
    if (Result<void> written = write_new_file(key_file, 0600, key_pem); !written) return written;
    Result<void> written = write_new_file(chain_file, 0644, chain_pem);
    if (!written) ::unlink(key_file.c_str());
    return written;
}

}  // namespace rookery
