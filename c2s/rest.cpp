// The standstill of a live upgrade.
#include "c2s/c2s.h"
#include "c2s/connection.h"
#include "c2s/session.h"
#include "c2s/session_managed.h"

namespace rookery {

void C2s::rest() {
    resting_ = true;
    shard_.for_each_session([](Session& session) { static_cast<C2sSession&>(session).rest(); });
}

// Who was read meanwhile has paused, and kept what came.
void C2s::wake() {
    resting_ = false;
    shard_.for_each_session([](Session& session) {
        if (Connection* connection = static_cast<C2sSession&>(session).connection()) connection->resume();
    });
    for (Connection* stranger : strangers_) stranger->resume();
}

void C2sSession::rest() {
    const AccountPtr account = managed_ ? c2s_.shard().find_account(jid().bare_str()) : nullptr;
    if (!account) return;
    for (SentStanza& sent : managed_->counts.take_unsaved()) account->enqueue(save(self(), account, std::move(sent)));
}

}  // namespace rookery
