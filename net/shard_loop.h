// ShardLoop: the event loop of one shard: one thread, one io_context, and own epoll sets for the many client sockets,
// one for each rank, which the io_context watches as one descriptor.
//
// A turn: events of at most `events_per_turn` sockets of those who are in, or one Asio handler; then posted work; then
// due timers; then, for `share_below` at most, those who are not in, and those whose peer has gone: answers they waited
// for, newcomers, strangers; then at_turn_end callbacks; then one flush of every channel that was written to. So a
// message waits for one turn, however many log in. The loop sleeps until the next timer, event or post; an idle loop
// without timers is not woken at all.
#pragma once

#include <cstdint>
#include <memory>

#include "base/loop.h"

namespace boost::asio {
class io_context;
}

namespace rookery {

struct ShardLoopOptions {
    unsigned events_per_turn = 256;    // client sockets handled before posts, timers and Asio get their turn
    Duration share_below = Milliseconds(2);  // of a turn, for newcomers and strangers; a step (a handshake's: 200 us) is not cut
    unsigned max_handshakes = 1024;    // TLS handshakes in flight on this loop (about 41 kB each); others wait
    unsigned max_lingering = 1024;     // closed sockets waiting for the peer's FIN; past it none waits
    Duration linger_timeout = Seconds(2);
    Duration close_timeout = Seconds(5);  // from close_after_flush() to the end, when the peer does not read
};

class ShardLoop final : public Loop {
public:
    explicit ShardLoop(ShardLoopOptions options = {});
    // After run() returned or before it began. Channels and listeners of this loop are destroyed before it by their
    // owners; callbacks that still wait are destroyed here without being called.
    ~ShardLoop() override;

    // Makes the calling thread the loop's thread until stop(). May be called again after it returned.
    void run();
    // Any thread. The current turn is finished (with its flush), then run() returns. Before run(): run() returns at
    // once.
    void stop();

    // Any thread; wakes the loop only if it may sleep, once for any number of posts.
    void post(Callback work) override;
    void post_as(Rank rank, Callback work) override;
    // "Loop's thread" from here on also means: any one thread while run() is not running.
    TimerId after(Duration delay, Callback work) override;  // resolution 10 ms, never early
    void cancel(TimerId timer) override;
    void at_turn_end(Callback work) override;
    const Clock& clock() const override;
    Queues queues() const override;

    // Counted by the loop, read from any thread, each a little late.
    struct Gauges {
        std::uint64_t turns = 0;
        std::uint64_t events = 0;      // socket events handled
        std::uint64_t posts = 0;       // posted callbacks run
        std::uint64_t wakeups = 0;     // times a post had to wake the loop
        std::uint64_t handshakes = 0;  // TLS handshakes completed
        std::uint64_t handshakes_failed = 0;
        std::uint64_t sockets = 0;             // now in the epoll set
        std::uint64_t sockets_met = 0;         // that ever were
        std::uint64_t timers = 0;              // now armed
        std::uint64_t handshakes_running = 0;  // now
        std::uint64_t handshakes_waiting = 0;  // now, for a free slot
        std::uint64_t tls_sockets = 0;         // now, with a TLS session whose handshake is done
        std::uint64_t lingering = 0;           // now, of the sockets: closed, but for the peer's FIN
        std::uint64_t lingering_met = 0;
        std::uint64_t lingering_refused = 0;   // not waited for
    };
    Gauges gauges() const;

    // For HTTP, DNS and the like: their Asio objects live on this loop's thread. Include Asio in net/*.cpp only.
    boost::asio::io_context& io_context();

    // The rest of net/ works on this (net/shard_loop_impl.h).
    class Impl;
    Impl& impl() { return *impl_; }

private:
    std::unique_ptr<Impl> impl_;
};

}  // namespace rookery
