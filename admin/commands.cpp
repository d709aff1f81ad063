#include "admin/commands.h"

#include "core/module_spec.h"
#include "core/shard.h"

namespace rookery {

CommandTable make_command_table() {
    CommandTable table;
    add_account_commands(table);
    add_session_commands(table);
    add_roster_commands(table);
    add_message_commands(table);
    add_component_commands(table);
    add_server_commands(table);
    add_queue_commands(table);
    for (const ModuleSpec* spec : all_modules())
        for (const Command& command : spec->commands) table.add(command);
    return table;
}

Result<Jid> account_of(const CommandContext& context, const Arguments& args) {
    std::optional<Jid> jid = Jid::make(args.text("user"), args.text("host"));
    if (!jid || jid->local().empty()) return Error(ErrorCode::invalid, "'" + args.text("user") + "' is not a user name");
    if (!context.shards.at(0).find_host(jid->domain()))
        return Error(ErrorCode::not_found, "'" + args.text("host") + "' is not a host of this server");
    return std::move(*jid);
}

Task<Result<void>> check_exists(CommandContext context, Jid account) {
    const std::string name = account.to_string();
    Result<bool> exists = co_await context.stores.accounts.exists(std::move(account));
    if (!exists.ok()) co_return std::move(exists).error();
    if (!*exists) co_return Error(ErrorCode::not_found, name + " does not exist");
    co_return Result<void>();
}

}  // namespace rookery
