#include "storage/document_store.h"

#include <algorithm>

#include "storage/owner.h"
#include "storage/sql/database.h"

namespace rookery {
namespace {

constexpr Sql select_document =
    "SELECT document.body, document.version FROM account JOIN document ON document.owner = account.id "
    "WHERE account.domain = ?1 AND account.local = ?2 AND document.key = ?3";
// The domain's own row, made with its first document.
constexpr Sql insert_domain =
    "INSERT INTO account (domain, local, created) VALUES (?1, ?2, ?3) ON CONFLICT (domain, local) DO NOTHING";
constexpr Sql next_version =
    "UPDATE account SET document_version = document_version + 1 WHERE domain = ?1 AND local = ?2 "
    "RETURNING document_version";
constexpr Sql expect_version =
    "SELECT document.key FROM account JOIN document ON document.owner = account.id "
    "WHERE account.domain = ?1 AND account.local = ?2 AND document.key = ?3 AND document.version = ?4";
constexpr Sql expect_none =
    "SELECT account.id FROM account WHERE account.domain = ?1 AND account.local = ?2 "
    "AND NOT EXISTS (SELECT 1 FROM document WHERE document.owner = account.id AND document.key = ?3)";
constexpr Sql upsert_document =
    "INSERT INTO document (owner, key, version, bytes, body) "
    "SELECT id, ?3, document_version, ?4, ?5 FROM account WHERE domain = ?1 AND local = ?2 "
    "ON CONFLICT (owner, key) DO UPDATE "
    "SET version = excluded.version, bytes = excluded.bytes, body = excluded.body";
// `bytes` stands before `body` in its rows, so this reads no bodies.
constexpr Sql within_limits =
    "SELECT count(*) FROM document WHERE owner = (SELECT id FROM account WHERE domain = ?1 AND local = ?2) "
    "HAVING count(*) <= ?3 AND sum(bytes) <= ?4";
constexpr Sql delete_document =
    "DELETE FROM document WHERE owner = (SELECT id FROM account WHERE domain = ?1 AND local = ?2) AND key = ?3";
constexpr Sql select_keys =
    "SELECT document.key, document.version, document.bytes "
    "FROM account JOIN document ON document.owner = account.id "
    "WHERE account.domain = ?1 AND account.local = ?2 AND substr(document.key, 1, length(?3)) = ?3 "
    "ORDER BY document.key";

constexpr Sql select_owners =
    "SELECT account.local FROM account JOIN document ON document.owner = account.id AND document.key = ?2 "
    "WHERE account.domain = ?1 AND account.local > ?3 ORDER BY account.local LIMIT ?4";

Statement expectation(const Jid& owner, const std::string& key, std::uint64_t version) {
    if (version == 0) return of_owner(expect_none, owner, key).must_change(ErrorCode::conflict, "it exists already");
    return of_owner(expect_version, owner, key, version).must_change(ErrorCode::conflict, "its version is another one");
}

}  // namespace

Task<Result<Document>> DocumentStore::load(Jid owner, std::string key) {
    if (!is_account_or_domain(owner)) co_return not_an_owner(owner);
    Result<Rows> rows = co_await database_.query(of_owner(select_document, owner, std::move(key)));
    if (!rows) co_return std::move(rows).error();
    if (rows->empty()) co_return Error(ErrorCode::not_found, "no such document");
    co_return Document(rows->at(0, 0).take_text(), static_cast<std::uint64_t>(rows->at(0, 1).integer()));
}

Task<Result<std::uint64_t>> DocumentStore::put(Jid owner, std::string key, std::string body,
                                               std::optional<std::uint64_t> expected, DocumentLimits limits) {
    if (!is_account_or_domain(owner)) co_return not_an_owner(owner);
    const std::size_t bytes = key.size() + body.size();
    std::vector<Statement> work;
    if (owner.is_domain()) work.push_back(of_owner(insert_domain, owner, 0));
    const std::size_t version_at = work.size();
    work.push_back(of_owner(next_version, owner).must_change(ErrorCode::not_found, "no such account"));
    if (expected) work.push_back(expectation(owner, key, *expected));
    work.push_back(of_owner(upsert_document, owner, std::move(key), bytes, std::move(body)));
    work.push_back(of_owner(within_limits, owner, limits.documents, limits.bytes)
                       .must_change(ErrorCode::limit, "too many documents, or too large"));
    Result<std::vector<WriteOutcome>> done = co_await database_.write(std::move(work));
    if (!done) co_return std::move(done).error();
    co_return static_cast<std::uint64_t>((*done)[version_at].rows.at(0, 0).integer());
}

Task<Result<void>> DocumentStore::remove(Jid owner, std::string key) {
    if (!is_account_or_domain(owner)) co_return not_an_owner(owner);
    Statement work = of_owner(delete_document, owner, std::move(key));
    co_return done_or_error(
        co_await database_.change(std::move(work).must_change(ErrorCode::not_found, "no such document")));
}

Task<Result<std::vector<DocumentInfo>>> DocumentStore::list(Jid owner, std::string prefix) {
    if (!is_account_or_domain(owner)) co_return not_an_owner(owner);
    Result<Rows> rows = co_await database_.query(of_owner(select_keys, owner, std::move(prefix)));
    if (!rows) co_return std::move(rows).error();
    std::vector<DocumentInfo> all;
    all.reserve(rows->size());
    for (std::size_t row = 0; row < rows->size(); ++row) {
        all.emplace_back(rows->at(row, 0).take_text(), static_cast<std::uint64_t>(rows->at(row, 1).integer()),
                         static_cast<std::size_t>(rows->at(row, 2).integer()));
    }
    co_return all;
}

Task<Result<std::vector<Jid>>> DocumentStore::find_owners(std::string domain, std::string key, std::string after_local,
                                                          std::size_t max) {
    Statement select(select_owners, domain, std::move(key), std::move(after_local), std::min(max, max_owners));
    Result<Rows> rows = co_await database_.query(std::move(select));
    if (!rows) co_return std::move(rows).error();
    std::vector<Jid> owners;
    for (std::size_t row = 0; row < rows->size(); ++row)
        if (std::optional<Jid> jid = Jid::make(rows->at(row, 0).text(), domain)) owners.push_back(std::move(*jid));
    co_return owners;
}

}  // namespace rookery
