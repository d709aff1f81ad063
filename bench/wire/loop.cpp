#include "bench/wire/loop.h"

#include <sys/epoll.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <system_error>

namespace rookery::bench {

namespace {

constexpr int kEventsPerTurn = 256;

void control(int epoll, int operation, int descriptor, std::uint32_t events, Loop::Handler* handler) {
    epoll_event event{};
    event.events = events;
    event.data.ptr = handler;
    if (epoll_ctl(epoll, operation, descriptor, &event) != 0) {
        throw std::system_error(errno, std::generic_category(), "epoll_ctl");
    }
}

}  // namespace

Loop::Loop() : epoll_(epoll_create1(EPOLL_CLOEXEC)), now_(Clock::now()) {
    if (epoll_ < 0) throw std::system_error(errno, std::generic_category(), "epoll_create1");
}

Loop::~Loop() { close(epoll_); }

void Loop::watch(int descriptor, std::uint32_t events, Handler* handler) {
    control(epoll_, EPOLL_CTL_ADD, descriptor, events, handler);
}

void Loop::change(int descriptor, std::uint32_t events, Handler* handler) {
    control(epoll_, EPOLL_CTL_MOD, descriptor, events, handler);
}

void Loop::forget(int descriptor) { epoll_ctl(epoll_, EPOLL_CTL_DEL, descriptor, nullptr); }

void Loop::turn(std::chrono::milliseconds timeout) {
    flush();
    std::array<epoll_event, kEventsPerTurn> events;
    const int count = epoll_wait(epoll_, events.data(), kEventsPerTurn, static_cast<int>(timeout.count()));
    now_ = Clock::now();
    for (int i = 0; i < count; ++i) {
        static_cast<Handler*>(events[static_cast<std::size_t>(i)].data.ptr)
            ->on_event(events[static_cast<std::size_t>(i)].events);
    }
    flush();
}

void Loop::flush() {
    // A flush may close its connection and make others write: those wait for the next pass.
    while (!to_flush_.empty()) {
        flushing_.swap(to_flush_);
        for (Flushable* target : flushing_) target->on_flush();
        flushing_.clear();
    }
}

}  // namespace rookery::bench
