#include "c2s/resumptions.h"

#include <algorithm>

#include "base/crypto.h"
#include "c2s/session.h"

namespace rookery {

ResumptionId ResumptionId::random() { return *parse(random_token()); }

std::optional<ResumptionId> ResumptionId::parse(std::string_view text) {
    if (text.size() > max_bytes || text.find('\0') != std::string_view::npos) return std::nullopt;
    ResumptionId id;
    std::ranges::copy(text, id.text_.begin());
    return id;
}

void Resumptions::add(const ResumptionId& id, std::weak_ptr<C2sSession> session) { sessions_[id] = std::move(session); }

std::shared_ptr<C2sSession> Resumptions::take(const ResumptionId& id, const Jid& account) {
    const auto at = sessions_.find(id);
    if (at == sessions_.end()) return nullptr;
    std::shared_ptr<C2sSession> session = at->second.lock();
    if (!session || !session->jid().same_bare(account)) return nullptr;
    sessions_.erase(at);
    return session;
}

void Resumptions::remember(Ended ended) {
    sessions_.erase(ended.id);
    ended_.push_back(std::move(ended));
    ++ever_remembered_;
    if (ended_.size() > max_remembered) ended_.pop_front();
}

std::optional<std::uint32_t> Resumptions::last_count(const ResumptionId& id, const Jid& account) const {
    const auto at = std::find_if(ended_.rbegin(), ended_.rend(), [&id](const Ended& one) { return one.id == id; });
    if (at == ended_.rend() || !at->account.same_bare(account)) return std::nullopt;
    return at->handled;
}

}  // namespace rookery
