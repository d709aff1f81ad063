// Users who talk in pairs. Every message carries its run, sender and number; what is sent and what arrives is kept in a
// ledger for each direction.
#pragma once

#include <deque>
#include <string>
#include <vector>

#include "bench/load/figures.h"
#include "bench/load/fleet.h"
#include "bench/load/ledger.h"

namespace rookery::bench {

// Who talks to whom: 2n and 2n+1, or those of the first half to those of the second.
enum class Partners { neighbours, halves };

class Conversation {
public:
    // For the first `users` of the fleet.
    Conversation(const Options& options, const Team& team, Fleet& fleet, UserNumber users, Partners partners);

    UserNumber users() const { return static_cast<UserNumber>(users_.size()); }
    UserNumber partner_of(UserNumber index) const;

    // `when`: latencies count from then on. With acknowledgements the server is asked behind the message.
    void send_next(UserNumber sender, TimePoint when) { send_burst(sender, 1, when); }
    // So many in one write; the server is asked behind the last one.
    void send_burst(UserNumber sender, std::uint32_t messages, TimePoint when);

    enum class Arrival { stray, again, first };
    struct Received {
        Arrival arrival;
        UserNumber receiver;
        TimePoint sent;
    };
    Received receive(const Peer& peer, UserNumber from, std::string_view text);
    // With acknowledgements: the times of sending of those that are acknowledged now.
    template <class Function>
    void acknowledge(const Peer& peer, std::uint32_t messages, Function&& for_each) {
        auto& waiting = users_[fleet_.index_of(peer)].unacknowledged;
        for (; messages > 0 && !waiting.empty(); --messages) {
            for_each(waiting.front());
            waiting.pop_front();
        }
    }

    bool is_complete() const;  // all has arrived and is acknowledged
    bool is_complete(UserNumber sender) const { return users_[sender].sent.is_complete(); }
    void put_into(Figures& figures) const;

private:
    struct User {
        Ledger sent;                           // what goes from this user to the partner
        std::vector<TimePoint> send_times;     // by number modulo its size
        std::deque<TimePoint> unacknowledged;  // with acknowledgements only
    };

    void send_one(UserNumber sender, TimePoint when);
    std::string id_of(UserNumber sender, std::uint64_t number) const;

    const Options& options_;
    const Team& team_;
    Fleet& fleet_;
    Partners partners_;
    std::vector<User> users_;
    std::string filler_;
};

// How many messages are due at a rate.
class Pace {
public:
    explicit Pace(std::uint32_t rate) : rate_(rate) {}

    void begin(TimePoint now) { begin_ = now; }
    std::uint64_t due(TimePoint now) const {
        return static_cast<std::uint64_t>(std::chrono::duration<double>(now - begin_).count() * rate_);
    }
    TimePoint time_of(std::uint64_t number) const {
        const std::chrono::duration<double> offset(static_cast<double>(number) / rate_);
        return begin_ + std::chrono::duration_cast<Clock::duration>(offset);
    }

private:
    double rate_;
    TimePoint begin_;
};

}  // namespace rookery::bench
