// Resumptions: the sessions of one shard that a client may resume (XEP-0198), by the id it was given, and the last
// counts of those that are over.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>

#include "xmpp/jid.h"

namespace rookery {

class C2sSession;

class Resumptions {
public:
    void add(const std::string& id, std::weak_ptr<C2sSession> session);
    // The session, if it is this account's: an id is worth nothing to others. It is taken out, so that of two
    // connections one wins; whoever took it adds it again.
    std::shared_ptr<C2sSession> take(const std::string& id, const Jid& account);
    void remove(const std::string& id) { sessions_.erase(id); }

    // The session is over; its client may ask for its count (`h`) once more.
    void remember(const std::string& id, const Jid& account, std::uint32_t handled);
    std::optional<std::uint32_t> last_count(const std::string& id, const Jid& account) const;

    // Oldest first: visit(id, account, handled).
    template <class Visit>
    void for_each_count(Visit visit) const {
        for (const std::string& id : ended_order_)
            if (const auto at = ended_.find(id); at != ended_.end()) visit(id, at->second.account, at->second.handled);
    }

    std::size_t remembered() const { return ended_.size(); }
    std::uint64_t ever_remembered() const { return ever_remembered_; }

    static constexpr std::size_t max_remembered = 10'000;  // the oldest is forgotten

private:
    struct Ended {
        Jid account;
        std::uint32_t handled;
    };
    std::unordered_map<std::string, std::weak_ptr<C2sSession>> sessions_;
    std::unordered_map<std::string, Ended> ended_;
    std::deque<std::string> ended_order_;
    std::uint64_t ever_remembered_ = 0;
};

}  // namespace rookery
