// Watched: something in a loop's own epoll sets. Inside net/ only.
#pragma once

#include <cstdint>

#include "net/shard_loop.h"

namespace rookery {

class Watched {
public:
    // Events of epoll (EPOLLIN, ...). Also called with EPOLLIN for what ShardLoop::Impl::read_again() was asked for.
    virtual void on_events(std::uint32_t events) = 0;
    // The turn ends and ShardLoop::Impl::flush_later() was asked for.
    virtual void flush() {}
    // It is time for what ShardLoop::Impl::end_later() was asked for.
    virtual void on_end() {}
    // The slot ShardLoop::Impl::take_handshake_slot() could not give is there. Make no callbacks from here.
    virtual void on_handshake_slot() {}

    Rank rank() const { return rank_; }

protected:
    explicit Watched(Rank rank = Rank::in) : rank_(rank) {}
    ~Watched() = default;

private:
    friend class ShardLoop::Impl;
    friend class WatchedQueue;
    Rank rank_;  // its set's
    // In which of the loop's queues it is.
    bool read_asked_ : 1 = false;
    bool flush_asked_ : 1 = false;
    bool end_asked_ : 1 = false;
};

}  // namespace rookery
