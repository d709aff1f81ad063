// TlsContexts: the certificates of a server, by host name, ready for handshakes. Immutable: a reload makes a new one
// and swaps the shared_ptr the listeners hold; running connections and handshakes keep the one they began with.
//
// TLS 1.2 and 1.3 only; ECDHE with AES-GCM or ChaCha20; X25519, P-256, P-384; no tickets, session cache, renegotiation,
// compression or early data.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"

struct ssl_ctx_st;

namespace rookery {

struct CertificateFiles {
    std::string chain;               // PEM: the server's certificate, then the intermediates
    std::string key;                 // PEM, not encrypted; may be the same file
    std::vector<std::string> hosts;  // further names it is used for (A-labels); its own SAN names always count
};

struct CertificateInfo {
    std::string chain_file;
    std::vector<std::string>
        names;  // dNSNames of the SAN, lower case, "*.example.org" for wildcards; CN if there is none
    WallTime not_before;
    WallTime not_after;
    std::string key_type;  // "EC", "RSA", "ED25519"
    std::string sha256;    // of the whole certificate, hex: what tells it from the one it replaces

    // Whole days until it ends, negative when it has ended: the operator's number.
    int days_left(WallTime now) const;
    bool valid_at(WallTime now) const { return not_before <= now && now <= not_after; }
};

class TlsContexts {
public:
    // The first certificate is the default one. Errors name the file and the reason. An expired certificate loads
    // (L11: the server starts and complains). Reads files: at start-up and on reload, not on a shard.
    // `detached`: connections under TLS 1.3 give OpenSSL's SSL back after the handshake (net/tls_detached.h).
    static Result<std::shared_ptr<const TlsContexts>> load(const std::vector<CertificateFiles>& files,
                                                           bool detached = true);
    ~TlsContexts();
    TlsContexts(const TlsContexts&) = delete;
    TlsContexts& operator=(const TlsContexts&) = delete;

    const std::vector<CertificateInfo>& certificates() const { return certificates_; }
    bool detached() const { return detached_; }
    // Is there a certificate for this very name (exactly, or a wildcard for its first label)? For `check`.
    bool covers(std::string_view host) const;

    // The context for a server name: exact, then wildcard, then the default. Never null.
    ssl_ctx_st* find(std::string_view host) const;

private:
    explicit TlsContexts(bool detached) : detached_(detached) {}
    ssl_ctx_st* find_by_name(std::string_view host) const;
    Result<void> add(const CertificateFiles& files);

    std::vector<ssl_ctx_st*> contexts_;  // owned; parallel to certificates_
    std::vector<CertificateInfo> certificates_;
    std::map<std::string, ssl_ctx_st*, std::less<>> by_name_;  // "*.example.org" as such
    bool detached_;
};

// A certificate nobody vouches for, so that a first start works: ECDSA P-256, dNSNames `names`, valid for `days`.
// The key file has mode 0600. Existing files are never overwritten (ErrorCode::conflict).
Result<void> make_self_signed(const std::string& chain_file, const std::string& key_file,
                              const std::vector<std::string>& names, int days = 3650);

}  // namespace rookery
