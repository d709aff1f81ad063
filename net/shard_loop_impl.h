// What the rest of net/ sees of a ShardLoop: its epoll sets, its queues of sockets with something to do, the buffers
// everybody on its thread borrows, the limit on handshakes. Loop's thread, except post().
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

#include "net/epoll_set.h"
#include "net/output.h"
#include "net/shard_loop.h"
#include "net/timer_wheel.h"
#include "net/watched.h"

namespace rookery {

class Lingering;
class TlsWorkspace;

// Sockets that asked for something once, in their order; may be changed while it runs.
class WatchedQueue {
public:
    void add(Watched& item) { items_.push_back(&item); }
    void remove(Watched& item);
    bool empty() const { return items_.empty(); }
    // The first; null if it was removed meanwhile. REQUIRES: !empty().
    Watched* take();

    // All that are there now.
    template <class Visit>
    void run(Visit visit) {
        running_.swap(items_);
        for (std::size_t i = 0; i < running_.size(); ++i) {
            if (running_[i]) visit(*running_[i]);
        }
        running_.clear();
    }

private:
    std::deque<Watched*> items_;
    std::deque<Watched*> running_;  // removed ones are null
};

class ShardLoop::Impl {
public:
    Impl(ShardLoop& owner, ShardLoopOptions options);
    ~Impl();

    void run();
    void stop();
    void post(Rank rank, Callback work);
    TimerId after(Duration delay, Callback work);
    void cancel(TimerId timer) { timers_.cancel(timer); }
    void at_turn_end(Callback work) { turn_end_.push_back(std::move(work)); }
    const Clock& clock() const { return clock_; }
    Gauges gauges() const;
    Queues queues() const;
    boost::asio::io_context& io_context();

    const ShardLoopOptions options;

    // The epoll set of the item's rank. `events` says which and how (EPOLLET ...). False: the kernel refused (its limits).
    bool watch(int descriptor, Watched& item, std::uint32_t events);
    // The descriptor belongs to `to` from now on; what is ready already is reported to it.
    bool change_watch(int descriptor, Watched& from, Watched& to, std::uint32_t events);
    void unwatch(int descriptor, Watched& item);  // also forgets what `item` asked for
    void forget(Watched& item);                   // read_again and flush_later
    // From now on it is served with those of that rank. False as in watch(), and it is not watched any more.
    bool change_rank(int descriptor, Watched& item, Rank rank, std::uint32_t events);

    // on_events(EPOLLIN) in the next turn, which comes without sleeping.
    void read_again(Watched& item);
    // on_end() in the share of newcomers.
    void end_later(Watched& item);
    // flush() at the end of this turn.
    void flush_later(Watched& item);

    // Handshakes in flight are few and served in order: take_slot says yes at once, or on_handshake_slot() follows.
    // A slot had, or waited for, is given back once.
    bool take_handshake_slot(Watched& item, std::uint64_t& ticket);
    void give_up_handshake_slot(std::uint64_t ticket);  // stop waiting
    void free_handshake_slot() { --handshakes_running_; }
    void adopt_handshake_slot() { ++handshakes_running_; }  // a handshake that came from another loop

    // Shared by everybody on this thread, each for the time of one call.
    std::span<char> read_buffer();
    TlsWorkspace& tls_workspace();
    OutputPool& outputs() { return outputs_; }
    Lingering& lingering() { return *lingering_; }

    struct Counters {
        std::atomic<std::uint64_t> turns{0}, events{0}, posts{0}, wakeups{0}, handshakes{0}, handshakes_failed{0},
            sockets{0}, sockets_met{0}, timers{0}, handshakes_running{0}, handshakes_waiting{0}, tls_sockets{0}, lingering{0},
            lingering_met{0}, lingering_refused{0}, output_in{0}, output_out{0};
    };
    Counters counters;
    // Counters have one writer, this thread.
    static void count(std::atomic<std::uint64_t>& counter, std::int64_t by = 1);
    void count_handshake(bool success);

private:
    struct AsioPart;
    class WakeTimer;
    class Below;

    void turn();
    bool work_waits();
    bool work_waits_below() const;
    void sleep_until_event();
    void begin_handshakes();
    void wait_for_sockets();
    void on_sockets_ready();
    EpollSet& set_of(const Watched& item);
    WatchedQueue& reads_of(const Watched& item) { return to_read_[static_cast<std::size_t>(item.rank_)]; }
    void read_all_that_asked();
    void run_posts();
    void run_timers();
    void serve_those_below();
    template <class Step>
    void serve(Step step, SteadyTime until);
    bool run_post_below();
    bool end_one();
    bool serve_socket(Below& set);
    void end_turn();
    void update_gauges();

    ShardLoop& owner_;
    SystemClock clock_;
    EpollSet sockets_;  // of those who are in; asio_ watches it
    std::unique_ptr<AsioPart> asio_;
    std::array<WatchedQueue, 3> to_read_;  // by rank; newcomers_ and strangers_ refer to theirs
    std::unique_ptr<Below> newcomers_, strangers_;
    std::unique_ptr<WakeTimer> wake_timer_;

    struct Post {
        Rank rank;
        Callback work;
    };
    mutable std::mutex posts_mutex_;
    std::vector<Callback> posts_;
    std::deque<Post> posts_below_;
    SteadyTime posts_since_{};  // of the first of those who are in
    bool may_sleep_ = false;  // a post has to wake the loop; under posts_mutex_

    TimerWheel timers_;
    std::vector<Callback> turn_end_;
    WatchedQueue to_flush_;
    WatchedQueue to_end_;  // peers of those who are in that have gone
    std::map<std::uint64_t, Watched*> slot_queue_;  // by ticket: first come, first served
    std::uint64_t last_ticket_ = 0;
    unsigned handshakes_running_ = 0;
    bool stopping_ = false;
    std::vector<char> read_buffer_;
    OutputPool outputs_;
    std::unique_ptr<TlsWorkspace> tls_workspace_;
    std::unique_ptr<Lingering> lingering_;
};

}  // namespace rookery
