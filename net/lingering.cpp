#include "net/lingering.h"

#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace rookery {
namespace {
constexpr std::size_t discard_limit_bytes = 1 << 20;
}  // namespace

class Lingering::Socket final : public Watched {
public:
    Socket(Lingering& owner, int descriptor) : owner_(owner), descriptor_(descriptor) {
        timer_ = owner_.loop_.after(owner_.loop_.options.linger_timeout, [this] { owner_.close(*this); });
    }
    ~Socket() {
        owner_.loop_.cancel(timer_);
        owner_.loop_.unwatch(descriptor_, *this);
        ::close(descriptor_);
    }

    void on_events(std::uint32_t) override {
        const std::span<char> buffer = owner_.loop_.read_buffer();
        const ssize_t count = ::recv(descriptor_, buffer.data(), buffer.size(), 0);
        if (count < 0 && (errno == EAGAIN || errno == EINTR)) return;
        discarded_ += static_cast<std::size_t>(std::max<ssize_t>(0, count));
        if (count <= 0 || discarded_ > discard_limit_bytes) return owner_.close(*this);
        owner_.loop_.read_again(*this);
    }

private:
    Lingering& owner_;
    int descriptor_;
    TimerId timer_ = 0;
    std::size_t discarded_ = 0;
};

Lingering::Lingering(ShardLoop::Impl& loop) : loop_(loop) {}
Lingering::~Lingering() = default;

void Lingering::take(int descriptor, Watched& watcher) {
    ::shutdown(descriptor, SHUT_WR);
    if (sockets_.size() >= loop_.options.max_lingering) {
        loop_.unwatch(descriptor, watcher);
        ::close(descriptor);
        ShardLoop::Impl::count(loop_.counters.lingering_refused);
        return;
    }
    auto socket = std::make_unique<Socket>(*this, descriptor);
    loop_.change_watch(descriptor, watcher, *socket, EPOLLIN | EPOLLRDHUP | EPOLLET);
    sockets_.emplace(socket.get(), std::move(socket));
    ShardLoop::Impl::count(loop_.counters.lingering);
    ShardLoop::Impl::count(loop_.counters.lingering_met);
}

void Lingering::close(Socket& socket) {
    sockets_.erase(&socket);
    ShardLoop::Impl::count(loop_.counters.lingering, -1);
}

}  // namespace rookery
