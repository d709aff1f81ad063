// TlsInfo: what the layers above may know about a finished TLS handshake.
#pragma once

#include <string>

namespace rookery {

struct TlsInfo {
    std::string version;  // "TLSv1.2" or "TLSv1.3"
    std::string cipher;   // OpenSSL's name: "TLS_AES_128_GCM_SHA256"
    std::string sni;      // as the client sent it, lower case; empty: none
    std::string alpn;     // what was chosen; empty: the client offered none

    // Channel bindings, raw bytes. tls-exporter (RFC 9266) and tls-unique (RFC 5929) are empty when this session may not
    // be used for them: TLS 1.2 without extended master secret; tls-unique also under TLS 1.3, where it is not defined.
    std::string tls_exporter;
    std::string tls_server_end_point;  // RFC 5929
    std::string tls_unique;

    bool is_tls13 = false;
    bool extended_master_secret = false;  // of TLS 1.2; TLS 1.3 has its equal built in and says true
};

}  // namespace rookery
