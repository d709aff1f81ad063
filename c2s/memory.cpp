// What one shard's client service uses memory for (core/memory_board.h). Parsers and TLS handshakes are not among it:
// expat and OpenSSL do not tell.
#include "c2s/c2s.h"
#include "c2s/session.h"

namespace rookery {
namespace {

MemoryOwner of_sessions(std::string name, MemoryUse (*measure)(const C2sSession&)) {
    const auto look = [measure](Account& account) {
        MemoryUse use;
        for (const SessionPtr& session : account.sessions())
            if (const auto* ours = dynamic_cast<const C2sSession*>(session.get())) use += measure(*ours);
        return use;
    };
    return {.name = std::move(name), .of_account = look};
}

MemoryUse session_itself(const C2sSession& session) { return {1, sizeof session + session.text_bytes()}; }

MemoryUse socket_of(const C2sSession& session) {
    return session.connection() ? MemoryUse{1, session.connection()->transport_memory().socket_bytes} : MemoryUse();
}

MemoryUse tls_of(const C2sSession& session) {
    const std::size_t bytes = session.connection() ? session.connection()->transport_memory().tls_bytes : 0;
    return bytes > 0 ? MemoryUse{1, bytes} : MemoryUse();
}

MemoryUse output_of(const C2sSession& session) {
    const std::size_t bytes = session.connection() ? session.connection()->transport_memory().output_bytes : 0;
    return bytes > 0 ? MemoryUse{1, bytes} : MemoryUse();
}

}  // namespace

void C2s::declare_memory() {
    MemoryBoard& board = shard_.memory();
    board.add({.name = "connections",
               .at_once = [this] { return MemoryUse{connections_, connections_ * sizeof(Connection)}; }});
    board.add(of_sessions("sessions", session_itself));
    board.add(of_sessions("stream_management", [](const C2sSession& session) { return session.management_memory(); }));
    board.add(of_sessions("unacknowledged", [](const C2sSession& session) { return session.unacknowledged_memory(); }));
    board.add(of_sessions("sockets", socket_of));
    board.add(of_sessions("tls", tls_of));
    board.add(of_sessions("output", output_of));
}

}  // namespace rookery
