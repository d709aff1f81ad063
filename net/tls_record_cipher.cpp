#include "net/tls_record_cipher.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <algorithm>
#include <cassert>
#include <new>

namespace rookery {
namespace {

constexpr std::size_t tag_bytes = 16;
constexpr std::size_t max_body_bytes = RecordCipher::max_content_bytes + 256;  // RFC 8446 section 5.2

struct SuiteTraits {
    std::string_view name;
    const EVP_CIPHER* (*cipher)();
    const EVP_MD* (*hash)();
    std::size_t hash_bytes;
    std::size_t key_bytes;
};

constexpr std::array<SuiteTraits, tls_suites> suites = {{
    {"TLS_AES_128_GCM_SHA256", EVP_aes_128_gcm, EVP_sha256, 32, 16},
    {"TLS_AES_256_GCM_SHA384", EVP_aes_256_gcm, EVP_sha384, 48, 32},
    {"TLS_CHACHA20_POLY1305_SHA256", EVP_chacha20_poly1305, EVP_sha256, 32, 32},
}};

const SuiteTraits& traits_of(TlsSuite suite) { return suites[static_cast<std::size_t>(suite)]; }

unsigned char* bytes_of(char* text) { return reinterpret_cast<unsigned char*>(text); }
const unsigned char* bytes_of(std::string_view text) { return reinterpret_cast<const unsigned char*>(text.data()); }

// HKDF-Expand-Label with an empty context (RFC 8446 7.1). Nothing here is longer than the hash: one HMAC makes it.
void expand_label(const SuiteTraits& suite, const unsigned char* secret, std::string_view label,
                  std::span<unsigned char> into) {
    assert(into.size() <= suite.hash_bytes);
    std::string info{'\0', static_cast<char>(into.size())};
    info += static_cast<char>(6 + label.size());
    info.append("tls13 ").append(label).append({'\0', '\1'});  // the empty context, HKDF's counter
    std::array<unsigned char, EVP_MAX_MD_SIZE> block{};
    if (!HMAC(suite.hash(), secret, static_cast<int>(suite.hash_bytes), bytes_of(info), info.size(), block.data(),
              nullptr))
        throw std::bad_alloc();
    std::copy_n(block.begin(), into.size(), into.begin());
    OPENSSL_cleanse(block.data(), block.size());
}

std::array<char, tls_header_bytes> header_of(std::size_t body_bytes) {
    return {static_cast<char>(TlsContent::application_data), 3, 3, static_cast<char>(body_bytes >> 8),
            static_cast<char>(body_bytes & 0xff)};
}

bool update(EVP_CIPHER_CTX* context, unsigned char* into, std::string_view bytes) {
    int count = 0;
    return EVP_CipherUpdate(context, into, &count, bytes_of(bytes), static_cast<int>(bytes.size())) == 1;
}

std::size_t announced_bytes(std::string_view header) {
    return static_cast<std::size_t>(static_cast<unsigned char>(header[3])) << 8 | static_cast<unsigned char>(header[4]);
}

// What the header alone is refused for; it may be all there is of the record, or less.
std::optional<TlsAlert> fault_of_header(std::string_view record) {
    if (record[0] != static_cast<char>(TlsContent::application_data)) return TlsAlert::unexpected_message;
    if (record.size() < tls_header_bytes || record[1] != 3 || record[2] != 3) return TlsAlert::decode_error;
    if (announced_bytes(record) > max_body_bytes) return TlsAlert::record_overflow;
    if (record.size() < tls_header_bytes + tag_bytes + 1) return TlsAlert::bad_record_mac;
    return std::nullopt;
}

OpenedRecord refused(TlsAlert alert) { return {alert, {}, {}}; }

// Takes padding and type off (RFC 8446 5.4).
OpenedRecord unwrapped(std::string_view inner) {
    if (inner.size() > RecordCipher::max_content_bytes + 1) return refused(TlsAlert::record_overflow);
    const std::size_t end = inner.find_last_not_of('\0');
    if (end == std::string_view::npos) return refused(TlsAlert::unexpected_message);
    return {std::nullopt, static_cast<TlsContent>(inner[end]), inner.substr(0, end)};
}

}  // namespace

std::optional<TlsSuite> tls_suite(std::string_view name) {
    for (std::size_t i = 0; i < suites.size(); ++i) {
        if (suites[i].name == name) return static_cast<TlsSuite>(i);
    }
    return std::nullopt;
}

std::size_t tls_secret_bytes(TlsSuite suite) { return traits_of(suite).hash_bytes; }

RecordCiphers::RecordCiphers() {
    for (std::size_t i = 0; i < suites.size(); ++i) {
        contexts_[i] = EVP_CIPHER_CTX_new();
        if (!contexts_[i] || EVP_CipherInit_ex(contexts_[i], suites[i].cipher(), nullptr, nullptr, nullptr, 1) != 1)
            throw std::bad_alloc();
    }
}

RecordCiphers::~RecordCiphers() {
    for (EVP_CIPHER_CTX* context : contexts_) EVP_CIPHER_CTX_free(context);
}

RecordCipher::RecordCipher(TlsSuite suite, std::string_view secret, std::uint64_t records) : suite_(suite) {
    assert(secret.size() == traits_of(suite).hash_bytes);
    std::copy(secret.begin(), secret.end(), secret_.begin());
    derive_keys();
    number_ = records;
}

RecordCipher::~RecordCipher() {
    OPENSSL_cleanse(secret_.data(), secret_.size());
    OPENSSL_cleanse(key_.data(), key_.size());
    OPENSSL_cleanse(iv_.data(), iv_.size());
}

std::string_view RecordCipher::secret() const {
    return {reinterpret_cast<const char*>(secret_.data()), tls_secret_bytes(suite_)};
}

void RecordCipher::derive_keys() {
    const SuiteTraits& suite = traits_of(suite_);
    expand_label(suite, secret_.data(), "key", std::span(key_).first(suite.key_bytes));
    expand_label(suite, secret_.data(), "iv", iv_);
    number_ = 0;
}

void RecordCipher::update() {
    const SuiteTraits& suite = traits_of(suite_);
    expand_label(suite, secret_.data(), "traffic upd", std::span(secret_).first(suite.hash_bytes));
    derive_keys();
}

// RFC 8446 5.3.
std::array<unsigned char, 12> RecordCipher::nonce() const {
    std::array<unsigned char, 12> nonce = iv_;
    for (std::size_t i = 0; i < sizeof number_; ++i) nonce[11 - i] ^= static_cast<unsigned char>(number_ >> (8 * i));
    return nonce;
}

bool RecordCipher::seal(TlsContent type, std::string_view content, RecordCiphers& ciphers, std::string& records) {
    assert(content.size() <= max_content_bytes);
    EVP_CIPHER_CTX* const context = ciphers.context(suite_);
    const auto header = header_of(content.size() + 1 + tag_bytes);
    const char type_byte = static_cast<char>(type);
    const std::size_t start = records.size();
    records.append(header.data(), header.size());
    records.resize(start + tls_header_bytes + content.size() + 1 + tag_bytes);
    unsigned char* const body = bytes_of(records.data()) + start + tls_header_bytes;
    unsigned char* const tag = body + content.size() + 1;
    int count = 0;
    const bool sealed = EVP_CipherInit_ex(context, nullptr, nullptr, key_.data(), nonce().data(), 1) == 1 &&
                        rookery::update(context, nullptr, {header.data(), header.size()}) &&
                        rookery::update(context, body, content) && rookery::update(context, tag - 1, {&type_byte, 1}) &&
                        EVP_CipherFinal_ex(context, tag, &count) == 1 &&
                        EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, tag_bytes, tag) == 1;
    if (!sealed) records.resize(start);
    ++number_;
    return sealed;
}

OpenedRecord RecordCipher::open(std::string_view record, RecordCiphers& ciphers, std::span<char> room) {
    assert(!record.empty() && room.size() >= max_opened_bytes);
    if (const auto fault = fault_of_header(record)) return refused(*fault);
    EVP_CIPHER_CTX* const context = ciphers.context(suite_);
    const std::string_view body = record.substr(tls_header_bytes, record.size() - tls_header_bytes - tag_bytes);
    std::array<char, tag_bytes> tag;
    std::copy_n(record.end() - tag_bytes, tag_bytes, tag.begin());
    int count = 0;
    const bool opened = EVP_CipherInit_ex(context, nullptr, nullptr, key_.data(), nonce().data(), 0) == 1 &&
                        EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, tag_bytes, tag.data()) == 1 &&
                        rookery::update(context, nullptr, record.substr(0, tls_header_bytes)) &&
                        rookery::update(context, bytes_of(room.data()), body) &&
                        EVP_CipherFinal_ex(context, bytes_of(room.data()) + body.size(), &count) == 1;
    if (!opened) return refused(TlsAlert::bad_record_mac);
    ++number_;
    return unwrapped({room.data(), body.size()});
}

}  // namespace rookery
