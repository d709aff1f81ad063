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
constexpr unsigned events_per_look_below = 32;

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
    return options;
}

}  // namespace

void WatchedQueue::remove(Watched& item) {
    for (std::deque<Watched*>* const queue : {&items_, &running_}) std::ranges::replace(*queue, &item, nullptr);
}

Watched* WatchedQueue::take() {
    Watched* const first = items_.front();
    items_.pop_front();
    return first;
}

struct ShardLoop::Impl::AsioPart {
    explicit AsioPart(const EpollSet& set) : sockets(context, set.descriptor()) {}
    ~AsioPart() { sockets.release(); }

    boost::asio::io_context context{1};
    boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work{context.get_executor()};
    boost::asio::posix::stream_descriptor sockets;
};

// The sockets of a rank below those who are in. Their set stands in the set of those as one descriptor.
class ShardLoop::Impl::Below final : public Watched {
public:
    Below(Impl& loop, WatchedQueue& reads) : to_read(reads), set(events_per_look_below) {
        if (!loop.sockets_.add(set.descriptor(), *this, EPOLLIN))
            throw std::system_error(errno, std::system_category(), "epoll_ctl");
    }

    void on_events(std::uint32_t) override { ready = true; }

    WatchedQueue& to_read;
    EpollSet set;
    bool ready = false;  // it has something to find
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
      sockets_(options.events_per_turn),
      asio_(std::make_unique<AsioPart>(sockets_)),
      newcomers_(std::make_unique<Below>(*this, to_read_[static_cast<std::size_t>(Rank::newcomer)])),
      strangers_(std::make_unique<Below>(*this, to_read_[static_cast<std::size_t>(Rank::stranger)])),
      wake_timer_(std::make_unique<WakeTimer>(*this)),
      timers_(clock_.steady_now()),
      lingering_(std::make_unique<Lingering>(*this)) {
    wait_for_sockets();
}

// Callbacks that still wait may own channels of this loop: they go while all of it is still there.
ShardLoop::Impl::~Impl() {
    turn_end_.clear();
    std::exchange(posts_, {}).clear();
    std::exchange(posts_below_, {}).clear();
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
    post(Rank::in, [this] { stopping_ = true; });
}

// Those who are in first, all of them; then the others, for a share of the turn.
void ShardLoop::Impl::turn() {
    if (work_waits()) {
        asio_->context.poll_one();
    } else {
        sleep_until_event();
    }
    read_all_that_asked();
    run_posts();
    run_timers();
    serve_those_below();
    end_turn();
    update_gauges();
}

// If not, the next post wakes the loop.
bool ShardLoop::Impl::work_waits() {
    if (!to_read_.front().empty() || !to_flush_.empty() || !turn_end_.empty() || work_waits_below()) return true;
    const std::lock_guard lock(posts_mutex_);
    may_sleep_ = posts_.empty() && posts_below_.empty();
    return !may_sleep_;
}

// Beside posts, and what the sockets themselves tell.
bool ShardLoop::Impl::work_waits_below() const {
    if (!slot_queue_.empty() && handshakes_running_ < options.max_handshakes) return true;
    if (newcomers_->set.has_left() || strangers_->set.has_left() || !to_end_.empty()) return true;
    return !newcomers_->to_read.empty() || !strangers_->to_read.empty();
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
    count(counters.events, static_cast<std::int64_t>(sockets_.look()));
    while (sockets_.has_left()) {
        const EpollSet::Event event = sockets_.take();
        if (event.item) event.item->on_events(event.events);
    }
}

void ShardLoop::Impl::read_all_that_asked() {
    to_read_.front().run([](Watched& item) {
        item.read_asked_ = false;
        item.on_events(EPOLLIN);
    });
}

void ShardLoop::Impl::post(Rank rank, Callback work) {
    bool wake = false;
    {
        const std::lock_guard lock(posts_mutex_);
        if (rank == Rank::in) {
            if (posts_.empty()) posts_since_ = clock_.steady_now();
            posts_.push_back(std::move(work));
        } else {
            posts_below_.push_back(Post{rank, std::move(work)});
        }
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

// --- those who are not in -------------------------------------------------------------------------------------------

// In the order in which they came: who is nearly in leaves soonest. Of each kind at least one, so that nobody starves,
// and no more once the time is up.
void ShardLoop::Impl::serve_those_below() {
    begin_handshakes();
    const SteadyTime until = clock_.steady_now() + options.share_below;
    serve([this] { return run_post_below(); }, until);
    serve([this] { return serve_socket(*newcomers_); }, until);
    serve([this] { return end_one(); }, until);
    serve([this] { return serve_socket(*strangers_); }, until);
}

template <class Step>
void ShardLoop::Impl::serve(Step step, SteadyTime until) {
    while (step() && clock_.steady_now() < until) continue;
}

bool ShardLoop::Impl::run_post_below() {
    std::optional<Post> post;
    {
        const std::lock_guard lock(posts_mutex_);
        if (posts_below_.empty()) return false;
        post.emplace(std::move(posts_below_.front()));
        posts_below_.pop_front();
    }
    const As as(post->rank);
    post->work();
    count(counters.posts);
    return true;
}

bool ShardLoop::Impl::end_one() {
    if (to_end_.empty()) return false;
    Watched* const item = to_end_.take();
    if (!item) return true;
    item->end_asked_ = false;
    const As as(Rank::newcomer);
    item->on_end();
    return true;
}

bool ShardLoop::Impl::serve_socket(Below& below) {
    EpollSet::Event event{nullptr, EPOLLIN};
    if (!below.to_read.empty()) {
        event.item = below.to_read.take();
        if (event.item) event.item->read_asked_ = false;
    } else {
        if (!below.set.has_left() && std::exchange(below.ready, false))
            count(counters.events, static_cast<std::int64_t>(below.set.look()));
        if (!below.set.has_left()) return false;
        event = below.set.take();
    }
    if (!event.item) return true;
    const As as(event.item->rank_);
    event.item->on_events(event.events);
    return true;
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

EpollSet& ShardLoop::Impl::set_of(const Watched& item) {
    if (item.rank_ == Rank::in) return sockets_;
    return item.rank_ == Rank::newcomer ? newcomers_->set : strangers_->set;
}

bool ShardLoop::Impl::watch(int descriptor, Watched& item, std::uint32_t events) {
    if (!set_of(item).add(descriptor, item, events)) return false;
    count(counters.sockets);
    count(counters.sockets_met);
    return true;
}

bool ShardLoop::Impl::change_watch(int descriptor, Watched& from, Watched& to, std::uint32_t events) {
    set_of(from).forget(from);
    forget(from);
    to.rank_ = from.rank_;
    return set_of(to).change(descriptor, to, events);
}

// What waits to be read or ended goes with it; the new set finds the rest.
bool ShardLoop::Impl::change_rank(int descriptor, Watched& item, Rank rank, std::uint32_t events) {
    if (item.rank_ == rank) return true;
    set_of(item).remove(descriptor);
    set_of(item).forget(item);
    const bool read_asked = item.read_asked_;
    if (read_asked) reads_of(item).remove(item);
    item.rank_ = rank;
    if (read_asked) reads_of(item).add(item);
    if (set_of(item).add(descriptor, item, events)) return true;
    count(counters.sockets, -1);
    return false;
}

// Not left to close(): a forked child that has not yet called exec would keep the entry, and its pointer, alive.
void ShardLoop::Impl::unwatch(int descriptor, Watched& item) {
    if (set_of(item).remove(descriptor)) count(counters.sockets, -1);
    set_of(item).forget(item);
    forget(item);
}

void ShardLoop::Impl::forget(Watched& item) {
    if (item.read_asked_) reads_of(item).remove(item);
    if (item.flush_asked_) to_flush_.remove(item);
    if (item.end_asked_) to_end_.remove(item);
    item.read_asked_ = item.flush_asked_ = item.end_asked_ = false;
}

void ShardLoop::Impl::read_again(Watched& item) {
    if (item.read_asked_) return;
    item.read_asked_ = true;
    reads_of(item).add(item);
}

void ShardLoop::Impl::end_later(Watched& item) {
    if (item.end_asked_) return;
    item.end_asked_ = true;
    to_end_.add(item);
}

void ShardLoop::Impl::flush_later(Watched& item) {
    if (item.flush_asked_) return;
    item.flush_asked_ = true;
    to_flush_.add(item);
}

bool ShardLoop::Impl::take_handshake_slot(Watched& item, std::uint64_t& ticket) {
    if (slot_queue_.empty() && handshakes_running_ < options.max_handshakes) {
        ++handshakes_running_;
        return true;
    }
    ticket = ++last_ticket_;
    slot_queue_.emplace(ticket, &item);
    return false;
}

void ShardLoop::Impl::give_up_handshake_slot(std::uint64_t ticket) { slot_queue_.erase(ticket); }

// Those who wait come first, in their order.
void ShardLoop::Impl::begin_handshakes() {
    while (!slot_queue_.empty() && handshakes_running_ < options.max_handshakes) {
        Watched* const first = slot_queue_.begin()->second;
        slot_queue_.erase(slot_queue_.begin());
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
    all.posted.length = posts_.size() + posts_below_.size();
    if (!posts_.empty()) all.posted.oldest = clock_.steady_now() - posts_since_;
    all.posts = {done + all.posted.length, done};
    return all;
}

ShardLoop::ShardLoop(ShardLoopOptions options) : impl_(std::make_unique<Impl>(*this, options)) {}
ShardLoop::~ShardLoop() = default;
void ShardLoop::run() { impl_->run(); }
void ShardLoop::stop() { impl_->stop(); }
void ShardLoop::post(Callback work) { impl_->post(Rank::in, std::move(work)); }
void ShardLoop::post_as(Rank rank, Callback work) { impl_->post(rank, std::move(work)); }
TimerId ShardLoop::after(Duration delay, Callback work) { return impl_->after(delay, std::move(work)); }
void ShardLoop::cancel(TimerId timer) { impl_->cancel(timer); }
void ShardLoop::at_turn_end(Callback work) { impl_->at_turn_end(std::move(work)); }
const Clock& ShardLoop::clock() const { return impl_->clock(); }
ShardLoop::Gauges ShardLoop::gauges() const { return impl_->gauges(); }
Loop::Queues ShardLoop::queues() const { return impl_->queues(); }
boost::asio::io_context& ShardLoop::io_context() { return impl_->io_context(); }

}  // namespace rookery
