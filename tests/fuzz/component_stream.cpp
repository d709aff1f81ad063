// A component's whole stream: arbitrary bytes, in pieces of arbitrary size, to a whole server in memory, before the
// handshake or after it. Whatever comes, the component is sent well-formed XML, and a user is served as before.
//   byte 0: bit 0, past the handshake; bits 1 to 7, how many bytes come at once (0: all)
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>

#include "base/log.h"
#include "tests/support/test_client.h"
#include "tests/support/test_component.h"
#include "xmpp/xml/stream_parser.h"

namespace rookery::test {
namespace {

constexpr std::string_view header =
    "<stream:stream xmlns='jabber:component:accept' xmlns:stream='http://etherx.jabber.org/streams'>";

void require(bool holds) {
    if (!holds) std::abort();
}

// A server lives for many inputs, so that they meet each other's traces; not for ever, so that memory is bounded.
struct World {
    TestServer server{TestServerOptions{.components = {{"push.localhost", "secret"}}}};
    TestClient romeo{server, "romeo@localhost/orchard"};

    World() { romeo.become_available(); }
    void require_service() {
        romeo.receive();
        const std::string answer = romeo.ask("<iq type='get' id='p' to='localhost'><ping xmlns='urn:xmpp:ping'/></iq>");
        require(answer.find("id='p' type='result'") != std::string::npos);
    }
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

void act(std::uint8_t choice, std::string_view bytes) {
    const bool admitted = choice & 1;
    TestComponent component =
        admitted ? TestComponent(world().server, "push.localhost") : TestComponent::stranger(world().server, "push.localhost");
    std::string output(admitted ? header : component.greeting());
    const std::size_t piece = choice >> 1 ? choice >> 1 : bytes.size();
    for (; !bytes.empty(); bytes.remove_prefix(std::min(piece, bytes.size()))) {
        component.send(bytes.substr(0, piece));
        output += component.receive();
    }
    require_well_formed(output);
    component.drop();
    world().require_service();
}

}  // namespace
}  // namespace rookery::test

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    rookery::test::act(data[0], std::string_view(reinterpret_cast<const char*>(data) + 1, size - 1));
    return 0;
}
