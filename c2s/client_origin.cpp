#include "c2s/client_origin.h"

#include <string>

#include "base/interned.h"

namespace rookery {

ClientOrigin::ClientOrigin(const Endpoint& peer, std::string_view transport, std::string_view tls, std::string_view mechanism)
    : peer_(peer) {
    std::string lines(transport);
    lines.append("\n").append(tls).append("\n").append(mechanism);
    login_ = interned(lines).data();
}

SessionOrigin ClientOrigin::describe() const {
    const std::string_view lines = login_;
    const auto first_end = lines.find('\n');
    const auto second_end = lines.find('\n', first_end + 1);
    SessionOrigin origin;
    origin.address = peer_.ip.to_string();
    origin.port = peer_.port;
    origin.transport = lines.substr(0, first_end);
    origin.tls = lines.substr(first_end + 1, second_end - first_end - 1);
    origin.mechanism = lines.substr(second_end + 1);
    return origin;
}

}  // namespace rookery
