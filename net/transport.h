// Transport: the bytes under a stream. Sockets (net::Channel) here; tests have one in memory; WebSocket and BOSH
// come with their own framing.
#pragma once

#include <memory>
#include <optional>
#include <string_view>

#include "net/channel.h"

namespace rookery {

class RecordWriter;
class Transport;

// A transport between two shards. Any thread; adopt on the new one.
class ParkedTransport {
public:
    virtual ~ParkedTransport() = default;
    virtual std::unique_ptr<Transport> adopt(Loop& loop, ChannelHandler& handler) = 0;
};

// For gauges. Of TLS what a finished handshake left; OpenSSL does not tell what it holds.
struct TransportMemory {
    std::size_t socket_bytes = 0;
    std::size_t tls_bytes = 0;
    std::size_t output_bytes = 0;
};

// The contract of each call is net::Channel's.
class Transport {
public:
    virtual ~Transport() = default;
    virtual void write(std::string_view bytes) = 0;
    virtual std::size_t output_bytes() const = 0;
    virtual std::size_t untaken_bytes() const = 0;
    virtual void pause_reading() = 0;
    virtual void resume_reading() = 0;
    virtual void set_rank(Rank) {}
    virtual void start_tls(std::shared_ptr<const TlsContexts> contexts) = 0;
    virtual void close_after_flush() = 0;
    virtual void abort() = 0;
    virtual std::unique_ptr<ParkedTransport> release() = 0;  // nullptr: closing already
    virtual const Endpoint& peer() const = 0;
    virtual TransportMemory memory() const { return {}; }
    // Nullopt: another program cannot go on with it.
    virtual std::optional<int> save(RecordWriter&) const { return std::nullopt; }
    virtual void leave_with(std::string_view) {}
};

// A connection accepted by a Listener. A client that takes nothing for `send_timeout` is disconnected.
std::unique_ptr<ParkedTransport> socket_transport(Parked parked, Seconds send_timeout);

}  // namespace rookery
