#include "c2s/c2s.h"

#include <algorithm>

#include "c2s/connection.h"

namespace rookery {

C2s::C2s(Shard& shard, WorkPool& work, C2sLimits limits) : shard_(shard), work_(work), limits_(limits), peers_{this} {
    declare_queues();
}
C2s::~C2s() = default;

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

}  // namespace rookery
