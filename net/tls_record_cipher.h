// RecordCipher: one direction of a TLS 1.3 connection after its handshake (RFC 8446 section 5.2): a traffic secret, the
// key and IV made from it (7.3), the number of the next record. It is all that has to be kept of that direction.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

struct evp_cipher_ctx_st;
struct evp_md_st;

namespace rookery {

enum class TlsSuite : std::uint8_t { aes_128_gcm_sha256, aes_256_gcm_sha384, chacha20_poly1305_sha256 };
inline constexpr std::size_t tls_suites = 3;

// By OpenSSL's name ("TLS_AES_128_GCM_SHA256").
std::optional<TlsSuite> tls_suite(std::string_view name);

// Of a suite's traffic secrets.
std::size_t tls_secret_bytes(TlsSuite suite);

inline constexpr std::size_t tls_header_bytes = 5;

// What stands in a record (RFC 8446 B.1).
enum class TlsContent : std::uint8_t { change_cipher_spec = 20, alert = 21, handshake = 22, application_data = 23 };

// Those a record layer sends or understands (RFC 8446 B.2).
enum class TlsAlert : std::uint8_t {
    close_notify = 0,
    unexpected_message = 10,
    bad_record_mac = 20,
    record_overflow = 22,
    illegal_parameter = 47,
    decode_error = 50,
    internal_error = 80,
    user_canceled = 90,
};

// The ciphers, ready for any key; every RecordCipher of a thread works with the same. (A context for each connection
// would be 1 kB.)
class RecordCiphers {
public:
    RecordCiphers();
    ~RecordCiphers();
    RecordCiphers(const RecordCiphers&) = delete;
    RecordCiphers& operator=(const RecordCiphers&) = delete;

    evp_cipher_ctx_st* context(TlsSuite suite) { return contexts_[static_cast<std::size_t>(suite)]; }

private:
    std::array<evp_cipher_ctx_st*, tls_suites> contexts_{};
};

// A record in clear, or the alert that it deserves.
struct OpenedRecord {
    std::optional<TlsAlert> alert;
    TlsContent type = TlsContent::application_data;  // as the peer wrote it: any value
    std::string_view content;
};

class RecordCipher {
public:
    static constexpr std::size_t max_content_bytes = 16 * 1024;
    // What a record in clear may take, padding and all: as much as the longest that is allowed under encryption.
    static constexpr std::size_t max_opened_bytes = max_content_bytes + 256;

    // `secret` is as long as the suite's hash. `records` were sealed or opened with its key already.
    RecordCipher(TlsSuite suite, std::string_view secret, std::uint64_t records = 0);
    ~RecordCipher();  // wipes
    RecordCipher(const RecordCipher&) = delete;
    RecordCipher& operator=(const RecordCipher&) = delete;

    // Appends a record to `records`. REQUIRES: at most max_content_bytes. False: OpenSSL failed.
    bool seal(TlsContent type, std::string_view content, RecordCiphers& ciphers, std::string& records);
    // `record`: one, whole, with its header (of what cannot be one: its start, for the alert). The content stands in
    // `room` (max_opened_bytes).
    OpenedRecord open(std::string_view record, RecordCiphers& ciphers, std::span<char> room);

    // On to the next secret and its keys (RFC 8446 7.2).
    void update();
    std::uint64_t records() const { return number_; }  // sealed or opened with the present key
    TlsSuite suite() const { return suite_; }
    std::string_view secret() const;  // the present one: for who takes the connection over (net/tls_record.cpp)

private:
    void derive_keys();
    std::array<unsigned char, 12> nonce() const;

    std::array<unsigned char, 48> secret_{};
    std::array<unsigned char, 32> key_{};
    std::array<unsigned char, 12> iv_{};
    TlsSuite suite_;
    std::uint64_t number_ = 0;
};

}  // namespace rookery
