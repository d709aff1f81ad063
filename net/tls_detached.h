// Detached TLS: a TLS 1.3 connection after its handshake, without OpenSSL's SSL (13 kB): two RecordCiphers and what is
// needed to answer KeyUpdate, alerts and bad records as RFC 8446 (sections 4.6, 5, 6) wants it. The same for client
// and server: none of them expects another message than KeyUpdate from its peer here (no tickets to a server, no
// client authentication after the handshake).
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

#include "net/tls_record_cipher.h"
#include "net/tls_session.h"

namespace rookery {

struct DetachedTls {
    TlsSuite suite;
    std::string_view read_secret;   // the application traffic secret of the peer, number 0
    std::string_view write_secret;  // our own
    std::size_t max_content_bytes = RecordCipher::max_content_bytes;  // of a record, agreed on (RFC 6066 section 4)
    // A key is replaced after so many records (RFC 8446 5.5: AES-GCM is good for 2^24.5).
    std::uint64_t records_per_key = std::uint64_t{1} << 24;
    // Of a connection that goes on in this program: how far it is.
    std::uint64_t records_read = 0;
    std::uint64_t records_written = 0;
    std::string_view message = {};  // the start of a KeyUpdate
    bool update_owed = false;       // one that the peer asked for
};

inline constexpr std::size_t max_partial_message_bytes = 4;

std::unique_ptr<TlsSession> make_detached_session(const DetachedTls& connection);

// For a connection that goes on in another program (net/tls_record.cpp). Nullptr: the record cannot be one.
void save_detached(const DetachedTls& connection, RecordWriter& record);
std::unique_ptr<TlsSession> restore_detached_session(RecordReader& record);

}  // namespace rookery
