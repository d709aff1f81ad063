// Accounts: who may log in, with which SCRAM keys (RFC 5802; passwords are not stored), and when they were last here.
// Every call takes a bare JID with a local part; anything else is ErrorCode::invalid. Other stores keep their rows
// under the account: they refuse an owner without one (not_found), and remove() takes all of it away.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "base/task.h"
#include "xmpp/jid.h"
#include "xmpp/sasl/credentials.h"

namespace rookery {

class Database;

struct Login {
    std::vector<ScramKeys> keys;  // at most one for each hash; none: the account cannot log in by password
    bool disabled = false;
    std::string disabled_reason;
    WallTime created;

    Login() = default;
};

struct LastActivity {
    WallTime at;
    std::string status;

    LastActivity(WallTime when, std::string text) : at(when), status(std::move(text)) {}
};

class AccountStore {
public:
    explicit AccountStore(Database& database) : database_(database) {}

    Task<Result<void>> create(Jid account, std::vector<ScramKeys> keys, WallTime now);  // conflict: exists already
    Task<Result<Login>> load_login(Jid account);                                        // one round trip; not_found
    Task<Result<bool>> exists(Jid account);
    Task<Result<void>> set_keys(Jid account, std::vector<ScramKeys> keys);  // replaces all; not_found

    Task<Result<void>> disable(Jid account, std::string reason);  // not_found; a second call replaces the reason
    Task<Result<void>> enable(Jid account);                       // not_found
    // The account and everything stored for it, of every kind, in one transaction; not_found.
    Task<Result<void>> remove(Jid account);

    // Local parts after `after` in byte order, at most `limit`; start with "".
    Task<Result<std::vector<std::string>>> list(std::string domain, std::string after, std::size_t limit);
    Task<Result<std::uint64_t>> count(std::string domain);

    Task<Result<void>> set_last(Jid account, WallTime at, std::string status);  // not_found
    Task<Result<LastActivity>> load_last(Jid account);                          // not_found: no account, or never seen

private:
    Database& database_;
};

}  // namespace rookery
