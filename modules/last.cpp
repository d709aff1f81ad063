// Last activity (XEP-0012 2.0): how long the server runs, and how long a user is away, for those who may see his
// presence. Written once, when an account's last session ends.
#include <algorithm>

#include "base/log.h"
#include "core/module.h"
#include "xmpp/payload/date_time.h"

namespace rookery {
namespace {

const xml::Name query_name{"jabber:iq:last", "query"};
const xml::Name status_name{"jabber:client", "status"};

constexpr std::size_t max_status_bytes = 1'023;  // longer ones are not kept

bool asks_last(const Stanza& stanza) {
    return stanza.is_iq() && stanza.iq_type() == IqType::get && stanza.payload().is(query_name);
}

Outcome judge(bool may_see) {
    if (may_see) return Outcome::pass();
    return Outcome::refuse(StanzaError(Condition::forbidden));
}

xml::Element seconds(Duration since) {
    const auto count = std::max<std::int64_t>(0, std::chrono::duration_cast<Seconds>(since).count());
    return xml::Element(query_name).set("seconds", std::to_string(count)).moved();
}

// What the user said when he left. A session that was still available left without a word.
std::string parting_status(const Account& account, const Session& session) {
    const StanzaPtr& left = account.last_unavailable();
    if (session.available() || !left || left->from != session.jid()) return {};
    std::string status = left->child(status_name).text();
    return status.size() <= max_status_bytes ? status : std::string();
}

class Last final : public Module {
public:
    explicit Last(Host& our_host, const NoOptions&) : Module(our_host) {
        iq<&Last::uptime>(IqType::get, query_name, At::host);
        iq<&Last::activity>(IqType::get, query_name, At::account);
        on<&Last::asked>(our_host.hooks.iq_received, Stage::guard);
        on<&Last::closed>(our_host.hooks.session_closed, Stage::fallback);  // after the presence is gone
        feature("jabber:iq:last", At::host);
        feature("jabber:iq:last", At::account);
    }

private:
    IqReply uptime(Iq) { return seconds(loop().clock().steady_now() - shard().started()); }
    IqReply activity(Iq iq);
    Task<IqReply> load(AccountPtr account);
    Outcome asked(Route& route);
    Task<Outcome> check(AccountPtr account, Jid from);
    Outcome closed(SessionEvent& event);
    Task<Outcome> store(AccountPtr account, std::string status);
};

// Presence must not leak, neither from the account nor from one of its resources, and a user who is hidden looks like
// one who does not exist.
Outcome Last::asked(Route& route) {
    if (!asks_last(*route.stanza)) return Outcome::pass();
    if (const auto may_see = route.account->is_seen_by(route.stanza->from)) return judge(*may_see);
    return check(route.account, route.stanza->from);
}

Task<Outcome> Last::check(AccountPtr account, Jid from) {
    Result<std::shared_ptr<Roster>> roster = co_await account->load_roster();
    if (!roster.ok()) co_return Outcome::refuse(StanzaError(Condition::internal_server_error, ErrorType::wait));
    co_return judge(account->is_seen_by(from).value_or(false));
}

IqReply Last::activity(Iq iq) {
    if (!iq.account->sessions().empty()) return seconds(Duration::zero());
    return load(iq.account);
}

Task<IqReply> Last::load(AccountPtr account) {
    Result<LastActivity> last = co_await stores().accounts.load_last(account->jid());
    if (last.ok()) {
        xml::Element answer = seconds(now() - last->at);
        if (!last->status.empty()) answer.add_text(last->status);
        co_return answer;
    }
    if (last.error().code == ErrorCode::not_found) co_return Condition::item_not_found;  // never logged in
    co_return StanzaError(Condition::internal_server_error, ErrorType::wait);
}

Outcome Last::closed(SessionEvent& event) {
    if (!event.account->sessions().empty()) return Outcome::pass();
    return store(event.account, parting_status(*event.account, *event.session));
}

Task<Outcome> Last::store(AccountPtr account, std::string status) {
    Result<void> stored = co_await stores().accounts.set_last(account->jid(), now(), status);
    if (!stored.ok() && stored.error().code != ErrorCode::not_found)
        log_error("last_activity_failed", {{"account", account->jid().str()}, {"error", stored.error().message}});
    co_return Outcome::pass();
}

// --- the administrator's verbs ------------------------------------------------------------------------------------

std::optional<Jid> our_account(const CommandContext& context, const Arguments& args) {
    std::optional<Jid> jid = Jid::make(args.text("user"), args.text("host"));
    return jid && context.shards.at(0).find_host(jid->domain()) ? jid : std::nullopt;
}

bool is_connected(Shard& shard, const Jid& who) {
    const AccountPtr account = shard.find_account(who.str());
    return account && !account->sessions().empty();
}

Task<Result<Value>> get_last(CommandContext context, Arguments args) {
    const std::optional<Jid> who = our_account(context, args);
    if (!who) co_return Error(ErrorCode::invalid, "no address of this server");
    auto ask = [who](Shard& shard) { return is_connected(shard, *who); };
    Task<bool> asking = context.shards.on(context.shards.home_of(who->str()), std::move(ask));
    const bool connected = co_await asking;
    Value answer = Value::object();
    if (connected) {
        const WallTime now = context.shards.at(0).loop().clock().wall_now();
        co_return answer.set("timestamp", format_date_time(now)).set("status", "ONLINE");
    }
    Result<LastActivity> last = co_await context.stores.accounts.load_last(*who);
    if (!last.ok()) co_return std::move(last).error();
    co_return answer.set("timestamp", format_date_time(last->at)).set("status", last->status);
}

Task<Result<Value>> set_last(CommandContext context, Arguments args) {
    const std::optional<Jid> who = our_account(context, args);
    if (!who) co_return Error(ErrorCode::invalid, "no address of this server");
    const Seconds since_1970{args.integer("timestamp")};
    const WallTime now = context.shards.at(0).loop().clock().wall_now();
    if (since_1970 < Seconds::zero() || since_1970 > std::chrono::floor<Seconds>(now).time_since_epoch())
        co_return Error(ErrorCode::invalid, "'timestamp' must be the seconds since 1970 of a time that has passed");
    Result<void> stored = co_await context.stores.accounts.set_last(*who, WallTime(since_1970), args.text("status"));
    if (!stored.ok()) co_return std::move(stored).error();
    co_return Value("Last activity of " + who->to_string() + " set");
}

const CommandArg user{"user", ArgType::text, "user name, without the domain"};
const CommandArg host_arg{"host", ArgType::text, "domain of this server"};

}  // namespace

extern const ModuleSpec last_module =
    declare<Last>("last", "Tells how long a user is away, and how long the server runs (XEP-0012)")
        .implements(12, "2.0")
        .command({"get_last", "accounts", "When a user was last here, and what he said then", {user, host_arg}, get_last})
        .command({"set_last", "accounts", "Say when a user was last here",
                  {user, host_arg, {"timestamp", ArgType::integer, "seconds since 1970"},
                   {"status", ArgType::text, "what he said then"}},
                  set_last});

}  // namespace rookery
