// TlsSession: one TLS connection as bytes to bytes: records in, records out. It has no socket and no buffer of its own.
// OpenSSL's SSL makes the handshake and serves TLS 1.2; under TLS 1.3 a session that keeps only keys takes over
// (net/tls_detached.h).
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "net/channel.h"
#include "net/tls_info.h"
#include "net/tls_record_cipher.h"

struct bio_st;
struct bio_method_st;
struct ssl_ctx_st;

namespace rookery {

class RecordReader;
class RecordWriter;
class TlsContexts;

// What every session of one thread borrows while it works: the BIO through which OpenSSL reads `input` and writes
// `output`, ciphers, and room for one record in clear.
class TlsWorkspace {
public:
    TlsWorkspace();
    ~TlsWorkspace();
    TlsWorkspace(const TlsWorkspace&) = delete;
    TlsWorkspace& operator=(const TlsWorkspace&) = delete;

    std::string_view input;   // not yet read by the session
    std::string output;       // records for the peer; the caller takes and clears it
    std::vector<char> plain;  // RecordCipher::max_opened_bytes
    RecordCiphers ciphers;
    bio_st* bio() { return bio_; }

private:
    bio_method_st* method_;
    bio_st* bio_;
};

class TlsSession {
public:
    enum class Status {
        more,     // nothing for the application in this record
        data,     // `plain` is, until the next call
        secured,  // the handshake is done
        closed,   // close_notify
        failed,   // over; `output` may hold an alert
    };
    struct Step {
        Status status;
        std::string_view plain;
    };

    virtual ~TlsSession() = default;

    // One whole record, header included; never less or more, so that a session buffers nothing. What cannot be a record
    // comes as its first tls_header_bytes, for the alert it deserves.
    virtual Step receive(std::string_view record, TlsWorkspace& workspace) = 0;
    // After `secured`: seals all of it, in records of up to 16 kB. False: the session is broken.
    virtual bool send(std::string_view plain, TlsWorkspace& workspace) = 0;
    virtual void close_notify(TlsWorkspace& workspace) = 0;
    // Once, after the step `secured`: what was agreed, and the session that goes on from here; null: this one does.
    struct Secured {
        TlsInfo info;
        std::unique_ptr<TlsSession> successor;
    };
    virtual Secured secured() { return {}; }
    virtual const char* failure() const = 0;  // why it failed, for the log
    virtual std::size_t bytes() const { return 0; }  // in memory, for gauges; 0: OpenSSL's, which is not known
    // For another program to go on with (restore_detached_session). False: it cannot.
    virtual bool save(RecordWriter&) const { return false; }
};

// A session that waits for a ClientHello.
std::unique_ptr<TlsSession> make_server_session(std::shared_ptr<const TlsContexts> contexts, AlpnList alpn);

// SNI and ALPN are answered by the session, secrets are told to it: every context it may use carries these callbacks.
void set_handshake_callbacks(ssl_ctx_st* context);

// The length of the record at the front of `bytes`: 0 when not all of it is there; `not_a_record` when it cannot be
// one.
inline constexpr std::size_t not_a_record = static_cast<std::size_t>(-1);
std::size_t tls_record_length(std::string_view bytes);

}  // namespace rookery
