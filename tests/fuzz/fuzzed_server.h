// A whole server in memory for fuzz targets that feed it streams, and what must hold whatever comes.
#pragma once

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>

#include "base/log.h"
#include "tests/support/test_client.h"
#include "xmpp/xml/stream_parser.h"

namespace rookery::test {

inline void require(bool holds) {
    if (!holds) std::abort();
}

// A server, and a user who must be served as before.
struct FuzzedServer {
    TestServer server;
    TestClient romeo;

    explicit FuzzedServer(TestServerOptions options)
        : server(std::move(options)), romeo(server, "romeo@localhost/orchard") {
        romeo.become_available();
    }
    void require_service() {
        romeo.receive();
        const std::string answer = romeo.ask("<iq type='get' id='p' to='localhost'><ping xmlns='urn:xmpp:ping'/></iq>");
        require(answer.find("id='p' type='result'") != std::string::npos);
    }
};

// A server lives for many inputs, so that they meet each other's traces; not for ever, so that memory is bounded.
template <class World>
World& world() {
    static std::unique_ptr<World> current;
    static unsigned uses = 0;
    set_log_level(LogLevel::error);
    if (uses++ % 1'000 == 0) {
        current.reset();
        current = std::make_unique<World>();
    }
    return *current;
}

// In pieces of that size (0: all at once); gives what comes back.
template <class Client>
std::string talk(Client& client, std::string_view bytes, std::size_t piece) {
    std::string output;
    if (piece == 0) piece = bytes.size();
    for (; !bytes.empty(); bytes.remove_prefix(std::min(piece, bytes.size()))) {
        client.send(bytes.substr(0, piece));
        output += client.receive();
    }
    return output;
}

inline void require_well_formed(std::string_view stream) {
    xml::StreamParser parser;
    parser.set_limits(xml::stored_limits);
    parser.feed(stream);
    xml::ParseStep step;
    do step = parser.next();
    while (step != xml::ParseStep::need_more && step != xml::ParseStep::failed &&
           step != xml::ParseStep::stream_closed);
    require(step != xml::ParseStep::failed);
}

}  // namespace rookery::test
