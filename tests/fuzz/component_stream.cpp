// A component's whole stream: arbitrary bytes, in pieces of arbitrary size, to a whole server in memory, before the
// handshake or after it. Whatever comes, the component is sent well-formed XML, and a user is served as before.
//   byte 0: bit 0, past the handshake; bits 1 to 7, how many bytes come at once (0: all)
#include <cstdint>

#include "tests/fuzz/fuzzed_server.h"
#include "tests/support/test_component.h"

namespace rookery::test {
namespace {

constexpr std::string_view header =
    "<stream:stream xmlns='jabber:component:accept' xmlns:stream='http://etherx.jabber.org/streams'>";

struct World : FuzzedServer {
    World() : FuzzedServer(TestServerOptions{.components = {{"push.localhost", "secret"}}}) {}
};

void act(std::uint8_t choice, std::string_view bytes) {
    const bool admitted = choice & 1;
    World& here = world<World>();
    TestComponent component = admitted ? TestComponent(here.server, "push.localhost")
                                       : TestComponent::stranger(here.server, "push.localhost");
    std::string output(admitted ? header : component.greeting());
    output += talk(component, bytes, choice >> 1);
    require_well_formed(output);
    component.drop();
    here.require_service();
}

}  // namespace
}  // namespace rookery::test

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    rookery::test::act(data[0], std::string_view(reinterpret_cast<const char*>(data) + 1, size - 1));
    return 0;
}
