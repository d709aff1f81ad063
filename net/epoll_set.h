// EpollSet: sockets in an epoll set of their own, and what the last look at them found. Inside net/ only.
#pragma once

#include <sys/epoll.h>

#include <cstddef>
#include <cstdint>
#include <vector>

#include "net/descriptor.h"

namespace rookery {

class Watched;

class EpollSet {
public:
    struct Event {
        Watched* item;
        std::uint32_t events;
    };

    // So many events in one look. Throws std::system_error.
    explicit EpollSet(unsigned events_per_look);

    // As a descriptor it is readable while there is something to find.
    int descriptor() const { return descriptor_.get(); }

    // False: the kernel refused (its limits).
    bool add(int descriptor, Watched& item, std::uint32_t events) { return control(EPOLL_CTL_ADD, descriptor, &item, events); }
    bool change(int descriptor, Watched& item, std::uint32_t events) { return control(EPOLL_CTL_MOD, descriptor, &item, events); }
    bool remove(int descriptor) { return control(EPOLL_CTL_DEL, descriptor, nullptr, 0); }
    // What was found for it is dropped.
    void forget(const Watched& item);

    // One system call, which does not wait. How many it found. REQUIRES: !has_left().
    std::size_t look();
    bool has_left() const { return next_ < count_; }
    // The next of those that were found. `item` is null if it was forgotten. REQUIRES: has_left().
    Event take();

private:
    bool control(int operation, int descriptor, Watched* item, std::uint32_t events);

    Descriptor descriptor_;
    std::vector<epoll_event> found_;
    std::size_t next_ = 0, count_ = 0;
};

}  // namespace rookery
