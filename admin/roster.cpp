// Rosters from outside.
#include <algorithm>

#include "admin/commands.h"
#include "core/account.h"
#include "core/shard.h"
#include "core/subscription.h"

namespace rookery {
namespace {

Value row_of(const RosterItem& item, const char* pending) {
    Value groups = Value::list();
    for (const std::string& group : item.groups) groups.append(group);
    Value row = Value::object();
    row.set("jid", item.contact.str());
    row.set("nick", item.name);
    row.set("subscription", to_string(item.subscription));
    row.set("pending", pending);
    row.set("groups", std::move(groups));
    return row;
}

bool has_asked(const Roster& roster, const Jid& contact) {
    return std::ranges::find(roster.requests, contact, &PendingRequest::from) != roster.requests.end();
}

const char* pending(const RosterItem& item, bool in) {
    if (item.ask_subscribe) return in ? "both" : "out";
    return in ? "in" : "none";
}

// Contacts, and who has asked to become one.
Value rows_of(const Roster& roster) {
    Value rows = Value::list();
    for (const RosterItem& item : roster.items) rows.append(row_of(item, pending(item, has_asked(roster, item.contact))));
    for (const PendingRequest& request : roster.requests)
        if (!find_item(roster, request.from)) rows.append(row_of(RosterItem(request.from), "in"));
    return rows;
}

Task<Result<Value>> get_roster(CommandContext context, Arguments args) {
    Result<Jid> account = account_of(context, args);
    if (!account.ok()) co_return std::move(account).error();
    Result<Roster> roster = co_await context.stores.roster.load(*account);
    if (!roster.ok() && roster.error().code == ErrorCode::not_found)
        co_return Error(ErrorCode::not_found, account->to_string() + " does not exist");
    if (!roster.ok()) co_return std::move(roster).error();
    co_return rows_of(*roster);
}

}  // namespace

void add_roster_commands(CommandTable& table) {
    const CommandArg user{"user", ArgType::text, "user name, without the domain"};
    const CommandArg host{"host", ArgType::text, "domain of this server"};
    table.add({"get_roster", "roster", "A user's contacts, and who asks to be one", {user, host}, get_roster});
}

}  // namespace rookery
