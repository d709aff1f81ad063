// The administrator's verbs (core/command.h), by group. ejabberd's names, arguments and results where the meaning is equal.
#pragma once

#include "core/command.h"
#include "xmpp/jid.h"

namespace rookery {

// All verbs of this program: those below and the modules' own.
CommandTable make_command_table();

void add_account_commands(CommandTable& table);
void add_session_commands(CommandTable& table);
void add_roster_commands(CommandTable& table);
void add_message_commands(CommandTable& table);
void add_component_commands(CommandTable& table);
void add_server_commands(CommandTable& table);
void add_queue_commands(CommandTable& table);

// Ok, or not_found: no such account.
Task<Result<void>> check_exists(CommandContext context, Jid account);

// The account named by arguments `user` and `host`; invalid when that is no address or the host is not ours.
Result<Jid> account_of(const CommandContext& context, const Arguments& args);

}  // namespace rookery
