// Lingering: sockets we have closed our side of and whose peer has not closed yet. Closing at once could turn into a
// reset that destroys our last bytes on their way (unread input makes the kernel do that). What arrives is dropped.
#pragma once

#include <memory>
#include <unordered_map>

#include "net/shard_loop_impl.h"

namespace rookery {

class Lingering {
public:
    explicit Lingering(ShardLoop::Impl& loop);
    ~Lingering();  // closes them all

    // Takes the descriptor over from its watcher, sends FIN, and closes it at the peer's FIN, after linger_timeout or 1
    // MiB.
    void take(int descriptor, Watched& watcher);

private:
    class Socket;
    void close(Socket& socket);

    ShardLoop::Impl& loop_;
    std::unordered_map<Socket*, std::unique_ptr<Socket>> sockets_;
};

}  // namespace rookery
