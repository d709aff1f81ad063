// The server itself.
#include "admin/commands.h"
#include "admin/memory.h"
#include "base/log.h"
#include "base/log_words.h"
#include "core/shard.h"

namespace rookery {
namespace {

Task<Result<Value>> status(CommandContext context, Arguments) {
    co_return context.server.status();
}

struct Totals {
    ShardCounters counters;
    std::size_t sessions = 0;
};

Task<Totals> add_up(Shards& shards) {
    Totals sum;
    const auto read = [](Shard& shard) { return Totals{shard.counters(), shard.session_count()}; };
    for (unsigned i = 0; i < shards.count(); ++i) {
        const Totals totals = co_await shards.on(i, read);
        const ShardCounters& part = totals.counters;
        sum.counters.messages += part.messages;
        sum.counters.presences += part.presences;
        sum.counters.iqs += part.iqs;
        sum.counters.delivered += part.delivered;
        sum.counters.undelivered += part.undelivered;
        sum.counters.refused += part.refused;
        sum.counters.logins += part.logins;
        sum.sessions += totals.sessions;
    }
    co_return sum;
}

Task<Result<std::uint64_t>> count_accounts(CommandContext context) {
    std::uint64_t registered = 0;
    std::vector<std::string> domains;
    for (const auto& host : context.shards.at(0).hosts()) domains.push_back(host->domain());
    for (const std::string& domain : domains) {
        Result<std::uint64_t> count = co_await context.stores.accounts.count(domain);
        if (!count.ok()) co_return count;
        registered += *count;
    }
    co_return registered;
}

std::int64_t uptime_seconds(const Shard& shard) {
    return std::chrono::duration_cast<Seconds>(shard.loop().clock().steady_now() - shard.started()).count();
}

// One number by its name, as ejabberd has it, or all of them.
Task<Result<Value>> stats(CommandContext context, Arguments args) {
    if (args.text("name") == "memory") {
        Task<Value> memory = memory_by_owner(context.shards);
        co_return co_await memory;
    }
    Result<std::uint64_t> registered = co_await count_accounts(context);
    if (!registered.ok()) co_return std::move(registered).error();
    const Totals sum = co_await add_up(context.shards);
    Value all = Value::object();
    all.set("registeredusers", *registered);
    all.set("onlineusers", sum.sessions);
    all.set("uptimeseconds", uptime_seconds(context.shards.at(0)));
    all.set("logins", sum.counters.logins);
    all.set("messages", sum.counters.messages);
    all.set("presences", sum.counters.presences);
    all.set("iqs", sum.counters.iqs);
    all.set("delivered", sum.counters.delivered);
    all.set("undelivered", sum.counters.undelivered);
    all.set("refused", sum.counters.refused);
    if (!args.has("name")) co_return all;
    if (const Value* one = all.find(args.text("name"))) co_return *one;
    co_return Error(ErrorCode::invalid, "there is no number '" + args.text("name") + "'; 'stats' alone shows all");
}

Task<Result<Value>> set_loglevel(CommandContext, Arguments args) {
    const std::optional<LogLevel> level = log_level_named(args.text("loglevel"));
    if (!level) co_return Error(ErrorCode::invalid, "'loglevel' must be debug, info, warning, error, critical or none");
    set_log_level(*level);
    co_return Value("Log level: " + std::string(name_of(*level)));
}

Task<Result<Value>> get_loglevel(CommandContext, Arguments) {
    co_return Value(name_of(log_level()));
}

Task<Result<Value>> reload_config(CommandContext context, Arguments) {
    Task<Result<Value>> reload = context.server.reload();
    Result<Value> result = co_await reload;
    co_return result;
}

Task<Result<Value>> stop(CommandContext context, Arguments) {
    context.server.stop();
    co_return Value("Stopping");
}

Task<Result<Value>> upgrade(CommandContext context, Arguments args) {
    Task<Result<Value>> upgrading = context.server.upgrade(args.text("program"));
    Result<Value> result = co_await upgrading;
    co_return result;
}

Task<Result<Value>> reopen_log(CommandContext, Arguments) {
    log_reopen();
    co_return Value("Log reopened");
}

}  // namespace

void add_server_commands(CommandTable& table) {
    table.add({"status", "server", "Version, uptime, listeners, storage", {}, status, true});
    table.add({"stats", "server", "Totals since the start",
               {{"name", ArgType::text, "just this one: onlineusers, ...; or memory: bytes per connection, by owner", true}}, stats, true});
    table.add({"set_loglevel", "server", "Log more or less from now on",
               {{"loglevel", ArgType::text, "debug, info, warning, error, critical or none"}}, set_loglevel});
    table.add({"get_loglevel", "server", "The log level", {}, get_loglevel});
    table.add({"reload_config", "server", "Apply the configuration file without dropping a connection", {}, reload_config});
    table.add({"reopen_log", "server", "Open the log file anew (rotation)", {}, reopen_log});
    table.add({"upgrade", "server", "Another program takes over, and no connection notices",
               {{"program", ArgType::text, "its whole path (none: the installed one), or --back: the previous one", true}}, upgrade});
    table.add({"stop", "server", "End all streams in good order and exit", {}, stop});
}

}  // namespace rookery
