#include "s2s/components.h"

#include <algorithm>

#include "base/log.h"
#include "s2s/component_connection.h"

namespace rookery {

namespace {

// One measure of all components of a shard. Who has left is missing in the sum; a rate takes no notice (base/flow.h).
template <class Components>
QueueSpec of_components(const Components& here, std::string name, std::string unit, QueueMember (ComponentConnection::*measure)() const,
                        QueueCounts (ComponentConnection::*counts)() const) {
    const auto sum = [&here, counts] {
        QueueCounts all;
        for (const auto& [domain, connection] : here) all += (connection->*counts)();
        return all;
    };
    const auto look = [&here, measure] {
        QueueLook all;
        for (const auto& [domain, connection] : here) all.add((connection->*measure)(), domain);
        return all;
    };
    return {.name = std::move(name), .unit = std::move(unit), .kind = QueueKind::queue, .where = {}, .counts = sum, .look = look};
}

}  // namespace

Components::Components(Shard& shard) : shard_(shard), peers_{this} {
    shard_.router().set_remote(this);
    declare_queues();
}
Components::~Components() { shard_.router().set_remote(nullptr); }

void Components::declare_queues() {
    using Connection = ComponentConnection;
    QueueBoard& board = shard_.queues();
    board.add(of_components(here_, "component_output", "bytes", &Connection::output, &Connection::output_counts));
    board.add(of_components(here_, "component_unsettled", "stanzas", &Connection::unsettled, &Connection::unsettled_counts));
    board.add({.name = "components", .unit = "components", .kind = QueueKind::pool, .where = {}, .counts = nullptr,
               .look = [this] { return QueueMember{here_.size(), max_components}; }});
    board.add({.name = "component_strangers", .unit = "connections", .kind = QueueKind::pool, .where = {}, .counts = nullptr,
               .look = [this] { return QueueMember{strangers_.size(), max_strangers}; }});
}

void Components::configure(const std::vector<std::shared_ptr<const ComponentPolicy>>& policies) {
    configured_.clear();
    for (const auto& policy : policies)
        for (const auto& [domain, secret] : policy->secrets) configured_.insert(domain);
    std::vector<ComponentConnection*> unwelcome;
    for (const auto& [domain, connection] : here_) {
        const auto allows = [&name = domain](const auto& policy) { return policy->secret_of(name) != nullptr; };
        if (std::ranges::none_of(policies, allows) || shard_.find_host(domain)) unwelcome.push_back(connection);
    }
    for (ComponentConnection* connection : unwelcome) connection->close(StreamError(StreamCondition::host_gone));
    show_services();
}

void Components::accept(std::unique_ptr<ParkedTransport> transport, std::shared_ptr<const ComponentPolicy> policy) {
    ComponentConnection::open(*this, std::move(transport), std::move(policy));
}

std::vector<ComponentConnection*> Components::all_connections() const {
    std::vector<ComponentConnection*> all(strangers_.begin(), strangers_.end());
    for (const auto& [domain, connection] : here_) all.push_back(connection);
    return all;
}

void Components::close_all(const StreamError& error) {
    for (ComponentConnection* connection : all_connections()) connection->close(error);
}

void Components::wake() {
    resting_ = false;
    for (ComponentConnection* connection : all_connections()) connection->resume();
}

void Components::leave_behind(const StreamError& error) {
    for (ComponentConnection* connection : all_connections()) connection->leave_behind(error);
}

// --- who is there -------------------------------------------------------------------------------------------------

std::optional<StreamError> Components::admit(ComponentConnection& connection) {
    const std::string domain = connection.domain().to_string();
    if (shard_.find_host(domain)) return StreamError(StreamCondition::conflict, "the domain is served by the server itself");
    const auto at = here_.find(domain);
    if (at != here_.end()) {
        at->second->probe();
        return StreamError(StreamCondition::conflict, "the component is connected already");
    }
    if (here_.size() >= max_components) return StreamError(StreamCondition::resource_constraint);
    here_.emplace(domain, &connection);
    tell_all(domain, true);
    return std::nullopt;
}

bool Components::is_connected(const ComponentConnection& connection) const {
    const auto at = here_.find(connection.domain().to_string());
    return at != here_.end() && at->second == &connection;
}

void Components::remove(ComponentConnection& connection) {
    if (!is_connected(connection)) return;
    const std::string domain = connection.domain().to_string();
    here_.erase(domain);
    tell_all(domain, false);
}

void Components::log_refused(std::string_view domain, std::string_view address, std::string_view reason) {
    refused_log_.write(loop().clock().steady_now(), [&](std::uint64_t others) {
        log_warning("component_refused", {{"component", domain}, {"address", address}, {"reason", reason}, {"others", others}});
    });
}

// All that is told of a domain comes from its one shard, so it arrives in order.
void Components::tell_all(const std::string& domain, bool connected) {
    for (Components* peer : peers_) {
        if (peer == this)
            note(domain, connected);
        else
            peer->loop().post([peer, domain, connected] { peer->note(domain, connected); });
    }
}

void Components::note(const std::string& domain, bool connected) {
    if (connected)
        connected_.insert(domain);
    else
        connected_.erase(domain);
    show_services();
}

// While a component is there, the host above it names it among its services (XEP-0030 section 4).
void Components::show_services() {
    for (const std::unique_ptr<Host>& host : shard_.hosts()) host->features.remove_all(this);
    for (const std::string& domain : connected_)
        if (Host* host = parent_of(domain)) host->features.add_item(DiscoItem(Jid::parse(domain).value()), this);
}

Host* Components::parent_of(std::string_view domain) const {
    for (auto dot = domain.find('.'); dot != std::string_view::npos; dot = domain.find('.', dot + 1))
        if (Host* host = shard_.find_host(domain.substr(dot + 1))) return host;
    return nullptr;
}

std::vector<RemotePeer> Components::peers() const {
    std::vector<RemotePeer> all;
    for (const auto& [domain, connection] : here_) all.push_back(connection->describe());
    return all;
}

// --- the way there ------------------------------------------------------------------------------------------------

bool Components::reaches(std::string_view domain) const { return configured_.contains(domain) || connected_.contains(domain); }

void Components::send(RoutePtr route) {
    const std::string_view domain = route->to.domain();
    if (!reaches(domain))
        return shard_.router().refuse(*route, StanzaError(Condition::remote_server_not_found));
    const unsigned home = shard_.all().home_of(domain);
    if (home == shard_.index()) return arrive(std::move(route));
    route->leaves = true;
    shard_.send(home, Parcel{std::move(route), {}});
}

void Components::arrive(RoutePtr route) {
    const auto at = here_.find(std::string(route->to.domain()));
    if (at == here_.end()) return shard_.router().refuse(*route, StanzaError(Condition::remote_server_timeout));
    at->second->deliver(std::move(route));
}

}  // namespace rookery
