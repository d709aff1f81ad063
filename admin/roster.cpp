// Rosters from outside.
#include "admin/commands.h"
#include "core/shard.h"

namespace rookery {
namespace {

constexpr const char* subscription_names[] = {"none", "to", "from", "both"};

Task<Result<Value>> get_roster(CommandContext context, Arguments args) {
    Result<Jid> account = account_of(context, args);
    if (!account.ok()) co_return std::move(account).error();
    Result<Roster> roster = co_await context.stores.roster.load(*account);
    if (!roster.ok()) co_return std::move(roster).error();
    Value rows = Value::list();
    for (const RosterItem& item : roster->items) {
        Value groups = Value::list();
        for (const std::string& group : item.groups) groups.append(group);
        Value row = Value::object();
        row.set("jid", item.contact.str());
        row.set("nick", item.name);
        row.set("subscription", subscription_names[static_cast<int>(item.subscription)]);
        row.set("ask", item.ask_subscribe ? "out" : "none");
        row.set("groups", std::move(groups));
        rows.append(std::move(row));
    }
    co_return rows;
}

}  // namespace

void add_roster_commands(CommandTable& table) {
    const CommandArg user{"user", ArgType::text, "user name, without the domain"};
    const CommandArg host{"host", ArgType::text, "domain of this server"};
    table.add({"get_roster", "roster", "A user's contacts", {user, host}, get_roster});
}

}  // namespace rookery
