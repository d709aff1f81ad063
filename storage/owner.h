// What the stores share: how an owner's address becomes ?1 (domain) and ?2 (local part) of a statement.
#pragma once

#include <string>

#include "storage/sql/statement.h"
#include "xmpp/jid.h"

namespace rookery {

inline bool is_account(const Jid& jid) { return jid.is_bare() && !jid.local().empty(); }
inline bool is_account_or_domain(const Jid& jid) { return jid.is_bare() && !jid.empty(); }

inline Error not_an_owner(const Jid& jid) { return Error(ErrorCode::invalid, "not an owner of data: " + jid.to_string()); }
inline Error no_account() { return Error(ErrorCode::not_found, "no such account"); }

template <class... Values>
Statement of_owner(Sql sql, const Jid& owner, Values&&... values) {
    return Statement(sql, owner.domain(), owner.local(), std::forward<Values>(values)...);
}

// The answer of a write when only success matters.
inline Result<void> done_or_error(Result<WriteOutcome> outcome) {
    if (!outcome) return std::move(outcome).error();
    return {};
}
inline Result<void> done_or_error(Result<std::vector<WriteOutcome>> outcomes) {
    if (!outcomes) return std::move(outcomes).error();
    return {};
}

}  // namespace rookery
