#include "s2s/component_connection.h"

#include "base/log.h"
#include "core/shard.h"
#include "s2s/components.h"

namespace rookery {
namespace {

constexpr Milliseconds look_at_output{100};

}  // namespace

struct ComponentConnection::Home {
    std::unique_ptr<ParkedTransport> transport;
    std::shared_ptr<const ComponentPolicy> policy;
    std::unique_ptr<ComponentStream> stream;
};

// --- opening ------------------------------------------------------------------------------------------------------

ComponentConnection::ComponentConnection(Components& components, std::shared_ptr<const ComponentPolicy> policy,
                                         std::unique_ptr<ComponentStream> stream)
    : components_(components), policy_(std::move(policy)), stream_(std::move(stream)),
      since_(components.loop().clock().wall_now()) {}

ComponentConnection::~ComponentConnection() = default;

void ComponentConnection::open(Components& components, std::unique_ptr<ParkedTransport> transport,
                               std::shared_ptr<const ComponentPolicy> policy) {
    auto stream = std::make_unique<ComponentStream>(policy);
    std::shared_ptr<ComponentConnection> connection(new ComponentConnection(components, std::move(policy), std::move(stream)));
    connection->self_ = connection;
    connection->transport_ = transport->adopt(components.loop(), *connection);
    connection->counted_ = true;
    components.add_stranger(*connection);
    ComponentConnection* const here = connection.get();
    connection->handshake_timer_ = components.loop().after(connection->policy_->handshake_within, [here] {
        here->handshake_timer_ = 0;
        here->close(StreamError(StreamCondition::connection_timeout, "the handshake took too long"));
    });
}

// The shard of the domain takes over: all its stanzas come and go there.
void ComponentConnection::go_home() {
    flush();
    leave();
    const unsigned home = components_.shard().all().home_of(domain().str());
    if (home == components_.shard().index()) return ask_admission();
    const std::shared_ptr<ComponentConnection> self = std::move(self_);
    std::unique_ptr<ParkedTransport> parked = transport_->release();
    transport_.reset();
    if (!parked) return;
    Components& target = components_.at(home);
    auto moving = std::make_shared<Home>(Home{std::move(parked), policy_, std::move(stream_)});
    target.loop().post([&target, moving = std::move(moving)] { arrive_home(target, moving); });
}

void ComponentConnection::arrive_home(Components& components, std::shared_ptr<Home> home) {
    std::shared_ptr<ComponentConnection> connection(
        new ComponentConnection(components, std::move(home->policy), std::move(home->stream)));
    connection->self_ = connection;
    connection->transport_ = home->transport->adopt(components.loop(), *connection);
    connection->ask_admission();
    connection->resume();
}

void ComponentConnection::ask_admission() {
    const std::string address = transport_->peer().ip.to_string();
    if (!policy_->rules->allows(policy_->access, domain(), address))
        return close(StreamError(StreamCondition::not_authorized, "access denied"));
    if (const auto refusal = components_.admit(*this)) return close(*refusal);
    const ShaperRate rate = policy_->rules->shaper(policy_->shaper, domain(), address);
    if (rate.limited()) shaper_ = std::make_unique<Shaper>(rate, components_.loop().clock().steady_now());
    stream_->admit();
    log_info("component_connected", {{"component", domain().str()}, {"address", address}});
}

// --- the pump -----------------------------------------------------------------------------------------------------

void ComponentConnection::on_data(std::string_view bytes) {
    const auto self = shared_from_this();
    stream_->feed(bytes);
    pump();
    throttle(bytes.size());
}

void ComponentConnection::pump() {
    if (pumping_ || !transport_ || ending_) return;
    pumping_ = true;
    bool going = true;
    while (going && !must_wait()) {
        const ComponentEvent event = stream_->next();
        if (event == ComponentEvent::need_more) break;
        going = handle(event);
    }
    pumping_ = false;
    if (!transport_ || ending_) return;
    flush();
    if (must_wait()) wait();
}

bool ComponentConnection::handle(ComponentEvent event) {
    switch (event) {
        case ComponentEvent::nothing:
        case ComponentEvent::need_more: return true;
        case ComponentEvent::authenticated: go_home(); return transport_ && !ending_;
        case ComponentEvent::stanza: route(stream_->take_stanza()); return transport_ && !ending_;
        case ComponentEvent::closed: close_transport(); return false;
    }
    return false;
}

bool ComponentConnection::must_wait() const {
    return shaping_ || open_ > max_open || open_bytes_ > max_open_bytes || components_.shard().congested() || components_.resting();
}

// Stops reading; whoever ends the wait calls resume().
void ComponentConnection::wait() {
    if (!paused_) transport_->pause_reading();
    paused_ = true;
    if (components_.shard().congested())
        components_.shard().when_clear([self = weak_from_this()] {
            if (auto connection = self.lock()) connection->resume();
        });
}

// From a fresh turn: whoever released us may be deep inside this very connection's pump.
void ComponentConnection::resume() {
    components_.loop().post([self = weak_from_this()] {
        const auto connection = self.lock();
        if (!connection || !connection->transport_ || connection->ending_) return;
        connection->pump();  // also where something else must be waited for now: it sees to it that we come again
        if (!connection->transport_ || connection->ending_ || connection->must_wait()) return;
        connection->paused_ = false;
        connection->transport_->resume_reading();
    });
}

void ComponentConnection::throttle(std::size_t bytes) {
    if (!shaper_ || !transport_ || ending_) return;
    const Duration pause = shaper_->take(bytes, components_.loop().clock().steady_now());
    if (pause <= Duration::zero()) return;
    shaping_ = true;
    wait();
    components_.loop().after(pause, [self = weak_from_this()] {
        const auto connection = self.lock();
        if (!connection) return;
        connection->shaping_ = false;
        connection->resume();
    });
}

void ComponentConnection::flush() {
    if (stream_ && stream_->has_output()) write(stream_->take_output());
}

void ComponentConnection::write(std::string_view bytes) {
    if (!transport_) return;
    transport_->write(bytes);
    written_ += bytes.size();
}

// --- stanzas from the component -------------------------------------------------------------------------------------

// It is as fast as those it writes to, like a client.
void ComponentConnection::route(std::shared_ptr<Stanza> stanza) {
    ++received_;
    const std::size_t bytes = stanza->element().memory_bytes();
    auto ticket = std::make_shared<const Ticket>(std::weak_ptr<Session>(), components_.loop(), 0, bytes, false);
    ticket->when_settled([self = weak_from_this(), bytes](std::uint64_t) {
        if (auto connection = self.lock()) connection->settled(bytes);
    });
    ++open_;
    open_bytes_ += bytes;
    Jid to = stanza->to;
    auto on_its_way = std::make_unique<Route>(std::move(stanza), std::move(to));
    on_its_way->ticket = std::move(ticket);
    components_.shard().router().route(std::move(on_its_way));
}

void ComponentConnection::settled(std::size_t bytes) {
    --open_;
    open_bytes_ -= bytes;
    if (paused_ && !must_wait()) resume();
}

// --- stanzas for the component --------------------------------------------------------------------------------------

void ComponentConnection::deliver(RoutePtr route) {
    Router& router = components_.shard().router();
    if (transport_->output_bytes() > policy_->max_output_bytes) {
        ++refused_;
        return router.refuse(*route, StanzaError(Condition::resource_constraint, ErrorType::wait));
    }
    flush();
    std::string& scratch = components_.scratch();
    scratch.clear();
    if (route->to == route->stanza->to)
        route->stanza->write(scratch);
    else
        route->stanza->write_to(scratch, route->to);
    write(scratch);
    ++sent_;
    unsent_.push_back(Unsent{written_, std::move(route)});
    look_what_was_taken();
}

// Once behind the flush of this turn, then again and again while the component is slow.
void ComponentConnection::look_what_was_taken() {
    if (look_posted_ || look_timer_ != 0) return;
    look_posted_ = true;
    components_.loop().at_turn_end([self = weak_from_this()] {
        const auto connection = self.lock();
        if (!connection) return;
        connection->components_.loop().post([self] {
            if (auto again = self.lock()) again->release_taken();
        });
    });
}

void ComponentConnection::release_taken() {
    look_posted_ = false;
    if (!transport_ || ending_) return;
    // Output holds more than was written here: what TLS adds, and what another shard had written before.
    const std::uint64_t taken = written_ - std::min<std::uint64_t>(transport_->output_bytes(), written_);
    while (!unsent_.empty() && unsent_.front().end <= taken) unsent_.pop_front();
    if (unsent_.empty() || look_timer_ != 0) return;
    look_timer_ = components_.loop().after(look_at_output, [this] {
        look_timer_ = 0;
        release_taken();
    });
}

void ComponentConnection::refuse_unsent() {
    for (const Unsent& unsent : std::exchange(unsent_, {}))
        components_.shard().router().refuse(*unsent.route, StanzaError(Condition::remote_server_timeout));
}

// --- the end ------------------------------------------------------------------------------------------------------

void ComponentConnection::close(const StreamError& error) {
    if (!transport_ || ending_) return;
    const auto self = shared_from_this();
    stream_->close(error);
    close_transport();
}

void ComponentConnection::leave_behind(const StreamError& error) {
    if (!transport_ || ending_) return;
    stream_->close(error);
    transport_->leave_with(stream_->take_output());
}

// Output first, then the end; the object goes when the transport says it is closed. What the kernel has not taken by now
// may still arrive, but nobody would know.
void ComponentConnection::close_transport() {
    if (!transport_ || ending_) return;
    release_taken();
    flush();
    ending_ = true;
    log_closed(stream_->close_reason());
    leave();
    transport_->close_after_flush();
    refuse_unsent();
}

void ComponentConnection::on_closed(CloseReason reason) {
    const std::shared_ptr<ComponentConnection> self = std::move(self_);
    if (!ending_) log_closed(to_string(reason));
    ending_ = true;
    leave();
    transport_.reset();
    refuse_unsent();
}

// Of the strangers, or of the components.
void ComponentConnection::leave() {
    components_.loop().cancel(std::exchange(handshake_timer_, 0));
    components_.loop().cancel(std::exchange(look_timer_, 0));
    if (std::exchange(counted_, false)) components_.remove_stranger(*this);
    components_.remove(*this);
}

void ComponentConnection::log_closed(std::string_view reason) const {
    const std::string address = transport_->peer().ip.to_string();
    const std::string name = stream_->domain().to_string();
    if (components_.is_connected(*this))
        log_info("component_disconnected", {{"component", name}, {"address", address}, {"reason", reason}});
    else if (name.empty())
        log_debug("connection_closed", {{"peer", transport_->peer().to_string()}, {"reason", reason}});
    else
        components_.log_refused(name, address, reason);
}

QueueCounts ComponentConnection::output_counts() const { return counts_of(written_, transport_->output_bytes(), refused_); }

QueueMember ComponentConnection::output() const { return {transport_->output_bytes(), policy_->max_output_bytes}; }

RemotePeer ComponentConnection::describe() const {
    RemotePeer peer;
    peer.domain = domain().str();
    peer.kind = "component";
    peer.address = transport_->peer().ip.to_string();
    peer.port = transport_->peer().port;
    peer.since = since_;
    peer.backlog_bytes = transport_->output_bytes();
    peer.sent = sent_;
    peer.received = received_;
    return peer;
}

}  // namespace rookery
