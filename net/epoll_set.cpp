#include "net/epoll_set.h"

#include <algorithm>
#include <cassert>
#include <cerrno>
#include <system_error>

namespace rookery {

EpollSet::EpollSet(unsigned events_per_look) : descriptor_(::epoll_create1(EPOLL_CLOEXEC)), found_(events_per_look) {
    if (!descriptor_) throw std::system_error(errno, std::system_category(), "epoll_create1");
}

bool EpollSet::control(int operation, int descriptor, Watched* item, std::uint32_t events) {
    epoll_event event{};
    event.events = events;
    event.data.ptr = item;
    return ::epoll_ctl(descriptor_.get(), operation, descriptor, &event) == 0;
}

void EpollSet::forget(const Watched& item) {
    for (std::size_t i = next_; i < count_; ++i) {
        if (found_[i].data.ptr == &item) found_[i].data.ptr = nullptr;
    }
}

std::size_t EpollSet::look() {
    assert(!has_left());
    const int ready = ::epoll_wait(descriptor_.get(), found_.data(), static_cast<int>(found_.size()), 0);
    next_ = 0;
    count_ = static_cast<std::size_t>(std::max(0, ready));
    return count_;
}

EpollSet::Event EpollSet::take() {
    const epoll_event& event = found_[next_++];
    return {static_cast<Watched*>(event.data.ptr), event.events};
}

}  // namespace rookery
