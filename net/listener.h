// Listener: one listening TCP socket of one loop. Several loops may listen on one port (SO_REUSEPORT): each has its own
// Listener and the kernel spreads the connections. The first to open takes the port for itself, so that two servers
// never share one by mistake; the others join it.
//
// Out of descriptors (EMFILE, ENFILE): accepting pauses and is tried again every 250 ms, one log line a minute; what
// already runs is not touched. When that lasts, waiting clients are turned away by means of a descriptor kept in
// reserve, so that they try elsewhere instead of hanging.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "net/address.h"
#include "net/channel.h"

namespace rookery {

class ShardLoop;
class TlsContexts;

struct ListenerOptions {
    std::string address = "::";  // numeric; "::" takes IPv4 as well
    std::uint16_t port = 0;      // 0: any free one, see Listener::port()
    int backlog = 1024;
    bool joins = false;       // shares the port with a Listener of this program that is open already
    int inherited = -1;       // a socket that listens already, of the program whose place this one takes; then it is used
    Rank rank = Rank::in;     // of those who connect; the listener itself is served with strangers unless they are in
    bool direct_tls = false;  // connections begin with the handshake; needs `contexts`
    AlpnList alpn;            // for direct TLS
    bool use_proxy_protocol = false;
    std::vector<IpRange> proxy_trusted;  // whose PROXY headers count; anybody else is closed without a reply
    Duration proxy_timeout = Seconds(5);
    unsigned max_proxy_pending = 1024;  // connections whose header has not arrived; past it the newest is closed
    Duration shed_after = Seconds(2);   // out of descriptors for longer than that: clients that wait are turned away
};

class Listener {
public:
    // Is this client welcome? Asked for each connection once its real address is known, before anything else is done
    // for it; false closes it (T5: accept and close at once).
    using Admit = std::function<bool(const Endpoint& peer)>;
    // The connection, to be adopted on this loop (or handed to another one). TLS has not begun.
    using OnSocket = std::function<void(Parked connection)>;

    // On the loop's thread, or before the loop runs. The error names address, port and reason.
    static Result<std::unique_ptr<Listener>> open(ShardLoop& loop, ListenerOptions options,
                                                  std::shared_ptr<const TlsContexts> contexts, Admit admit,
                                                  OnSocket on_socket);
    // Stops listening; connections handed out are not touched. Loop's thread, or while the loop does not run; not from
    // within Admit or OnSocket.
    virtual ~Listener() = default;

    // From now on new connections get these (certificate reload). Loop's thread.
    virtual void set_contexts(std::shared_ptr<const TlsContexts> contexts) = 0;
    virtual std::uint16_t port() const = 0;
    virtual int descriptor() const = 0;
    // Stops and restarts accepting (overload, shutdown): clients wait in the backlog. Loop's thread.
    virtual void pause() = 0;
    virtual void resume() = 0;

    struct Gauges {
        std::uint64_t accepted = 0;
        std::uint64_t turned_away = 0;    // by Admit, or shed while out of descriptors
        std::uint64_t proxy_refused = 0;  // header missing, late, garbled or from somebody not trusted
        std::uint64_t out_of_descriptors = 0;
        std::size_t waiting = 0;         // in the kernel's backlog, now
        std::size_t max_waiting = 0;     // the kernel's limit; past it clients try again by themselves
        std::size_t proxy_waiting = 0;   // connections whose PROXY header has not arrived, now
    };
    virtual Gauges gauges() const = 0;  // loop's thread
};

}  // namespace rookery
