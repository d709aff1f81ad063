// What is done to accounts as such: created, given another password, disabled, removed. In-band registration, ad-hoc
// commands and the administrator's verbs all come through here.
// Called on any shard's loop and resumed there; what touches the account in memory runs on its home shard. Accounts
// are bare JIDs with a local part (else invalid); those of other domains are not_found. Storage's errors are passed on.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/task.h"
#include "xmpp/jid.h"
#include "xmpp/stream_error.h"

namespace rookery {

class Shards;

// The address for a new account, by the name as it was typed: normalising it first would hide what makes it unfit
// (nodeprep drops a zero-width joiner that RFC 8265 refuses). nullopt: not fit (Jid::may_register), or no domain.
std::optional<Jid> new_account_address(std::string_view name, std::string_view domain);

// invalid: no name for a new account (Jid::may_register) or no fit password; conflict: it exists.
Task<Result<void>> create_account(Shards& shards, Jid account, std::string password);

// Whoever is in by the old password is out: closes all sessions but `keep_session` (Session::id; 0: none). invalid,
// not_found.
Task<Result<void>> change_password(Shards& shards, Jid account, std::string password, std::uint64_t keep_session = 0);

// Nobody can log in any more, and who is in is thrown out. Nothing stored is touched. not_found.
Task<Result<void>> disable_account(Shards& shards, Jid account, std::string reason);
Task<Result<void>> enable_account(Shards& shards, Jid account);

enum class Farewell {
    now,          // sessions are closed before the answer
    after_reply,  // the session that asks hears the answer first; what follows the rows' removal comes a turn later
};
// Rows first, so that nobody can come back; then sessions, the account_removed hook, and the contacts are told
// (XEP-0077 3.2, RFC 6121 section 3). not_found.
Task<Result<void>> remove_account(Shards& shards, Jid account, Farewell farewell = Farewell::now);

// Closes the sessions of a bare JID, or the one of a full JID; how many there were.
Task<std::size_t> close_sessions(Shards& shards, Jid who, StreamError error);

}  // namespace rookery
