// Ticket: who holds one still owes something to a client's stanza: it is on its way, waits for a commit, or for a
// recipient that does not read. When the last holder lets go, the stanza is settled, and its sender hears of it. So no
// way out of the server can forget to say so, and senders are as fast as those they write to.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>

#include "base/loop.h"

namespace rookery {

class Session;

// Any thread may destroy it; the session hears on its own.
class Ticket {
public:
    // `number`, `bytes`: what Session::settle() is told. `promised`: the sender will be told that it is safe (XEP-0198).
    Ticket(std::weak_ptr<Session> sender, Loop& home, std::uint32_t number, std::size_t bytes, bool promised)
        : sender_(std::move(sender)), home_(home), bytes_(bytes), number_(number), promised_(promised) {}
    ~Ticket();
    Ticket(const Ticket&) = delete;
    Ticket& operator=(const Ticket&) = delete;

    bool promised() const { return promised_; }
    std::uint32_t number() const { return number_; }
    bool is_of(const std::weak_ptr<const Session>& session) const {
        return !sender_.owner_before(session) && !session.owner_before(sender_);
    }

    // The shard that has committed the sender's own copy says its id; whoever asked to hear, in the sender's hooks, is told
    // when the stanza is settled, at home: 0 where no such copy was made.
    using WhenSettled = std::function<void(std::uint64_t senders_log_id)>;
    void set_senders_log_id(std::uint64_t id) const { senders_log_id_ = id; }
    // The recipient's shard: in its log as this; 0: not yet.
    std::uint64_t saved_as() const { return saved_as_; }
    void set_saved_as(std::uint64_t id) const { saved_as_ = id; }
    void when_settled(WhenSettled tell) const { when_settled_ = std::move(tell); }

private:
    std::weak_ptr<Session> sender_;
    Loop& home_;
    std::size_t bytes_;
    std::uint32_t number_;
    const bool promised_;
    // The shard that has the route has the ticket to itself.
    mutable std::uint64_t senders_log_id_ = 0;
    mutable std::uint64_t saved_as_ = 0;
    mutable WhenSettled when_settled_;
};

using TicketPtr = std::shared_ptr<const Ticket>;

}  // namespace rookery
