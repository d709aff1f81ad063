#include "storage/account_store.h"

#include "storage/log_text.h"
#include "storage/owner.h"
#include "storage/sql/database.h"

namespace rookery {
namespace {

constexpr Sql insert_account = "INSERT INTO account (domain, local, created) VALUES (?1, ?2, ?3)";
constexpr Sql touch_account = "UPDATE account SET created = created WHERE domain = ?1 AND local = ?2";
constexpr Sql insert_key =
    "INSERT INTO scram_key (owner, hash, salt, iterations, stored_key, server_key) "
    "SELECT id, ?3, ?4, ?5, ?6, ?7 FROM account WHERE domain = ?1 AND local = ?2";
constexpr Sql delete_keys =
    "DELETE FROM scram_key WHERE owner = (SELECT id FROM account WHERE domain = ?1 AND local = ?2)";
// The account, or the next one by name, or else the first: a name that does not exist costs as much as one that does,
// or the time would tell a stranger who is here.
constexpr Sql select_login =
    "SELECT account.created, account.disabled_reason, "
    "scram_key.hash, scram_key.salt, scram_key.iterations, scram_key.stored_key, scram_key.server_key, account.local "
    "FROM account LEFT JOIN scram_key ON scram_key.owner = account.id WHERE account.id = coalesce("
    "(SELECT id FROM account WHERE domain = ?1 AND local >= ?2 ORDER BY local LIMIT 1), "
    "(SELECT id FROM account WHERE domain = ?1 AND local > '' ORDER BY local LIMIT 1)) ORDER BY scram_key.hash";
constexpr Sql select_exists = "SELECT id FROM account WHERE domain = ?1 AND local = ?2";
constexpr Sql set_disabled = "UPDATE account SET disabled_reason = ?3 WHERE domain = ?1 AND local = ?2";
constexpr Sql delete_account = "DELETE FROM account WHERE domain = ?1 AND local = ?2";
constexpr Sql select_locals =
    "SELECT local FROM account WHERE domain = ?1 AND local > ?2 AND local <> '' ORDER BY local LIMIT ?3";
constexpr Sql count_locals = "SELECT count(*) FROM account WHERE domain = ?1 AND local <> ''";
constexpr Sql update_last = "UPDATE account SET last_at = ?3, last_status = ?4 WHERE domain = ?1 AND local = ?2";
constexpr Sql select_last =
    "SELECT last_at, last_status FROM account WHERE domain = ?1 AND local = ?2 AND last_at IS NOT NULL";

// Written in the database: never to be changed.
std::int64_t stored_number(HashAlgorithm hash) {
    switch (hash) {
        case HashAlgorithm::sha1:
            return 1;
        case HashAlgorithm::sha256:
            return 256;
        case HashAlgorithm::sha512:
            return 512;
    }
    return 0;
}

std::optional<HashAlgorithm> hash_of(std::int64_t number) {
    switch (number) {
        case 1:
            return HashAlgorithm::sha1;
        case 256:
            return HashAlgorithm::sha256;
        case 512:
            return HashAlgorithm::sha512;
        default:
            return std::nullopt;  // of a newer release
    }
}

Statement store_key(const Jid& account, ScramKeys keys) {
    return of_owner(insert_key, account, stored_number(keys.algorithm), Blob(std::move(keys.salt)), keys.iterations,
                    Blob(std::move(keys.stored_key)), Blob(std::move(keys.server_key)));
}

constexpr std::size_t login_local = 7;

Login make_login(Rows& rows) {
    Login login;
    login.created = from_micros(rows.at(0, 0).integer());
    login.disabled = !rows.at(0, 1).is_null();
    login.disabled_reason = rows.at(0, 1).take_text();
    for (std::size_t row = 0; row < rows.size(); ++row) {
        const std::optional<HashAlgorithm> hash = hash_of(rows.at(row, 2).integer());
        if (!hash) continue;
        login.keys.emplace_back(*hash, rows.at(row, 3).take_blob(), static_cast<int>(rows.at(row, 4).integer()),
                                rows.at(row, 5).take_blob(), rows.at(row, 6).take_blob());
    }
    return login;
}

}  // namespace

Task<Result<void>> AccountStore::create(Jid account, std::vector<ScramKeys> keys, WallTime now) {
    if (!is_account(account)) co_return not_an_owner(account);
    std::vector<Statement> work = together(of_owner(insert_account, account, now));
    for (ScramKeys& one : keys) work.push_back(store_key(account, std::move(one)));
    co_return done_or_error(co_await database_.write(std::move(work)));
}

Task<Result<Login>> AccountStore::load_login(Jid account) {
    if (!is_account(account)) co_return not_an_owner(account);
    Result<Rows> rows = co_await database_.query(of_owner(select_login, account));
    if (!rows) co_return std::move(rows).error();
    if (rows->empty()) co_return no_account();
    Login login = make_login(*rows);
    if (rows->at(0, login_local).text() != account.local()) co_return no_account();
    co_return login;
}

Task<Result<bool>> AccountStore::exists(Jid account) {
    if (!is_account(account)) co_return not_an_owner(account);
    Result<Rows> rows = co_await database_.query(of_owner(select_exists, account));
    if (!rows) co_return std::move(rows).error();
    co_return !rows->empty();
}

Task<Result<void>> AccountStore::set_keys(Jid account, std::vector<ScramKeys> keys) {
    if (!is_account(account)) co_return not_an_owner(account);
    std::vector<Statement> work =
        together(of_owner(touch_account, account).must_change(ErrorCode::not_found, "no such account"),
                 of_owner(delete_keys, account));
    for (ScramKeys& one : keys) work.push_back(store_key(account, std::move(one)));
    co_return done_or_error(co_await database_.write(std::move(work)));
}

Task<Result<void>> AccountStore::disable(Jid account, std::string reason) {
    if (!is_account(account)) co_return not_an_owner(account);
    Statement work = of_owner(set_disabled, account, std::move(reason));
    co_return done_or_error(
        co_await database_.change(std::move(work).must_change(ErrorCode::not_found, "no such account")));
}

Task<Result<void>> AccountStore::enable(Jid account) {
    if (!is_account(account)) co_return not_an_owner(account);
    Statement work = of_owner(set_disabled, account, SqlValue());
    co_return done_or_error(
        co_await database_.change(std::move(work).must_change(ErrorCode::not_found, "no such account")));
}

Task<Result<void>> AccountStore::remove(Jid account) {
    if (!is_account(account)) co_return not_an_owner(account);
    Statement removal = of_owner(delete_account, account);  // every table's rows go with it: ON DELETE CASCADE
    std::vector<Statement> work = together(of_owner(delete_texts_of_account, account),
                                           std::move(removal).must_change(ErrorCode::not_found, "no such account"));
    co_return done_or_error(co_await database_.write(std::move(work)));
}

Task<Result<std::vector<std::string>>> AccountStore::list(std::string domain, std::string after, std::size_t limit) {
    Statement select(select_locals, std::move(domain), std::move(after), limit);
    Result<Rows> rows = co_await database_.query(std::move(select));
    if (!rows) co_return std::move(rows).error();
    std::vector<std::string> locals;
    locals.reserve(rows->size());
    for (std::size_t row = 0; row < rows->size(); ++row) locals.push_back(rows->at(row, 0).take_text());
    co_return locals;
}

Task<Result<std::uint64_t>> AccountStore::count(std::string domain) {
    Statement select(count_locals, std::move(domain));
    Result<Rows> rows = co_await database_.query(std::move(select));
    if (!rows) co_return std::move(rows).error();
    co_return static_cast<std::uint64_t>(rows->at(0, 0).integer());
}

Task<Result<void>> AccountStore::set_last(Jid account, WallTime at, std::string status) {
    if (!is_account(account)) co_return not_an_owner(account);
    Statement work = of_owner(update_last, account, at, std::move(status));
    co_return done_or_error(
        co_await database_.change(std::move(work).must_change(ErrorCode::not_found, "no such account")));
}

Task<Result<LastActivity>> AccountStore::load_last(Jid account) {
    if (!is_account(account)) co_return not_an_owner(account);
    Result<Rows> rows = co_await database_.query(of_owner(select_last, account));
    if (!rows) co_return std::move(rows).error();
    if (rows->empty()) co_return Error(ErrorCode::not_found, "no last activity");
    co_return LastActivity(from_micros(rows->at(0, 0).integer()), rows->at(0, 1).take_text());
}

}  // namespace rookery
