// What a play needs of the world: a server to talk to. The interpreter (play.h) does the rest (streams, login,
// matching) over the bytes of a Wire, so the same play runs in process and over TCP.
//
// A Driver serves one run of one play and is used by one thread. Wires do not outlive their Driver.
// Drivers: TestServer (in process, fake clock, exact idleness) and TcpDriver (any server by address).
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"

namespace rookery::test {

// The client's end of one connection. Destroying it drops the connection.
class Wire {
public:
    enum class Got {
        bytes,   // something was appended
        quiet,   // nothing comes: in process the server is idle (exact); over TCP `patience` has passed
        closed,  // the server has closed its side; all it sent before was handed over already
    };

    virtual ~Wire() = default;

    // What one call sends arrives as one read of the server (in process: also before the next call returns).
    // After the server closed: ignored.
    virtual void send(std::string_view bytes) = 0;
    // Appends what has arrived. In process: lets the server work until it is idle first; `patience` is ignored.
    virtual Got receive(std::string& into, Milliseconds patience) = 0;
    // The client's TLS handshake, after <proceed/>. An error where the driver has no TLS (then the server must not
    // have offered it) or when the handshake fails.
    virtual Result<void> start_tls() = 0;
    // Closes the sending side in good order, after </stream:stream>. Receiving goes on.
    virtual void close() = 0;
    // The connection is lost without a word: no close_notify, no FIN where that can be avoided.
    virtual void drop() = 0;
};

struct WireOptions {
    std::string domain = "localhost";  // SNI
    bool direct_tls = false;           // XEP-0368; only asked for where the driver has("direct-tls")
};

class Driver {
public:
    virtual ~Driver() = default;

    virtual std::unique_ptr<Wire> connect(const WireOptions& options) = 0;  // nullptr: no connection

    // Makes an account with this password. It must be usable at once.
    virtual Result<void> make_account(std::string_view user, std::string_view domain, std::string_view password) = 0;

    // An admin command in ejabberd's words (`ban_account`, {"juliet", "localhost", "spam"}); its output.
    virtual Result<std::string> command(std::string_view verb, const std::vector<std::string>& arguments) = 0;

    // Lets time pass for the server: fake clock in process. An error: cannot (the play is skipped).
    virtual Result<void> advance(Duration time) = 0;

    // Is a thing that a play `requires` (docs/plays.md) here? In process everything is but what needs TLS or sockets:
    // "starttls", "direct-tls", "tcp".
    virtual bool has(std::string_view feature) const = 0;

    // Is "quiet" exact, so that `receives nothing` needs no round trips?
    virtual bool knows_idle() const = 0;

    // The real names behind a play's symbolic ones.
    virtual std::string domain() const { return "localhost"; }  // of "localhost" in plays
    virtual std::string second_domain() const {
        return "other.localhost";
    }                                                          // of "other.localhost"; empty: there is none
    virtual std::string account_suffix() const { return {}; }  // appended to account names, so that runs do not meet
};

}  // namespace rookery::test
