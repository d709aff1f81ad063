#include "storage/queue_store.h"

#include "storage/owner.h"
#include "storage/sql/database.h"

namespace rookery {
namespace {

// account.queue_messages and .queue_bytes are the owner's totals, changed in the same transaction as its rows, so that
// a full queue costs an append no more than an empty one.
constexpr Sql add_to_total =
    "UPDATE account SET queue_messages = queue_messages + 1, queue_bytes = queue_bytes + ?3 "
    "WHERE domain = ?1 AND local = ?2";
constexpr Sql insert_message =
    "INSERT INTO queue (owner, stamp, bytes, stanza) SELECT id, ?3, ?4, ?5 FROM account "
    "WHERE domain = ?1 AND local = ?2 AND queue_messages <= ?6 AND queue_bytes <= ?7 RETURNING id";
constexpr Sql select_messages =
    "SELECT queue.id, queue.stamp, queue.stanza FROM account JOIN queue ON queue.owner = account.id "
    "WHERE account.domain = ?1 AND account.local = ?2 AND queue.id > ?3 ORDER BY queue.id LIMIT ?4";
constexpr Sql select_total = "SELECT queue_messages, queue_bytes FROM account WHERE domain = ?1 AND local = ?2";
constexpr Sql delete_through =
    "DELETE FROM queue WHERE owner = (SELECT id FROM account WHERE domain = ?1 AND local = ?2) AND id <= ?3";
constexpr Sql delete_one =
    "DELETE FROM queue WHERE owner = (SELECT id FROM account WHERE domain = ?1 AND local = ?2) AND id = ?3";
constexpr Sql delete_all = "DELETE FROM queue WHERE owner = (SELECT id FROM account WHERE domain = ?1 AND local = ?2)";
constexpr Sql count_again =
    "UPDATE account SET queue_messages = (SELECT count(*) FROM queue WHERE queue.owner = account.id), "
    "queue_bytes = (SELECT coalesce(sum(bytes), 0) FROM queue WHERE queue.owner = account.id) "
    "WHERE domain = ?1 AND local = ?2";
constexpr Sql take_old_from_totals =
    "WITH old AS (SELECT owner, bytes FROM queue WHERE stamp < ?1 ORDER BY stamp, id LIMIT ?2) "
    "UPDATE account SET queue_messages = queue_messages - (SELECT count(*) FROM old WHERE old.owner = account.id), "
    "queue_bytes = queue_bytes - (SELECT sum(bytes) FROM old WHERE old.owner = account.id) "
    "WHERE id IN (SELECT owner FROM old)";
constexpr Sql delete_old =
    "DELETE FROM queue WHERE id IN (SELECT id FROM queue WHERE stamp < ?1 ORDER BY stamp, id LIMIT ?2)";

// How many rows the statements before the last one removed; the last one counts again.
Result<std::uint64_t> removed(const Result<std::vector<WriteOutcome>>& outcomes) {
    if (!outcomes) return outcomes.error();
    std::int64_t rows = 0;
    for (std::size_t i = 0; i + 1 < outcomes->size(); ++i) rows += (*outcomes)[i].changed;
    return static_cast<std::uint64_t>(rows);
}

Statement counted_again(const Jid& owner) {
    return of_owner(count_again, owner).must_change(ErrorCode::not_found, "no such account");
}

}  // namespace

Task<Result<std::uint64_t>> QueueStore::append(Jid owner, WallTime stamp, std::string stanza_xml,
                                               std::size_t max_messages, std::size_t max_bytes) {
    if (!is_account(owner)) co_return not_an_owner(owner);
    const std::size_t bytes = stanza_xml.size();
    std::vector<Statement> work =
        together(of_owner(add_to_total, owner, bytes).must_change(ErrorCode::not_found, "no such account"),
                 of_owner(insert_message, owner, stamp, bytes, std::move(stanza_xml), max_messages, max_bytes)
                     .must_change(ErrorCode::limit, "the queue of the account is full"));
    Result<std::vector<WriteOutcome>> done = co_await database_.write(std::move(work));
    if (!done) co_return std::move(done).error();
    co_return static_cast<std::uint64_t>(done->back().rows.at(0, 0).integer());
}

Task<Result<std::vector<QueuedMessage>>> QueueStore::load(Jid owner, std::uint64_t after_id, std::size_t max) {
    if (!is_account(owner)) co_return not_an_owner(owner);
    Result<Rows> rows = co_await database_.query(of_owner(select_messages, owner, after_id, max));
    if (!rows) co_return std::move(rows).error();
    std::vector<QueuedMessage> messages;
    messages.reserve(rows->size());
    for (std::size_t row = 0; row < rows->size(); ++row) {
        messages.emplace_back(static_cast<std::uint64_t>(rows->at(row, 0).integer()),
                              from_micros(rows->at(row, 1).integer()), rows->at(row, 2).take_text());
    }
    co_return messages;
}

Task<Result<QueueSize>> QueueStore::count(Jid owner) {
    if (!is_account(owner)) co_return not_an_owner(owner);
    Result<Rows> rows = co_await database_.query(of_owner(select_total, owner));
    if (!rows) co_return std::move(rows).error();
    if (rows->empty()) co_return no_account();
    co_return QueueSize(static_cast<std::uint64_t>(rows->at(0, 0).integer()),
                        static_cast<std::uint64_t>(rows->at(0, 1).integer()));
}

Task<Result<std::uint64_t>> QueueStore::remove_through(Jid owner, std::uint64_t id) {
    if (!is_account(owner)) co_return not_an_owner(owner);
    std::vector<Statement> work = together(of_owner(delete_through, owner, id), counted_again(owner));
    co_return removed(co_await database_.write(std::move(work)));
}

Task<Result<std::uint64_t>> QueueStore::remove(Jid owner, std::vector<std::uint64_t> ids) {
    if (!is_account(owner)) co_return not_an_owner(owner);
    if (ids.size() > max_ids) co_return Error(ErrorCode::invalid, "too many ids in one call");
    std::vector<Statement> work;
    work.reserve(ids.size() + 1);
    for (const std::uint64_t id : ids) work.push_back(of_owner(delete_one, owner, id));
    work.push_back(counted_again(owner));
    co_return removed(co_await database_.write(std::move(work)));
}

Task<Result<std::uint64_t>> QueueStore::remove_all(Jid owner) {
    if (!is_account(owner)) co_return not_an_owner(owner);
    std::vector<Statement> work = together(of_owner(delete_all, owner), counted_again(owner));
    co_return removed(co_await database_.write(std::move(work)));
}

Task<Result<std::uint64_t>> QueueStore::remove_older(WallTime before) {
    std::vector<Statement> work =
        together(Statement(take_old_from_totals, before, max_slice), Statement(delete_old, before, max_slice));
    Result<std::vector<WriteOutcome>> done = co_await database_.write(std::move(work));
    if (!done) co_return std::move(done).error();
    co_return static_cast<std::uint64_t>(done->back().changed);
}

}  // namespace rookery
