// Sessions: who is connected, and how to part from them.
#include <algorithm>

#include "admin/commands.h"
#include "core/account_admin.h"
#include "core/shard.h"

namespace rookery {
namespace {

const xml::Name show_name{"jabber:client", "show"};
const xml::Name status_name{"jabber:client", "status"};

constexpr const char* node = "rookery@localhost";  // ejabberd's name of a machine in a cluster; here is one

// The fields of ejabberd's answer in their order, then our own.
Value describe(const Session& session, const Loop& loop) {
    const auto uptime = std::chrono::duration_cast<Seconds>(loop.clock().wall_now() - session.since());
    const std::optional<Stanza> presence = session.available() ? std::optional(session.presence()) : std::nullopt;
    const SessionOrigin origin = session.origin();
    const std::string show = presence ? presence->child(show_name).text() : std::string();
    Value row = Value::object();
    row.set("connection", origin.tls.empty() ? "c2s" : "c2s_tls");
    row.set("ip", origin.address);
    row.set("port", origin.port);
    row.set("priority", session.priority());
    row.set("node", node);
    row.set("uptime", uptime.count());
    row.set("status", !presence ? "unavailable" : show.empty() ? "available" : show);
    row.set("resource", session.jid().resource());
    row.set("statustext", presence ? presence->child(status_name).text() : std::string());
    row.set("jid", session.jid().str());
    row.set("session", static_cast<std::int64_t>(session.id()));
    row.set("tls", origin.tls);
    row.set("mechanism", origin.mechanism);
    row.set("backlog_bytes", session.backlog_bytes());
    return row;
}

Task<Result<Value>> connected_users(CommandContext context, Arguments) {
    std::vector<std::string> all;
    const auto collect = [](Shard& shard) {
        std::vector<std::string> jids;
        shard.for_each_session([&jids](Session& session) { jids.push_back(session.jid().to_string()); });
        return jids;
    };
    for (unsigned i = 0; i < context.shards.count(); ++i) {
        std::vector<std::string> jids = co_await context.shards.on(i, collect);
        all.insert(all.end(), std::make_move_iterator(jids.begin()), std::make_move_iterator(jids.end()));
    }
    std::ranges::sort(all);
    Value list = Value::list();
    for (std::string& jid : all) list.append(std::move(jid));
    co_return list;
}

Task<Result<Value>> connected_users_number(CommandContext context, Arguments) {
    std::size_t count = 0;
    const auto count_here = [](Shard& shard) { return shard.session_count(); };
    for (unsigned i = 0; i < context.shards.count(); ++i) count += co_await context.shards.on(i, count_here);
    co_return Value(count);
}

Task<Result<Value>> user_sessions_info(CommandContext context, Arguments args) {
    Result<Jid> account = account_of(context, args);
    if (!account.ok()) co_return std::move(account).error();
    const std::string bare = account->to_string();
    auto collect = [bare](Shard& shard) {
        Value rows = Value::list();
        if (const AccountPtr found = shard.find_account(bare))
            for (const SessionPtr& session : found->sessions()) rows.append(describe(*session, shard.loop()));
        return rows;
    };
    Task<Value> rows = context.shards.on(context.shards.home_of(bare), std::move(collect));
    Value result = co_await rows;
    if (!result.as_list()->empty()) co_return result;
    Result<void> exists = co_await check_exists(context, std::move(*account));
    if (!exists.ok()) co_return std::move(exists).error();
    co_return result;
}

Task<Result<Value>> kick_user(CommandContext context, Arguments args) {
    Result<Jid> account = account_of(context, args);
    if (!account.ok()) co_return std::move(account).error();
    StreamError error(StreamCondition::policy_violation, "kicked by an administrator");
    const std::size_t closed = co_await close_sessions(context.shards, *account, std::move(error));
    if (closed > 0) co_return Value(closed);
    Result<void> exists = co_await check_exists(context, std::move(*account));
    if (!exists.ok()) co_return std::move(exists).error();
    co_return Value(closed);
}

Task<Result<Value>> kick_session(CommandContext context, Arguments args) {
    Result<Jid> account = account_of(context, args);
    if (!account.ok()) co_return std::move(account).error();
    std::optional<Jid> full = account->with_resource(args.text("resource"));
    if (!full || full->is_bare()) co_return Error(ErrorCode::invalid, "that is not a resource");
    const std::string reason = args.has("reason") ? args.text("reason") : "kicked by an administrator";
    StreamError error(StreamCondition::policy_violation, reason);
    const std::size_t closed = co_await close_sessions(context.shards, *full, std::move(error));
    if (closed == 0) co_return Error(ErrorCode::not_found, full->to_string() + " is not connected");
    co_return Value(full->to_string() + " kicked");
}

}  // namespace

void add_session_commands(CommandTable& table) {
    const CommandArg user{"user", ArgType::text, "user name, without the domain"};
    const CommandArg host{"host", ArgType::text, "domain of this server"};
    const CommandArg resource{"resource", ArgType::text, "which of the user's sessions"};
    const CommandArg reason{"reason", ArgType::text, "shown to the client", true};
    table.add({"connected_users", "sessions", "List the addresses of all sessions", {}, connected_users});
    table.add({"connected_users_number", "sessions", "How many sessions there are", {}, connected_users_number});
    table.add({"user_sessions_info", "sessions", "All there is to know of a user's sessions", {user, host}, user_sessions_info});
    table.add({"kick_user", "sessions", "End all sessions of a user", {user, host}, kick_user});
    table.add({"kick_session", "sessions", "End one session", {user, host, resource, reason}, kick_session});
}

}  // namespace rookery
