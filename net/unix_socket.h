// The control socket: a Unix stream socket for requests from programs of this machine.
//
// A frame is a length in 4 bytes, big endian, and that many bytes; a request is a frame, its reply is one. Requests of
// one connection are answered in order, one at a time.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"

namespace rookery {

class ShardLoop;

struct PeerCredentials {
    pid_t pid = 0;
    uid_t uid = 0;
    gid_t gid = 0;
};

struct ControlSocketOptions {
    std::string path;
    int inherited = -1;                       // one that listens there already, of the program whose place this one takes
    unsigned mode = 0600;                     // of the socket file
    std::size_t max_request_bytes = 1 << 20;  // a longer one is refused by closing
    unsigned max_connections = 32;            // past it new ones are closed at once
    Duration request_timeout = Seconds(10);   // to send a whole request, and to take a whole reply
    Duration idle_timeout = Seconds(300);     // between requests
};

class ControlSocket {
public:
    // Sends the reply of one request, at once what the kernel takes of it. Call it once, on the loop's thread, at any time; when the last copy goes away
    // uncalled, the connection is closed. Harmless after the connection or the ControlSocket has gone (not the loop).
    using Reply = std::function<void(std::string reply)>;
    using OnRequest = std::function<void(std::string request, const PeerCredentials& peer, Reply reply)>;

    // Takes over the file of a server that is gone; refuses (conflict) if somebody still listens on it.
    // Who may ask is for OnRequest to say, by the credentials; the file's mode is the first fence.
    static Result<std::unique_ptr<ControlSocket>> open(ShardLoop& loop, ControlSocketOptions options,
                                                       OnRequest on_request);
    // Closes all its connections and removes the file. Loop's thread, or while the loop does not run; not from within
    // OnRequest.
    virtual ~ControlSocket() = default;
    virtual int descriptor() const = 0;
    // Loop's thread. From rest() on no request begins: new connections wait to be accepted, requests of others wait here.
    virtual void rest() = 0;
    virtual void wake() = 0;
    virtual std::size_t running() const = 0;  // requests that have begun and were not answered
};

// One request of the command-line tool: connects, asks, waits. Blocks; `timeout` is for each step.
// ErrorCode::unavailable: nobody listens there; denied: the file may not be opened; invalid: closed without a reply.
Result<std::string> ask_control_socket(const std::string& path, std::string_view request,
                                       Duration timeout = Seconds(60), std::size_t max_reply_bytes = 64u << 20);

}  // namespace rookery
