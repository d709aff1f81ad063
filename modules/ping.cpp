// XMPP ping (XEP-0199 2.0.1): answers pings, and, when asked to, pings clients that fell silent. One sweep over the
// shard's sessions instead of a timer each: a silent session costs nothing between two sweeps.
#include <algorithm>
#include <unordered_map>

#include "core/module.h"

namespace rookery {
namespace {

const xml::Name ping_name{"urn:xmpp:ping", "ping"};

enum class OnSilence { none, kill };

struct PingOptions {
    bool send_pings = false;
    Seconds ping_interval{60};
    Seconds ping_ack_timeout{32};
    OnSilence timeout_action = OnSilence::none;
};

// How often the sweep runs: a client is pinged at most this much later than `ping_interval` says.
Duration sweep_period(const PingOptions& options) {
    return std::max<Duration>(Seconds(1), std::min(options.ping_interval, options.ping_ack_timeout) / 8);
}

// Not: a session that waits for its client to come back.
bool connected(const Session& session) { return session.last_heard() != SteadyTime{}; }

class Ping final : public Module {
public:
    Ping(Host& our_host, const PingOptions& options);

private:
    struct Waiting {
        std::weak_ptr<Session> session;
        SteadyTime since;
    };

    IqReply answer(Iq iq);
    void sweep();
    void judge_waiting(SteadyTime now);
    void ping_silent(SteadyTime now);
    void ping(Session& session, SteadyTime now);

    PingOptions options_;
    std::unordered_map<std::uint64_t, Waiting> waiting_;  // for an answer; by session id
    std::uint64_t pings_ = 0;
};

Ping::Ping(Host& our_host, const PingOptions& options) : Module(our_host), options_(options) {
    iq<&Ping::answer>(IqType::get, ping_name, At::host);
    iq<&Ping::answer>(IqType::get, ping_name, At::account);
    feature("urn:xmpp:ping", At::host);
    feature("urn:xmpp:ping", At::account);
    if (options_.send_pings) every<&Ping::sweep>(sweep_period(options_));
}

// For others an account is as good as none: they must not learn whether it exists.
IqReply Ping::answer(Iq iq) {
    if (iq.account && !iq.own()) return Condition::service_unavailable;
    return {};
}

void Ping::sweep() {
    const SteadyTime now = loop().clock().steady_now();
    judge_waiting(now);
    ping_silent(now);
}

// Whatever came since is as good as the answer.
void Ping::judge_waiting(SteadyTime now) {
    std::vector<SessionPtr> dead;
    std::erase_if(waiting_, [&](const auto& entry) {
        const SessionPtr session = entry.second.session.lock();
        const SteadyTime since = entry.second.since;
        if (!session || !session->alive() || !connected(*session) || session->last_heard() > since) return true;
        if (now - since < options_.ping_ack_timeout) return false;
        dead.push_back(session);
        return true;
    });
    if (options_.timeout_action != OnSilence::kill) return;
    for (const SessionPtr& session : dead)
        session->close(StreamError(StreamCondition::connection_timeout, "no answer to a ping"));
}

void Ping::ping_silent(SteadyTime now) {
    std::vector<SessionPtr> silent;
    shard().for_each_session([&](Session& session) {
        const bool due = connected(session) && now - session.last_heard() >= options_.ping_interval;
        if (due && session.jid().domain() == host().domain() && !waiting_.contains(session.id()))
            silent.push_back(session.shared_from_this());
    });
    for (const SessionPtr& session : silent) ping(*session, now);
}

void Ping::ping(Session& session, SteadyTime now) {
    Stanza iq = Stanza::iq(IqType::get, "ping" + std::to_string(++pings_), session.jid());
    iq.from = host().jid();
    iq.element().add(xml::Element(ping_name));
    waiting_.emplace(session.id(), Waiting{session.weak_from_this(), now});
    session.deliver(std::make_shared<const Stanza>(std::move(iq)));
}

}  // namespace

extern const ModuleSpec ping_module =
    declare<Ping, PingOptions>("ping", "Answers XMPP pings and pings silent clients (XEP-0199)")
        .implements(199, "2.0.1")
        .option("send_pings", &PingOptions::send_pings, "Ping clients that fell silent")
        .option("ping_interval", &PingOptions::ping_interval, "How long a client is silent before it is pinged",
                at_least(Seconds(1)))
        .option("ping_ack_timeout", &PingOptions::ping_ack_timeout, "How long the answer may take", at_least(Seconds(1)))
        .option("timeout_action", &PingOptions::timeout_action, "What happens to a client that does not answer",
                one_of<OnSilence>({{"none", OnSilence::none}, {"kill", OnSilence::kill}}));

}  // namespace rookery
