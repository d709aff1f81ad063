#include "net/shard_loop.h"

#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <cerrno>
#include <system_error>

#include "net/lingering.h"
#include "net/shard_loop_impl.h"
#include "net/tls_session.h"

namespace rookery {
namespace {

constexpr std::size_t read_buffer_bytes = 64 * 1024;

int make_epoll() {
    const int descriptor = ::epoll_create1(EPOLL_CLOEXEC);
    if (descriptor < 0) throw std::system_error(errno, std::system_category(), "epoll_create1");
    return descriptor;
}

timespec to_timespec(SteadyTime time) {
    const auto since_epoch = time.time_since_epoch();
    const auto seconds = std::chrono::duration_cast<Seconds>(since_epoch);
    const auto rest = std::chrono::duration_cast<std::chrono::nanoseconds>(since_epoch - seconds);
    return {.tv_sec = seconds.count(), .tv_nsec = rest.count()};
}

// Zero would mean never.
ShardLoopOptions usable(ShardLoopOptions options) {
    options.events_per_turn = std::max(1u, options.events_per_turn);
    options.max_handshakes = std::max(1u, options.max_handshakes);
    options.handshakes_per_turn = std::max(1u, options.handshakes_per_turn);
    return options;
}

}  // namespace

void WatchedQueue::remove(const Watched& item) {
    const auto is_item = [&](const Watched* other) { return other == &item; };
    std::erase_if(items_, is_item);
    std::replace_if(running_.begin(), running_.end(), is_item, static_cast<Watched*>(nullptr));
}

struct ShardLoop::Impl::AsioPart {
    boost::asio::io_context context{1};
    boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work{context.get_executor()};
    boost::asio::posix::stream_descriptor sockets{context, make_epoll()};
};

// What epoll_wait returned; entries of items that went away meanwhile are null.
struct ShardLoop::Impl::EpollEvents {
    explicit EpollEvents(unsigned size) : events(size) {}

    void forget(const Watched& item) {
        for (std::size_t i = next; i < count; ++i) {
            if (events[i].data.ptr == &item) events[i].data.ptr = nullptr;
        }
    }

    std::vector<epoll_event> events;
    std::size_t next = 0, count = 0;
};

// The descriptor in the epoll set that ends the sleep for the timer wheel. Armed only for earlier times: a timer
// that was cancelled costs one turn, not a system call each.
class ShardLoop::Impl::WakeTimer final : public Watched {
public:
    explicit WakeTimer(Impl& loop) : descriptor_(::timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC)) {
        if (descriptor_ < 0 || !loop.watch(descriptor_, *this, EPOLLIN | EPOLLET))
            throw std::system_error(errno, std::system_category(), "timerfd");
    }
    ~WakeTimer() { ::close(descriptor_); }

    void wake_at(SteadyTime time) {
        if (time >= armed_for_) return;
        armed_for_ = time;
        const itimerspec setting{.it_interval = {}, .it_value = to_timespec(time)};
        ::timerfd_settime(descriptor_, TFD_TIMER_ABSTIME, &setting, nullptr);
    }

    void on_events(std::uint32_t) override { armed_for_ = SteadyTime::max(); }

private:
    int descriptor_;
    SteadyTime armed_for_ = SteadyTime::max();
};

ShardLoop::Impl::Impl(ShardLoop& owner, ShardLoopOptions loop_options)
    : options(usable(loop_options)),
      owner_(owner),
      asio_(std::make_unique<AsioPart>()),
      epoll_(asio_->sockets.native_handle()),
      batch_(std::make_unique<EpollEvents>(options.events_per_turn)),
      wake_timer_(std::make_unique<WakeTimer>(*this)),
      timers_(clock_.steady_now()),
      lingering_(std::make_unique<Lingering>(*this)) {
    wait_for_sockets();
}

// Callbacks that still wait may own channels of this loop: they go while all of it is still there.
ShardLoop::Impl::~Impl() {
    turn_end_.clear();
    std::exchange(posts_, {}).clear();
    timers_.clear();
    lingering_.reset();
}

void ShardLoop::Impl::run() {
    set_current(&owner_);
    stopping_ = false;
    while (!stopping_) turn();
    set_current(nullptr);
}

void ShardLoop::Impl::stop() {
    post([this] { stopping_ = true; });
}

void ShardLoop::Impl::turn() {
    if (work_waits()) {
        asio_->context.poll_one();
    } else {
        sleep_until_event();
    }
    begin_handshakes();
    to_read_.run([](Watched& item) {
        item.read_asked_ = false;
        item.on_events(EPOLLIN);
    });
    run_posts();
    run_timers();
    end_turn();
    update_gauges();
}

// If not, the next post wakes the loop.
bool ShardLoop::Impl::work_waits() {
    if (!to_read_.empty() || !to_flush_.empty() || !turn_end_.empty()) return true;
    if (!slot_queue_.empty() && handshakes_running_ < options.max_handshakes) return true;
    const std::lock_guard lock(posts_mutex_);
    may_sleep_ = posts_.empty();
    return !may_sleep_;
}

void ShardLoop::Impl::sleep_until_event() {
    if (const std::optional<SteadyTime> timer = timers_.next()) wake_timer_->wake_at(*timer);
    asio_->context.run_one();
}

void ShardLoop::Impl::wait_for_sockets() {
    asio_->sockets.async_wait(boost::asio::posix::stream_descriptor::wait_read,
                              [this](const boost::system::error_code& error) {
                                  if (error) return;
                                  on_sockets_ready();
                                  wait_for_sockets();
                              });
}

void ShardLoop::Impl::on_sockets_ready() {
    const int ready = ::epoll_wait(epoll_, batch_->events.data(), static_cast<int>(batch_->events.size()), 0);
    batch_->count = static_cast<std::size_t>(std::max(0, ready));
    for (batch_->next = 0; batch_->next < batch_->count;) {
        const epoll_event& event = batch_->events[batch_->next++];
        if (event.data.ptr) static_cast<Watched*>(event.data.ptr)->on_events(event.events);
    }
    count(counters.events, std::max(0, ready));
}

void ShardLoop::Impl::post(Callback work) {
    bool wake = false;
    {
        const std::lock_guard lock(posts_mutex_);
        if (posts_.empty()) posts_since_ = clock_.steady_now();
        posts_.push_back(std::move(work));
        wake = may_sleep_ && Loop::current() != &owner_;
        if (wake) {
            may_sleep_ = false;
            count(counters.wakeups);
        }
    }
    if (wake) boost::asio::post(asio_->context, [] {});
}

void ShardLoop::Impl::run_posts() {
    std::vector<Callback> batch;
    {
        const std::lock_guard lock(posts_mutex_);
        may_sleep_ = false;
        batch.swap(posts_);
    }
    for (Callback& work : batch) work();
    count(counters.posts, static_cast<std::int64_t>(batch.size()));
}

TimerId ShardLoop::Impl::after(Duration delay, Callback work) {
    return timers_.add(clock_.steady_now(), delay, std::move(work));
}

void ShardLoop::Impl::run_timers() {
    if (timers_.size() > 0) timers_.run(clock_.steady_now());
}

// Flushing makes callbacks, which may write again or ask for the end of the turn: once more, then the rest waits for
// the next turn, so that two handlers cannot keep each other busy here for ever.
void ShardLoop::Impl::end_turn() {
    for (int round = 0; round < 2; ++round) {
        std::vector<Callback> batch = std::exchange(turn_end_, {});
        for (Callback& work : batch) work();
        to_flush_.run([](Watched& item) {
            item.flush_asked_ = false;
            item.flush();
        });
    }
}

bool ShardLoop::Impl::watch(int descriptor, Watched& item, std::uint32_t events) {
    epoll_event event{};
    event.events = events;
    event.data.ptr = &item;
    if (::epoll_ctl(epoll_, EPOLL_CTL_ADD, descriptor, &event) != 0) return false;
    count(counters.sockets);
    count(counters.sockets_met);
    return true;
}

bool ShardLoop::Impl::change_watch(int descriptor, Watched& from, Watched& to, std::uint32_t events) {
    epoll_event event{};
    event.events = events;
    event.data.ptr = &to;
    batch_->forget(from);
    forget(from);
    return ::epoll_ctl(epoll_, EPOLL_CTL_MOD, descriptor, &event) == 0;
}

// Not left to close(): a forked child that has not yet called exec would keep the entry, and its pointer, alive.
void ShardLoop::Impl::unwatch(int descriptor, Watched& item) {
    if (::epoll_ctl(epoll_, EPOLL_CTL_DEL, descriptor, nullptr) == 0) count(counters.sockets, -1);
    batch_->forget(item);
    forget(item);
}

void ShardLoop::Impl::forget(Watched& item) {
    if (std::exchange(item.read_asked_, false)) to_read_.remove(item);
    if (std::exchange(item.flush_asked_, false)) to_flush_.remove(item);
}

void ShardLoop::Impl::read_again(Watched& item) {
    if (!std::exchange(item.read_asked_, true)) to_read_.add(item);
}

void ShardLoop::Impl::flush_later(Watched& item) {
    if (!std::exchange(item.flush_asked_, true)) to_flush_.add(item);
}

bool ShardLoop::Impl::handshake_may_begin() const {
    return handshakes_running_ < options.max_handshakes && handshakes_begun_ < options.handshakes_per_turn;
}

bool ShardLoop::Impl::take_handshake_slot(Watched& item, std::uint64_t& ticket) {
    if (slot_queue_.empty() && handshake_may_begin()) {
        ++handshakes_begun_;
        ++handshakes_running_;
        return true;
    }
    ticket = ++last_ticket_;
    slot_queue_.emplace(ticket, &item);
    return false;
}

void ShardLoop::Impl::give_up_handshake_slot(std::uint64_t ticket) { slot_queue_.erase(ticket); }

// A new turn: those who wait come first, in their order.
void ShardLoop::Impl::begin_handshakes() {
    handshakes_begun_ = 0;
    while (!slot_queue_.empty() && handshake_may_begin()) {
        Watched* const first = slot_queue_.begin()->second;
        slot_queue_.erase(slot_queue_.begin());
        ++handshakes_begun_;
        ++handshakes_running_;
        first->on_handshake_slot();
    }
}

void ShardLoop::Impl::count_handshake(bool success) {
    count(success ? counters.handshakes : counters.handshakes_failed);
}

std::span<char> ShardLoop::Impl::read_buffer() {
    if (read_buffer_.empty()) read_buffer_.resize(read_buffer_bytes);
    return read_buffer_;
}

TlsWorkspace& ShardLoop::Impl::tls_workspace() {
    if (!tls_workspace_) tls_workspace_ = std::make_unique<TlsWorkspace>();
    return *tls_workspace_;
}

boost::asio::io_context& ShardLoop::Impl::io_context() { return asio_->context; }

void ShardLoop::Impl::count(std::atomic<std::uint64_t>& counter, std::int64_t by) {
    counter.store(counter.load(std::memory_order_relaxed) + static_cast<std::uint64_t>(by), std::memory_order_relaxed);
}

void ShardLoop::Impl::update_gauges() {
    count(counters.turns);
    counters.timers.store(timers_.size(), std::memory_order_relaxed);
    counters.handshakes_running.store(handshakes_running_, std::memory_order_relaxed);
    counters.handshakes_waiting.store(slot_queue_.size(), std::memory_order_relaxed);
}

ShardLoop::Gauges ShardLoop::Impl::gauges() const {
    const auto now = [](const std::atomic<std::uint64_t>& counter) { return counter.load(std::memory_order_relaxed); };
    return {.turns = now(counters.turns),
            .events = now(counters.events),
            .posts = now(counters.posts),
            .wakeups = now(counters.wakeups),
            .handshakes = now(counters.handshakes),
            .handshakes_failed = now(counters.handshakes_failed),
            .sockets = now(counters.sockets) - 1,  // the wake-up timer is none
            .sockets_met = now(counters.sockets_met) - 1,
            .timers = now(counters.timers),
            .handshakes_running = now(counters.handshakes_running),
            .handshakes_waiting = now(counters.handshakes_waiting),
            .tls_sockets = now(counters.tls_sockets),
            .lingering = now(counters.lingering),
            .lingering_met = now(counters.lingering_met),
            .lingering_refused = now(counters.lingering_refused)};
}

Loop::Queues ShardLoop::Impl::queues() const {
    Queues all;
    const std::uint64_t done = counters.posts.load(std::memory_order_relaxed);
    all.output = {counters.output_in.load(std::memory_order_relaxed), counters.output_out.load(std::memory_order_relaxed)};
    const std::lock_guard lock(posts_mutex_);
    all.posted.length = posts_.size();
    if (!posts_.empty()) all.posted.oldest = clock_.steady_now() - posts_since_;
    all.posts = {done + posts_.size(), done};
    return all;
}

ShardLoop::ShardLoop(ShardLoopOptions options) : impl_(std::make_unique<Impl>(*this, options)) {}
ShardLoop::~ShardLoop() = default;
void ShardLoop::run() { impl_->run(); }
void ShardLoop::stop() { impl_->stop(); }
void ShardLoop::post(Callback work) { impl_->post(std::move(work)); }
TimerId ShardLoop::after(Duration delay, Callback work) { return impl_->after(delay, std::move(work)); }
void ShardLoop::cancel(TimerId timer) { impl_->cancel(timer); }
void ShardLoop::at_turn_end(Callback work) { impl_->at_turn_end(std::move(work)); }
const Clock& ShardLoop::clock() const { return impl_->clock(); }
ShardLoop::Gauges ShardLoop::gauges() const { return impl_->gauges(); }
Loop::Queues ShardLoop::queues() const { return impl_->queues(); }
boost::asio::io_context& ShardLoop::io_context() { return impl_->io_context(); }

}  // namespace rookery
