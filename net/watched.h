// Watched: something in a loop's own epoll set. Inside net/ only.
#pragma once

#include <cstdint>

namespace rookery {

class Watched {
public:
    // Events of epoll (EPOLLIN, ...). Also called with EPOLLIN for what ShardLoop::Impl::read_again() was asked for.
    virtual void on_events(std::uint32_t events) = 0;
    // The turn ends and ShardLoop::Impl::flush_later() was asked for.
    virtual void flush() {}

protected:
    ~Watched() = default;
};

}  // namespace rookery
