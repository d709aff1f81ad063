// A client's whole stream: arbitrary bytes, in pieces of arbitrary size, to a whole server in memory, before login or
// after it. Whatever comes, the client is sent well-formed XML, and another user is served as before.
//   byte 0: bit 0, logged in; bits 1 to 7, how many bytes come at once (0: all)
#include <cstdint>

#include "tests/fuzz/fuzzed_server.h"

namespace rookery::test {
namespace {

constexpr std::string_view header =
    "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' version='1.0'>";

struct World : FuzzedServer {
    World() : FuzzedServer(options()) { require(server.make_account("juliet", "localhost", "secret").ok()); }

    TestClient client(bool logged_in) {
        return logged_in ? TestClient(server, "juliet@localhost/balcony") : TestClient::stranger(server);
    }

    static TestServerOptions options() {
        TestServerOptions options;
        options.modules = {{"-fail2ban", ""}};
        return options;
    }
};

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
    World& here = world<World>();
    TestClient client = here.client(choice & 1);
    require_streams(std::string(header) + talk(client, bytes, choice >> 1));
    client.drop();
    here.require_service();
}

}  // namespace
}  // namespace rookery::test

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    rookery::test::act(data[0], std::string_view(reinterpret_cast<const char*>(data) + 1, size - 1));
    return 0;
}
