#include "c2s/c2s.h"

#include <algorithm>
#include <functional>

#include "base/log.h"
#include "c2s/connection.h"
#include "c2s/session.h"

namespace rookery {

C2s::C2s(Shard& shard, WorkPool& work, C2sLimits limits) : shard_(shard), work_(work), limits_(limits), peers_{this} {
    declare_queues();
    declare_memory();
}
C2s::~C2s() = default;

// Each shard has a share of the rate, one at least.
bool C2s::admits(const IpAddress& address, const C2sPolicy& policy) {
    const unsigned rate = policy.connections_per_network;
    const unsigned share = rate == 0 ? 0 : std::max(1u, rate / static_cast<unsigned>(shard_.all().count()));
    return networks_.admits(address, share, loop().clock().steady_now()) && admits(address);
}

bool C2s::admits(const IpAddress& address) {
    const auto at = strangers_by_address_.find(address.client_prefix());
    const bool welcome = at == strangers_by_address_.end() || at->second < limits_.max_strangers_per_address;
    if (!welcome) ++strangers_refused_;
    return welcome;
}

void C2s::accept(std::unique_ptr<ParkedTransport> transport, std::shared_ptr<const C2sPolicy> policy) {
    Connection::open(*this, std::move(transport), std::move(policy));
}

void C2s::add_stranger(const IpAddress& address, Connection& connection) {
    ++strangers_by_address_[address.client_prefix()];
    strangers_.push_back(&connection);
    ++strangers_met_;
}

void C2s::remove_stranger(const IpAddress& address, Connection& connection) {
    const auto at = strangers_by_address_.find(address.client_prefix());
    if (at != strangers_by_address_.end() && --at->second == 0) strangers_by_address_.erase(at);
    std::erase(strangers_, &connection);
}

void C2s::close_strangers(const StreamError& error) {
    const std::vector<Connection*> all = strangers_;
    for (Connection* connection : all) connection->close(error);
}

// --- clients that do not keep up ----------------------------------------------------------------------------------

QueueCounts C2s::backlog_counts() const {
    const QueueCounts output = loop().queues().output;
    const QueueCounts& unacknowledged = shard_.flows().unacknowledged_bytes;
    return {output.in + unacknowledged.in, output.out + unacknowledged.out, shed_};
}

QueueMember C2s::backlog() const {
    const QueueCounts counts = backlog_counts();
    return {counts.in > counts.out ? counts.in - counts.out : 0, limits_.max_backlog_bytes};
}

// From a fresh turn: whoever writes is not prepared to lose a session under his hands.
void C2s::watch_backlog() {
    unwatched_bytes_ = 0;
    if (shedding_ || backlog().length <= limits_.max_backlog_bytes) return;
    shedding_ = true;
    loop().post([this] { shed(); });
}

// The slowest first, until there is room for a while. What they never received waits in the log, or its senders hear.
// Only what sessions hold counts here: the loop's output is also that of components and of strangers.
void C2s::shed() {
    std::vector<std::pair<std::size_t, std::shared_ptr<C2sSession>>> slow;
    std::size_t held = 0;
    shard_.for_each_session([&slow, &held](Session& session) {
        auto ours = std::dynamic_pointer_cast<C2sSession>(session.shared_from_this());
        const std::size_t bytes = ours ? ours->output().length + ours->unacknowledged_bytes().length : 0;
        held += bytes;
        if (bytes > 0) slow.emplace_back(bytes, std::move(ours));
    });
    std::ranges::sort(slow, std::ranges::greater(), [](const auto& one) { return one.first; });
    for (const auto& [bytes, session] : slow) {
        if (held <= limits_.max_backlog_bytes / 2) break;
        held -= bytes;
        if (!session->alive()) continue;
        log_warning("session_shed", {{"session", session->id()}, {"jid", session->jid().str()}, {"bytes", bytes}});
        ++shed_;
        session->shed();
    }
    shedding_ = false;
}

}  // namespace rookery
