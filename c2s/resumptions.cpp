#include "c2s/resumptions.h"

#include "c2s/session.h"

namespace rookery {

void Resumptions::add(const std::string& id, std::weak_ptr<C2sSession> session) { sessions_[id] = std::move(session); }

std::shared_ptr<C2sSession> Resumptions::take(const std::string& id, const Jid& account) {
    const auto at = sessions_.find(id);
    if (at == sessions_.end()) return nullptr;
    std::shared_ptr<C2sSession> session = at->second.lock();
    if (!session || !session->jid().same_bare(account)) return nullptr;
    sessions_.erase(at);
    return session;
}

void Resumptions::remember(const std::string& id, const Jid& account, std::uint32_t handled) {
    sessions_.erase(id);
    if (!ended_.insert_or_assign(id, Ended{account.bare(), handled}).second) return;
    ended_order_.push_back(id);
    ++ever_remembered_;
    if (ended_order_.size() <= max_remembered) return;
    ended_.erase(ended_order_.front());
    ended_order_.pop_front();
}

std::optional<std::uint32_t> Resumptions::last_count(const std::string& id, const Jid& account) const {
    const auto at = ended_.find(id);
    if (at == ended_.end() || !at->second.account.same_bare(account)) return std::nullopt;
    return at->second.handled;
}

}  // namespace rookery
