// The PROXY protocol, versions 1 and 2 (haproxy.org/download/2.9/doc/proxy-protocol.txt): how a load balancer tells
// whose connection it forwards. A pure function; the listener decides whom to believe.
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

#include "net/address.h"

namespace rookery {

// Longest header we take: version 1 has at most 107 bytes; version 2 could have 64 kB of TLVs, nobody sends that.
inline constexpr std::size_t proxy_header_limit = 2048;

struct ProxyHeader {
    enum class Status { complete, incomplete, invalid };

    Status status = Status::invalid;
    std::size_t length = 0;          // complete: bytes of the header; the client's own bytes follow
    std::optional<Endpoint> source;  // none: LOCAL or UNKNOWN, i.e. the balancer itself (a health check)
};

// `bytes` is what has arrived since the connection began. Incomplete never lasts past proxy_header_limit bytes.
ProxyHeader parse_proxy_header(std::string_view bytes);

}  // namespace rookery
