// A client's whole stream: arbitrary bytes, in pieces of arbitrary size, to a whole server in memory, before login or
// after it. Whatever comes, the client is sent well-formed XML, and another user is served as before.
//   byte 0: bit 0, logged in; bits 1 to 7, how many bytes come at once (0: all)
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>

#include "base/log.h"
#include "tests/support/test_client.h"
#include "xmpp/xml/stream_parser.h"

namespace rookery::test {
namespace {

constexpr std::string_view header =
    "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' version='1.0'>";

void require(bool holds) {
    if (!holds) std::abort();
}

// A server lives for many inputs, so that they meet each other's traces; not for ever, so that memory is bounded.
class World {
public:
    World() : server_(options()), romeo_(server_, "romeo@localhost/orchard") {
        romeo_.become_available();
        require(server_.make_account("juliet", "localhost", "secret").ok());
    }

    TestClient client(bool logged_in) {
        return logged_in ? TestClient(server_, "juliet@localhost/balcony") : TestClient::stranger(server_);
    }
    void require_service() {
        romeo_.receive();
        const std::string answer = romeo_.ask("<iq type='get' id='p' to='localhost'><ping xmlns='urn:xmpp:ping'/></iq>");
        require(answer.find("id='p' type='result'") != std::string::npos);
    }

private:
    static TestServerOptions options() {
        TestServerOptions options;
        options.modules = {{"-fail2ban", ""}};
        return options;
    }

    TestServer server_;
    TestClient romeo_;
};

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

void require_well_formed(std::string_view stream) {
    xml::StreamParser parser;
    parser.set_limits(xml::stored_limits);
    parser.feed(stream);
    xml::ParseStep step;
    do step = parser.next();
    while (step != xml::ParseStep::need_more && step != xml::ParseStep::failed && step != xml::ParseStep::stream_closed);
    require(step != xml::ParseStep::failed);
}

// A login restarts the stream: each begins with an XML declaration, which can come from nowhere else.
void require_streams(std::string_view output) {
    constexpr std::string_view declaration = "<?xml";
    while (!output.empty()) {
        const std::size_t end = std::min(output.find(declaration, 1), output.size());
        require_well_formed(output.substr(0, end));
        output.remove_prefix(end);
    }
}

void act(std::uint8_t choice, std::string_view bytes) {
    TestClient client = world().client(choice & 1);
    std::string output(header);
    const std::size_t piece = choice >> 1 ? choice >> 1 : bytes.size();
    for (; !bytes.empty(); bytes.remove_prefix(std::min(piece, bytes.size()))) {
        client.send(bytes.substr(0, piece));
        output += client.receive();
    }
    require_streams(output);
    client.drop();
    world().require_service();
}

}  // namespace
}  // namespace rookery::test

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    rookery::test::act(data[0], std::string_view(reinterpret_cast<const char*>(data) + 1, size - 1));
    return 0;
}
