#include "storage/log_store.h"

#include "storage/log_rows.h"
#include "storage/log_text.h"
#include "storage/sql/database.h"

namespace rookery {
namespace {

// Both sides' rows of a message in one statement: the stanza travels to the engine once. A row of the same origin (?1)
// that is younger than ?4 keeps the first one out; where there is no second, its values are null. (PostgreSQL would
// take values of a UNION for text.)
constexpr Sql insert_rows =
    "INSERT INTO log (origin, bytes, stanza, id, owner, peer, peer_resource, peer_hash, outgoing, archived, waiting) "
    "SELECT CAST(?1 AS BIGINT), CAST(?2 AS BIGINT), ?3, CAST(?5 AS BIGINT), account.id, ?8, ?9, CAST(?10 AS BIGINT), "
    "CAST(?11 AS BIGINT), CAST(?12 AS BIGINT), CAST(?13 AS BIGINT) FROM account "
    "WHERE account.domain = ?6 AND account.local = ?7 AND NOT EXISTS (SELECT 1 FROM log AS seen "
    "WHERE seen.origin = CAST(?1 AS BIGINT) AND seen.owner = account.id AND seen.id >= ?5 - ?4) "
    "UNION ALL SELECT NULL, CAST(?2 AS BIGINT), ?3, ?14, account.id, ?17, ?18, ?19, ?20, ?21, ?22 FROM account "
    "WHERE account.domain = ?15 AND account.local = ?16";
constexpr std::size_t values_in_insert = 22;
constexpr Sql select_origin =
    "SELECT log.id FROM account JOIN log ON log.owner = account.id "
    "WHERE account.domain = ?1 AND account.local = ?2 AND log.origin = ?3 ORDER BY log.id DESC LIMIT 1";
constexpr Sql select_present_origin =
    "SELECT log.id FROM account JOIN log ON log.owner = account.id WHERE account.domain = ?1 AND account.local = ?2 "
    "AND log.origin = ?3 AND (log.archived = 1 OR log.waiting = 1) ORDER BY log.id DESC LIMIT 1";
constexpr Sql select_account = "SELECT id FROM account WHERE domain = ?1 AND local = ?2";
// Both rows of a message are made at once: the sender's is the next he has, if it is there.
constexpr Sql select_sent =
    "SELECT found.id, coalesce(sent.id, 0) FROM account JOIN log AS found ON found.owner = account.id "
    "LEFT JOIN log AS sent ON sent.outgoing = 1 AND sent.peer = ?6 AND sent.id = ("
    "SELECT log.id FROM account JOIN log ON log.owner = account.id "
    "WHERE account.domain = ?4 AND account.local = ?5 AND log.id > found.id ORDER BY log.id LIMIT 1) "
    "WHERE account.domain = ?1 AND account.local = ?2 AND found.origin = ?3 "
    "AND (found.archived = 1 OR found.waiting = 1) ORDER BY found.id DESC LIMIT 1";

constexpr Sql select_mark =
    "SELECT coalesce(log_mark.delivered_through, 0) FROM account LEFT JOIN log_mark ON log_mark.owner = account.id "
    "WHERE account.domain = ?1 AND account.local = ?2";
constexpr Sql select_beyond =
    "SELECT log_delivered.id FROM account JOIN log_delivered ON log_delivered.owner = account.id "
    "WHERE account.domain = ?1 AND account.local = ?2 ORDER BY log_delivered.id";
constexpr Sql count_waiting =
    "SELECT count(*), coalesce(sum(log.bytes), 0) FROM account JOIN log ON log.owner = account.id "
    "WHERE account.domain = ?1 AND account.local = ?2 AND log.waiting = 1 AND log.id > "
    "coalesce((SELECT delivered_through FROM log_mark WHERE log_mark.owner = account.id), 0) "
    "AND NOT EXISTS (SELECT 1 FROM log_delivered WHERE log_delivered.owner = account.id AND log_delivered.id = log.id)";
// ?4 rows and ?5 bytes at most; the first one always.
constexpr Sql select_waiting =
    "SELECT log.id, log.stanza, log.archived FROM (SELECT old.id, sum(old.bytes) OVER (ORDER BY old.id) - old.bytes AS before "
    "FROM (SELECT log.id, log.bytes FROM log "
    "WHERE log.owner = (SELECT id FROM account WHERE domain = ?1 AND local = ?2) AND log.waiting = 1 "
    "AND log.id > coalesce((SELECT delivered_through FROM log_mark JOIN account ON account.id = log_mark.owner "
    "WHERE account.domain = ?1 AND account.local = ?2 AND delivered_through > ?3), ?3) "
    "AND NOT EXISTS (SELECT 1 FROM log_delivered WHERE log_delivered.owner = log.owner AND log_delivered.id = log.id) "
    "ORDER BY log.id LIMIT ?4) AS old) AS old JOIN log ON log.id = old.id WHERE old.before < ?5 ORDER BY log.id";

// From the watermark to ?3 (+: by the index of the owner, not by that of all that is not archived): what no archive
// keeps, without what the duplicate window (?5, counted from the new id ?4) remembers; of that, only the origin is
// kept.
constexpr Sql delete_delivered =
    "DELETE FROM log WHERE owner = (SELECT id FROM account WHERE domain = ?1 AND local = ?2) "
    "AND id > coalesce((SELECT delivered_through FROM log_mark JOIN account ON account.id = log_mark.owner "
    "WHERE account.domain = ?1 AND account.local = ?2), 0) AND id <= ?3 AND +archived = 0 "
    "AND (origin IS NULL OR id < ?4 - ?5)";
constexpr Sql forget_delivered =
    "UPDATE log SET waiting = 0, bytes = 0, stanza = '' "
    "WHERE owner = (SELECT id FROM account WHERE domain = ?1 AND local = ?2) "
    "AND id > coalesce((SELECT delivered_through FROM log_mark JOIN account ON account.id = log_mark.owner "
    "WHERE account.domain = ?1 AND account.local = ?2), 0) AND id <= ?3 AND +archived = 0";
constexpr Sql move_mark =
    "INSERT INTO log_mark (owner, delivered_through, searchable_through) "
    "SELECT id, ?3, 0 FROM account WHERE domain = ?1 AND local = ?2 "
    "ON CONFLICT (owner) DO UPDATE SET delivered_through = CASE "
    "WHEN excluded.delivered_through > log_mark.delivered_through THEN excluded.delivered_through "
    "ELSE log_mark.delivered_through END";
constexpr Sql delete_beyond =
    "DELETE FROM log_delivered WHERE owner = (SELECT id FROM account WHERE domain = ?1 AND local = ?2)";
constexpr Sql insert_beyond =
    "INSERT INTO log_delivered (owner, id) SELECT log_mark.owner, ?3 FROM account "
    "JOIN log_mark ON log_mark.owner = account.id WHERE account.domain = ?1 AND account.local = ?2 "
    "AND log_mark.delivered_through < ?3 ON CONFLICT DO NOTHING";

constexpr Sql update_stanza =
    "UPDATE log SET bytes = ?4, stanza = ?5 WHERE id = ?3 AND (archived = 1 OR waiting = 1) "
    "AND owner = (SELECT id FROM account WHERE domain = ?1 AND local = ?2)";

constexpr Sql select_unarchived_slice =
    "SELECT count(*), coalesce(max(id), 0) FROM (SELECT id FROM log WHERE archived = 0 AND id > ?1 AND id < ?2 "
    "ORDER BY id LIMIT ?3) AS old";
constexpr Sql delete_unarchived =
    "DELETE FROM log WHERE archived = 0 AND id > ?1 AND id <= ?2 AND (waiting = 0 OR id < ?3 OR id <= coalesce("
    "(SELECT delivered_through FROM log_mark WHERE log_mark.owner = log.owner), 0) OR EXISTS (SELECT 1 "
    "FROM log_delivered WHERE log_delivered.owner = log.owner AND log_delivered.id = log.id))";

bool is_writable(const LogCopy& copy) { return is_account(copy.owner) && (copy.archived || copy.waiting); }

Error not_a_row(const LogCopy& copy) {
    if (!is_account(copy.owner)) return not_an_owner(copy.owner);
    return Error(ErrorCode::invalid, "a message nobody keeps and nobody waits for: " + copy.owner.to_string());
}

SqlValue value_of(const std::optional<std::uint64_t>& origin) { return origin ? SqlValue(*origin) : SqlValue(); }

void add_copy(Statement& insert, const LogCopy& copy) {
    insert.add(NewId());
    insert.add(copy.owner.domain());
    insert.add(copy.owner.local());
    insert.add(copy.peer.bare_str());
    insert.add(copy.peer.resource());
    insert.add(peer_hash(copy.peer));
    insert.add(copy.outgoing);
    insert.add(copy.archived);
    insert.add(copy.waiting);
}

// A first row with an origin that does not get in: there is one already, or no account.
// Takes its stanza.
Statement insert(NewLogEntry& entry) {
    const std::size_t bytes = entry.stanza_xml.size();
    Statement statement(insert_rows, value_of(entry.origin), bytes, std::move(entry.stanza_xml),
                        stamped_id_span(LogStore::duplicate_window));
    statement.reserve(values_in_insert);
    add_copy(statement, entry.first);
    if (entry.second) add_copy(statement, *entry.second);
    while (statement.values().size() < values_in_insert) statement.add(SqlValue());
    const ErrorCode code = entry.origin ? ErrorCode::conflict : ErrorCode::not_found;
    return std::move(statement).must_change(code, "no such account, or a duplicate", entry.second ? 2 : 1);
}

}  // namespace

std::uint64_t message_origin(const Jid& sender, std::string_view origin_id, const Jid& recipient) {
    std::string text;
    text.reserve(sender.bare_str().size() + recipient.bare_str().size() + origin_id.size() + 2);
    text.append(sender.bare_str()).append(1, '\0').append(recipient.bare_str()).append(1, '\0').append(origin_id);
    return siphash(log_key, text);
}

Task<Result<Appended>> LogStore::append(NewLogEntry entry) {
    if (!is_writable(entry.first)) co_return not_a_row(entry.first);
    if (entry.second && !is_writable(*entry.second)) co_return not_a_row(*entry.second);
    Result<WriteOutcome> done = co_await database_.change(insert(entry));
    if (done) co_return Appended(done->new_ids.first, entry.second ? done->new_ids.last : 0, false);
    if (done.error().code != ErrorCode::conflict || !entry.origin) co_return std::move(done).error();
    co_return co_await duplicate_or_error(std::move(entry), done.error());
}

Task<Result<Appended>> LogStore::duplicate_or_error(NewLogEntry entry, Error refused) {
    const Jid& owner = entry.first.owner;
    const Jid& other = entry.second ? entry.second->owner : owner;
    std::vector<Statement> work = together(of_owner(select_account, owner), of_owner(select_account, other),
                                           of_owner(select_origin, owner, *entry.origin));
    Result<std::vector<Rows>> found = co_await database_.read(std::move(work));
    if (!found) co_return std::move(found).error();
    if ((*found)[0].empty() || (*found)[1].empty()) co_return no_account();
    const Rows& seen = (*found)[2];
    if (!seen.empty()) co_return Appended(id_at(seen, 0, 0), 0, true);
    co_return Error(ErrorCode::unavailable, "removed meanwhile: " + refused.message);
}

Task<Result<DeliveryState>> LogStore::load_delivery(Jid owner) {
    if (!is_account(owner)) co_return not_an_owner(owner);
    std::vector<Statement> work =
        together(of_owner(select_mark, owner), of_owner(select_beyond, owner), of_owner(count_waiting, owner));
    Result<std::vector<Rows>> found = co_await database_.read(std::move(work));
    if (!found) co_return std::move(found).error();
    const Rows& mark = (*found)[0];
    const Rows& beyond = (*found)[1];
    const Rows& waiting = (*found)[2];
    if (mark.empty()) co_return no_account();
    DeliveryState state;
    state.delivered_through = id_at(mark, 0, 0);
    for (std::size_t row = 0; row < beyond.size(); ++row) state.delivered_beyond.push_back(id_at(beyond, row, 0));
    state.messages = id_at(waiting, 0, 0);
    state.bytes = id_at(waiting, 0, 1);
    co_return state;
}

Task<Result<std::vector<WaitingMessage>>> LogStore::load_waiting(Jid owner, std::uint64_t after_id, std::size_t max) {
    if (!is_account(owner)) co_return not_an_owner(owner);
    Statement select = of_owner(select_waiting, owner, id_bound(after_id), std::min(max, max_page), max_page_bytes);
    Result<Rows> rows = co_await database_.query(std::move(select));
    if (!rows) co_return std::move(rows).error();
    std::vector<WaitingMessage> messages;
    messages.reserve(rows->size());
    for (std::size_t row = 0; row < rows->size(); ++row) {
        messages.emplace_back(id_at(*rows, row, 0), rows->at(row, 1).take_text(), rows->at(row, 2).integer() != 0);
    }
    co_return messages;
}

Task<Result<void>> LogStore::acknowledge(Jid owner, std::uint64_t through, std::vector<std::uint64_t> beyond) {
    if (!is_account(owner)) co_return not_an_owner(owner);
    if (beyond.size() > max_beyond) co_return Error(ErrorCode::invalid, "too many ids in one call");
    const std::int64_t mark = id_bound(through);
    std::vector<Statement> work =
        together(of_owner(delete_delivered, owner, mark, NewId(), stamped_id_span(duplicate_window)),
                 of_owner(forget_delivered, owner, mark),
                 of_owner(move_mark, owner, mark).must_change(ErrorCode::not_found, "no such account"),
                 of_owner(delete_beyond, owner));
    for (const std::uint64_t id : beyond) work.push_back(of_owner(insert_beyond, owner, id_bound(id)));
    co_return done_or_error(co_await database_.write(std::move(work)));
}

Task<Result<std::uint64_t>> LogStore::find_origin(Jid owner, std::uint64_t origin) {
    if (!is_account(owner)) co_return not_an_owner(owner);
    Result<Rows> rows = co_await database_.query(of_owner(select_present_origin, owner, origin));
    if (!rows) co_return std::move(rows).error();
    if (rows->empty()) co_return Error(ErrorCode::not_found, "no such message");
    co_return id_at(*rows, 0, 0);
}

Task<Result<SentMessage>> LogStore::find_sent(Jid recipient, Jid sender, std::uint64_t origin) {
    if (!is_account(recipient)) co_return not_an_owner(recipient);
    if (!is_account(sender)) co_return not_an_owner(sender);
    Statement select = of_owner(select_sent, recipient, origin, sender.domain(), sender.local(), recipient.str());
    Result<Rows> rows = co_await database_.query(std::move(select));
    if (!rows) co_return std::move(rows).error();
    if (rows->empty()) co_return Error(ErrorCode::not_found, "no such message");
    co_return SentMessage(id_at(*rows, 0, 0), id_at(*rows, 0, 1));
}

Task<Result<void>> LogStore::replace(Jid owner, std::uint64_t id, std::string stanza_xml) {
    if (!is_account(owner)) co_return not_an_owner(owner);
    const std::size_t bytes = stanza_xml.size();
    Statement update = of_owner(update_stanza, owner, id_bound(id), bytes, std::move(stanza_xml));
    std::vector<Statement> work = together(std::move(update).must_change(ErrorCode::not_found, "no such message"),
                                           Statement(delete_text, id_bound(id)));
    co_return done_or_error(co_await database_.write(std::move(work)));
}

Task<Result<RemovedSlice>> LogStore::remove_unarchived(WallTime now, WallTime waiting_before, std::uint64_t after) {
    const std::int64_t end = id_bound(first_stamped_id(now - duplicate_window));
    const std::int64_t begin = id_bound(after);
    Statement look(select_unarchived_slice, begin, end, max_slice);
    Result<Rows> slice = co_await database_.query(std::move(look));
    if (!slice) co_return std::move(slice).error();
    const std::uint64_t rows = id_at(*slice, 0, 0);
    const std::uint64_t last = id_at(*slice, 0, 1);
    if (rows == 0) co_return RemovedSlice(0, 0);
    Statement clear(delete_unarchived, begin, id_bound(last), id_bound(first_stamped_id(waiting_before)));
    Result<WriteOutcome> done = co_await database_.change(std::move(clear));
    if (!done) co_return std::move(done).error();
    co_return RemovedSlice(static_cast<std::uint64_t>(done->changed), rows < max_slice ? 0 : last);
}

}  // namespace rookery
