// The server itself.
#include "admin/commands.h"
#include "base/log.h"
#include "core/shard.h"

namespace rookery {
namespace {

constexpr std::string_view level_names[] = {"debug", "info", "warning", "error", "critical", "none"};

Task<Result<Value>> status(CommandContext context, Arguments) {
    co_return context.server.status();
}

struct Totals {
    ShardCounters counters;
    std::size_t sessions = 0;
};

Task<Result<Value>> stats(CommandContext context, Arguments) {
    ShardCounters sum;
    std::size_t sessions = 0;
    const auto read = [](Shard& shard) { return Totals{shard.counters(), shard.session_count()}; };
    for (unsigned i = 0; i < context.shards.count(); ++i) {
        const Totals totals = co_await context.shards.on(i, read);
        const ShardCounters& part = totals.counters;
        sum.messages += part.messages;
        sum.presences += part.presences;
        sum.iqs += part.iqs;
        sum.delivered += part.delivered;
        sum.undelivered += part.undelivered;
        sum.refused += part.refused;
        sum.logins += part.logins;
        sessions += totals.sessions;
    }
    Value result = Value::object();
    result.set("onlineusers", sessions);
    result.set("logins", sum.logins);
    result.set("messages", sum.messages);
    result.set("presences", sum.presences);
    result.set("iqs", sum.iqs);
    result.set("delivered", sum.delivered);
    result.set("undelivered", sum.undelivered);
    result.set("refused", sum.refused);
    std::uint64_t registered = 0;
    for (const auto& host : context.shards.at(0).hosts()) {
        Result<std::uint64_t> count = co_await context.stores.accounts.count(host->domain());
        if (!count.ok()) co_return std::move(count).error();
        registered += *count;
    }
    result.set("registeredusers", registered);
    co_return result;
}

Task<Result<Value>> set_loglevel(CommandContext, Arguments args) {
    for (std::size_t i = 0; i < std::size(level_names); ++i) {
        if (args.text("level") != level_names[i]) continue;
        set_log_level(static_cast<LogLevel>(i));
        co_return Value("Log level: " + args.text("level"));
    }
    co_return Error(ErrorCode::invalid, "'level' must be debug, info, warning, error, critical or none");
}

Task<Result<Value>> get_loglevel(CommandContext, Arguments) {
    co_return Value(level_names[static_cast<std::size_t>(log_level())]);
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

Task<Result<Value>> reopen_log(CommandContext, Arguments) {
    log_reopen();
    co_return Value("Log reopened");
}

}  // namespace

void add_server_commands(CommandTable& table) {
    table.add({"status", "server", "Version, uptime, listeners, storage", {}, status});
    table.add({"stats", "server", "Totals since the start", {}, stats});
    table.add({"set_loglevel", "server", "Log more or less from now on",
               {{"level", ArgType::text, "debug, info, warning, error, critical or none"}}, set_loglevel});
    table.add({"get_loglevel", "server", "The log level", {}, get_loglevel});
    table.add({"reload_config", "server", "Apply the configuration file without dropping a connection", {}, reload_config});
    table.add({"reopen_log", "server", "Open the log file anew (rotation)", {}, reopen_log});
    table.add({"stop", "server", "End all streams in good order and exit", {}, stop});
}

}  // namespace rookery
