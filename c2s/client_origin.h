// ClientOrigin: where a session's client came from and how it logged in, in as few bytes as every session can bear.
#pragma once

#include <string_view>

#include "core/session.h"
#include "net/address.h"

namespace rookery {

class ClientOrigin {
public:
    // `tls`: version and cipher, or empty. The texts are interned: none of them is a client's to choose.
    ClientOrigin(const Endpoint& peer, std::string_view transport, std::string_view tls, std::string_view mechanism);

    const Endpoint& peer() const { return peer_; }
    SessionOrigin describe() const;

private:
    const char* login_;  // transport, TLS and mechanism, a line each
    Endpoint peer_;
};

}  // namespace rookery
