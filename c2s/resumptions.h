// Resumptions: the sessions of one shard that a client may resume (XEP-0198), by the id it was given, and the last
// counts of those that are over.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <unordered_map>

#include "c2s/resumption_id.h"
#include "xmpp/jid.h"

namespace rookery {

class C2sSession;

class Resumptions {
public:
    void add(const ResumptionId& id, std::weak_ptr<C2sSession> session);
    // The session, if it is this account's: an id is worth nothing to others. It is taken out, so that of two
    // connections one wins; whoever took it adds it again.
    std::shared_ptr<C2sSession> take(const ResumptionId& id, const Jid& account);
    void remove(const ResumptionId& id) { sessions_.erase(id); }

    // The session is over; its client may ask for its count (`h`) once more.
    struct Ended {
        ResumptionId id;
        Jid account;  // bare
        std::uint32_t handled;
    };
    void remember(Ended ended);
    std::optional<std::uint32_t> last_count(const ResumptionId& id, const Jid& account) const;
    const std::deque<Ended>& ended() const { return ended_; }  // oldest first
    std::uint64_t ever_remembered() const { return ever_remembered_; }

    static constexpr std::size_t max_remembered = 4'000;  // the oldest is forgotten

private:
    std::unordered_map<ResumptionId, std::weak_ptr<C2sSession>> sessions_;
    std::deque<Ended> ended_;  // few clients ask: the newest is looked for from the end
    std::uint64_t ever_remembered_ = 0;
};

}  // namespace rookery
