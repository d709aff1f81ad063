// Accounts: who exists, and with which password.
#include "admin/commands.h"
#include "core/account_admin.h"
#include "core/shard.h"
#include "xmpp/sasl/credentials.h"

namespace rookery {
namespace {

constexpr std::size_t page = 1'000;

Task<Result<Value>> register_account(CommandContext context, Arguments args) {
    Result<Jid> account = account_of(context, args);
    if (!account.ok()) co_return std::move(account).error();
    if (!new_account_address(args.text("user"), args.text("host")))
        co_return Error(ErrorCode::invalid, "'" + args.text("user") + "' is not fit to be the name of an account");
    Result<void> made = co_await create_account(context.shards, *account, args.text("password"));
    if (!made.ok()) co_return std::move(made).error();
    co_return Value("User " + account->to_string() + " successfully registered");
}

Task<Result<Value>> unregister_account(CommandContext context, Arguments args) {
    Result<Jid> account = account_of(context, args);
    if (!account.ok()) co_return std::move(account).error();
    Result<void> removed = co_await remove_account(context.shards, *account);
    if (!removed.ok()) co_return std::move(removed).error();
    co_return Value("User " + account->to_string() + " removed");
}

Task<Result<Value>> change_account_password(CommandContext context, Arguments args) {
    Result<Jid> account = account_of(context, args);
    if (!account.ok()) co_return std::move(account).error();
    Result<void> changed = co_await change_password(context.shards, *account, args.text("newpass"));
    if (!changed.ok()) co_return std::move(changed).error();
    co_return Value("Password of " + account->to_string() + " changed");
}

Task<Result<Value>> ban_account(CommandContext context, Arguments args) {
    Result<Jid> account = account_of(context, args);
    if (!account.ok()) co_return std::move(account).error();
    Result<void> banned = co_await disable_account(context.shards, *account, args.text("reason"));
    if (!banned.ok()) co_return std::move(banned).error();
    co_return Value("User " + account->to_string() + " banned");
}

Task<Result<Value>> unban_account(CommandContext context, Arguments args) {
    Result<Jid> account = account_of(context, args);
    if (!account.ok()) co_return std::move(account).error();
    Result<void> enabled = co_await enable_account(context.shards, *account);
    if (!enabled.ok()) co_return std::move(enabled).error();
    co_return Value("User " + account->to_string() + " may log in again");
}

Task<Result<Value>> check_account(CommandContext context, Arguments args) {
    Result<Jid> account = account_of(context, args);
    if (!account.ok()) co_return std::move(account).error();
    Result<void> exists = co_await check_exists(context, *account);
    if (!exists.ok()) co_return std::move(exists).error();
    co_return Value(account->to_string() + " exists");
}

Task<Result<Value>> registered_users(CommandContext context, Arguments args) {
    std::string domain = args.text("host");
    if (!context.shards.at(0).find_host(domain)) co_return Error(ErrorCode::not_found, "no host '" + domain + "'");
    Value users = Value::list();
    std::string after;
    while (true) {
        Result<std::vector<std::string>> names = co_await context.stores.accounts.list(domain, after, page);
        if (!names.ok()) co_return std::move(names).error();
        for (const std::string& name : *names) users.append(name);
        if (names->size() < page) break;
        after = names->back();
    }
    co_return users;
}

Task<Result<Value>> registered_vhosts(CommandContext context, Arguments) {
    Value hosts = Value::list();
    for (const auto& host : context.shards.at(0).hosts()) hosts.append(host->domain());
    co_return hosts;
}

}  // namespace

void add_account_commands(CommandTable& table) {
    const CommandArg user{"user", ArgType::text, "user name, without the domain"};
    const CommandArg host{"host", ArgType::text, "domain of this server"};
    const CommandArg password{"password", ArgType::text, "the password", false, true};
    const CommandArg new_password{"newpass", ArgType::text, "the new password", false, true};
    const CommandArg reason{"reason", ArgType::text, "kept with the account and logged", true};
    table.add({"register", "accounts", "Make an account", {user, host, password}, register_account});
    table.add({"unregister", "accounts", "Remove an account and everything stored for it", {user, host}, unregister_account});
    table.add({"change_password", "accounts", "Give an account a new password and end its sessions", {user, host, new_password}, change_account_password});
    table.add({"ban_account", "accounts", "End an account's sessions and let it log in no more", {user, host, reason}, ban_account});
    table.add({"unban_account", "accounts", "Let a banned account log in again", {user, host}, unban_account});
    table.add({"check_account", "accounts", "Does the account exist?", {user, host}, check_account});
    table.add({"registered_users", "accounts", "List the accounts of a domain", {host}, registered_users});
    table.add({"registered_vhosts", "accounts", "List the domains of this server", {}, registered_vhosts});
}

}  // namespace rookery
