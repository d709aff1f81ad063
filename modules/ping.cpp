// XMPP ping (XEP-0199 2.0.1): answers pings, and, when asked to, pings clients that fell silent. One sweep over the
// shard's sessions, when the next of them is due, instead of a timer each.
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

// Not more often than this, so that many sessions are looked at together.
Duration least_pause(const PingOptions& options) {
    return std::max<Duration>(Seconds(1), std::min(options.ping_interval, options.ping_ack_timeout) / 16);
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
    SteadyTime judge_waiting(SteadyTime now);
    SteadyTime ping_silent(SteadyTime now);
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
    if (options_.send_pings) once<&Ping::sweep>(options_.ping_interval);
}

// For others an account is as good as none: they must not learn whether it exists.
IqReply Ping::answer(Iq iq) {
    if (iq.account && !iq.own()) return Condition::service_unavailable;
    return {};
}

void Ping::sweep() {
    const SteadyTime now = loop().clock().steady_now();
    const SteadyTime answers_due = judge_waiting(now);
    const SteadyTime pings_due = ping_silent(now);
    once<&Ping::sweep>(std::max(std::min(answers_due, pings_due) - now, least_pause(options_)));
}

// Whatever came since is as good as the answer. When the next one's time is up.
SteadyTime Ping::judge_waiting(SteadyTime now) {
    SteadyTime due = SteadyTime::max();
    std::vector<SessionPtr> dead;
    std::erase_if(waiting_, [&](const auto& entry) {
        const SessionPtr session = entry.second.session.lock();
        const SteadyTime since = entry.second.since;
        if (!session || !session->alive() || !connected(*session) || session->last_heard() > since) return true;
        if (now - since >= options_.ping_ack_timeout) {
            dead.push_back(session);
            return true;
        }
        due = std::min(due, since + options_.ping_ack_timeout);
        return false;
    });
    if (options_.timeout_action == OnSilence::kill)
        for (const SessionPtr& session : dead)
            session->close(StreamError(StreamCondition::connection_timeout, "no answer to a ping"));
    return due;
}

// When the next one will have been silent for long enough.
SteadyTime Ping::ping_silent(SteadyTime now) {
    SteadyTime due = now + options_.ping_interval;
    std::vector<SessionPtr> silent;
    shard().for_each_session([&](Session& session) {
        if (!connected(session) || session.jid().domain() != host().domain() || waiting_.contains(session.id())) return;
        const SteadyTime when = session.last_heard() + options_.ping_interval;
        if (when <= now)
            silent.push_back(session.shared_from_this());
        else
            due = std::min(due, when);
    });
    for (const SessionPtr& session : silent) ping(*session, now);
    return silent.empty() ? due : std::min(due, now + options_.ping_ack_timeout);
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
