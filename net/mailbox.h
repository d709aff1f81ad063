// Mailboxes: how shards talk. One bounded single-producer single-consumer ring for every ordered pair of loops; nothing
// blocks, and a full ring is the sender's to deal with (stop reading its sockets until on_room).
//
// A message is visible to the target at once; the target is told at the end of the sender's turn, once for all that
// was sent, and only if it has not been told already; Loop::post then wakes it only if it sleeps. The target takes
// everything that is there, ring by ring, once per turn.
#pragma once

#include <atomic>
#include <cassert>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "base/loop.h"

namespace rookery {

// T is movable. The loops run (or are run) each on one thread at a time and stop before the Mailboxes go away;
// messages not received by then are destroyed.
template <class T>
class Mailboxes {
public:
    using Receiver = std::function<void(unsigned from, T message)>;

    // Ring `from` -> `to` belongs to loops[from] and loops[to]. A ring takes no memory before its first message.
    Mailboxes(std::vector<Loop*> loops, std::size_t capacity)
        : loops_(std::move(loops)),
          capacity_(capacity),
          rings_(loops_.size() * loops_.size()),
          senders_(loops_.size()),
          targets_(loops_.size()) {
        assert(capacity_ > 0);
    }
    Mailboxes(const Mailboxes&) = delete;
    Mailboxes& operator=(const Mailboxes&) = delete;

    // Who gets what is sent to `shard`, on that shard's loop. Before the first message.
    void set_receiver(unsigned shard, Receiver receiver) { targets_[shard].receive = std::move(receiver); }

    // On loops[from]'s thread. False: the ring is full and `message` is untouched; else it is moved from.
    bool try_send(unsigned from, unsigned to, T& message) {
        if (!ring(from, to).push(message, capacity_)) return false;
        tell_at_turn_end(from, to);
        return true;
    }

    // On loops[from]'s thread, after try_send said false: runs `work` there once, when the ring has room again.
    void on_room(unsigned from, unsigned to, Callback work) {
        Ring& full = ring(from, to);
        full.waiting.push_back(std::move(work));
        full.sender_waits.store(true);
        // The receiver may have made room before it could see the flag.
        if (full.length() < capacity_ && full.sender_waits.exchange(false)) post_waiting(from, to);
    }

    std::size_t length(unsigned from, unsigned to) const { return rings_[index(from, to)].length(); }  // any thread
    std::size_t capacity() const { return capacity_; }
    // Since the start; any thread, each a little late.
    std::size_t sent(unsigned from, unsigned to) const { return rings_[index(from, to)].tail.load(std::memory_order_relaxed); }
    std::size_t taken(unsigned from, unsigned to) const { return rings_[index(from, to)].head.load(std::memory_order_relaxed); }

private:
    struct alignas(64) Ring {
        std::atomic<std::size_t> tail{0};              // written by the sender
        std::unique_ptr<std::optional<T>[]> slots;     // made by the sender, seen by the receiver through tail
        std::vector<Callback> waiting;                 // the sender's
        alignas(64) std::atomic<std::size_t> head{0};  // written by the receiver
        std::atomic<bool> sender_waits{false};

        std::size_t length() const {
            const std::size_t taken = head.load();  // first: tail never falls behind it
            return tail.load() - taken;
        }

        bool push(T& message, std::size_t capacity) {
            const std::size_t at = tail.load(std::memory_order_relaxed);
            if (at - head.load() >= capacity) return false;
            if (!slots) slots = std::make_unique<std::optional<T>[]>(capacity);
            slots[at % capacity].emplace(std::move(message));
            tail.store(at + 1);
            return true;
        }

        T pop(std::size_t capacity) {
            const std::size_t at = head.load(std::memory_order_relaxed);
            std::optional<T>& slot = slots[at % capacity];
            T message = std::move(*slot);
            slot.reset();
            head.store(at + 1);
            return message;
        }
    };
    struct Sender {
        std::vector<unsigned> to_tell;  // targets sent to in this turn
    };
    struct alignas(64) Target {
        std::atomic<bool> told{false};  // a drain is posted and has not begun
        Receiver receive;
    };

    std::size_t index(unsigned from, unsigned to) const {
        assert(from < loops_.size() && to < loops_.size());
        return from * loops_.size() + to;
    }
    Ring& ring(unsigned from, unsigned to) { return rings_[index(from, to)]; }

    void tell_at_turn_end(unsigned from, unsigned to) {
        std::vector<unsigned>& to_tell = senders_[from].to_tell;
        for (unsigned known : to_tell) {
            if (known == to) return;
        }
        to_tell.push_back(to);
        if (to_tell.size() == 1) loops_[from]->at_turn_end([this, from] { tell_all(from); });
    }

    void tell_all(unsigned from) {
        for (unsigned to : senders_[from].to_tell) tell(to);
        senders_[from].to_tell.clear();
    }

    void tell(unsigned to) {
        if (!targets_[to].told.exchange(true)) loops_[to]->post([this, to] { drain(to); });
    }

    void drain(unsigned to) {
        targets_[to].told.exchange(false);  // what is sent from here on posts again
        for (unsigned from = 0; from < loops_.size(); ++from) drain_ring(from, to);
    }

    void drain_ring(unsigned from, unsigned to) {
        Ring& source = ring(from, to);
        const std::size_t count = source.length();
        for (std::size_t i = 0; i < count; ++i) targets_[to].receive(from, source.pop(capacity_));
        if (count > 0 && source.sender_waits.exchange(false)) post_waiting(from, to);
    }

    void post_waiting(unsigned from, unsigned to) {
        loops_[from]->post([this, from, to] {
            std::vector<Callback> ready = std::exchange(ring(from, to).waiting, {});
            for (Callback& work : ready) work();
        });
    }

    const std::vector<Loop*> loops_;
    const std::size_t capacity_;
    std::vector<Ring> rings_;
    std::vector<Sender> senders_;
    std::vector<Target> targets_;
};

}  // namespace rookery
