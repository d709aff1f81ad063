#include "storage/archive_store.h"

#include "storage/log_rows.h"
#include "storage/log_text.h"
#include "storage/sql/database.h"
#include "xmpp/stanza.h"

namespace rookery {
namespace {

// --- questions about one account: ids between ?3 and ?4, without them; peer's hash ?5 (below 0: any), address ?6 and
// resource ?7 (empty: any). The hash is in the index: rows of other peers are not read. (The owner is looked up in a
// subquery and not joined: PostgreSQL reads a page in the order of the index then, instead of sorting the archive.)

// ?8 rows and ?9 bytes at most, the first one always. `found` is without the bound on bytes.
constexpr Sql select_first =
    "SELECT log.id, log.outgoing, log.stanza, old.found FROM (SELECT old.id, count(*) OVER () AS found, "
    "sum(old.bytes) OVER (ORDER BY old.id) - old.bytes AS ahead FROM (SELECT log.id, log.bytes "
    "FROM log WHERE log.owner = (SELECT id FROM account WHERE domain = ?1 AND local = ?2) "
    "AND log.id > ?3 AND log.id < ?4 AND log.archived = 1 "
    "AND log.peer_hash >= ?5 AND log.peer_hash <= CASE WHEN ?5 < 0 THEN 4294967295 ELSE ?5 END AND (?6 = '' OR "
    "log.peer = ?6) AND (?7 = '' OR log.peer_resource = ?7) "
    "ORDER BY log.id LIMIT ?8) AS old) AS old JOIN log ON log.id = old.id WHERE old.ahead < ?9 ORDER BY log.id";
constexpr Sql select_last =
    "SELECT log.id, log.outgoing, log.stanza, old.found FROM (SELECT old.id, count(*) OVER () AS found, "
    "sum(old.bytes) OVER (ORDER BY old.id DESC) - old.bytes AS ahead FROM (SELECT log.id, log.bytes "
    "FROM log WHERE log.owner = (SELECT id FROM account WHERE domain = ?1 AND local = ?2) "
    "AND log.id > ?3 AND log.id < ?4 AND log.archived = 1 "
    "AND log.peer_hash >= ?5 AND log.peer_hash <= CASE WHEN ?5 < 0 THEN 4294967295 ELSE ?5 END AND (?6 = '' OR "
    "log.peer = ?6) AND (?7 = '' OR log.peer_resource = ?7) "
    "ORDER BY log.id DESC LIMIT ?8) AS old) AS old JOIN log ON log.id = old.id WHERE old.ahead < ?9 ORDER BY log.id "
    "DESC";
constexpr Sql count_bounded =
    "SELECT count(*) FROM (SELECT log.id FROM log "
    "WHERE log.owner = (SELECT id FROM account WHERE domain = ?1 AND local = ?2) "
    "AND log.id > ?3 AND log.id < ?4 AND log.archived = 1 "
    "AND log.peer_hash >= ?5 AND log.peer_hash <= CASE WHEN ?5 < 0 THEN 4294967295 ELSE ?5 END AND (?6 = '' OR "
    "log.peer = ?6) AND (?7 = '' OR log.peer_resource = ?7) "
    "LIMIT ?8) AS old";
constexpr Sql select_one =
    "SELECT log.id, log.outgoing, log.stanza FROM log "
    "WHERE log.owner = (SELECT id FROM account WHERE domain = ?1 AND local = ?2) AND log.id = ?3 AND log.archived = 1";
constexpr Sql select_oldest =
    "SELECT log.id FROM log "
    "WHERE log.owner = (SELECT id FROM account WHERE domain = ?1 AND local = ?2) AND log.archived = 1 ORDER BY log.id "
    "LIMIT 1";
constexpr Sql select_newest =
    "SELECT log.id FROM log "
    "WHERE log.owner = (SELECT id FROM account WHERE domain = ?1 AND local = ?2) AND log.archived = 1 ORDER BY log.id "
    "DESC LIMIT 1";
constexpr Sql count_all =
    "SELECT count(log.id) FROM account LEFT JOIN log ON log.owner = account.id AND log.archived = 1 "
    "WHERE account.domain = ?1 AND account.local = ?2 GROUP BY account.id";
constexpr Sql select_excess =
    "SELECT log.id FROM log "
    "WHERE log.owner = (SELECT id FROM account WHERE domain = ?1 AND local = ?2) AND log.archived = 1 ORDER BY log.id "
    "DESC LIMIT 1 OFFSET ?3";
constexpr Sql select_sizes =
    "SELECT account.id, account.domain, account.local, (SELECT count(*) FROM log WHERE log.owner = account.id "
    "AND log.archived = 1) FROM account WHERE account.id > ?1 AND account.local <> '' ORDER BY account.id LIMIT ?2";

// --- removal. What waits now, or is remembered by the duplicate window (?9, counted from the new id ?8), is only
// hidden.

constexpr Sql select_slice =
    "SELECT count(*), coalesce(max(id), 0) FROM (SELECT log.id FROM log "
    "WHERE log.owner = (SELECT id FROM account WHERE domain = ?1 AND local = ?2) "
    "AND log.id > ?3 AND log.id < ?4 AND log.archived = 1 "
    "AND log.peer_hash >= ?5 AND log.peer_hash <= CASE WHEN ?5 < 0 THEN 4294967295 ELSE ?5 END AND (?6 = '' OR "
    "log.peer = ?6) AND (?7 = '' OR log.peer_resource = ?7) "
    "ORDER BY log.id LIMIT ?8) AS old";
constexpr Sql delete_slice =
    "DELETE FROM log WHERE owner = (SELECT id FROM account WHERE domain = ?1 AND local = ?2) "
    "AND id > ?3 AND id < ?4 AND archived = 1 "
    "AND peer_hash >= ?5 AND peer_hash <= CASE WHEN ?5 < 0 THEN 4294967295 ELSE ?5 END AND (?6 = '' OR peer = ?6) AND "
    "(?7 = '' OR peer_resource = ?7) "
    "AND (origin IS NULL OR id < ?8 - ?9) AND (waiting = 0 OR id <= coalesce((SELECT delivered_through "
    "FROM log_mark WHERE log_mark.owner = log.owner), 0) OR EXISTS (SELECT 1 FROM log_delivered "
    "WHERE log_delivered.owner = log.owner AND log_delivered.id = log.id))";
constexpr Sql hide_slice =
    "UPDATE log SET archived = 0, waiting = CASE WHEN waiting = 0 OR id <= coalesce((SELECT delivered_through "
    "FROM log_mark WHERE log_mark.owner = log.owner), 0) OR EXISTS (SELECT 1 FROM log_delivered "
    "WHERE log_delivered.owner = log.owner AND log_delivered.id = log.id) THEN 0 ELSE 1 END "
    "WHERE owner = (SELECT id FROM account WHERE domain = ?1 AND local = ?2) "
    "AND id > ?3 AND id < ?4 AND archived = 1 "
    "AND peer_hash >= ?5 AND peer_hash <= CASE WHEN ?5 < 0 THEN 4294967295 ELSE ?5 END AND (?6 = '' OR peer = ?6) AND "
    "(?7 = '' OR peer_resource = ?7)";
constexpr Sql empty_slice =
    "UPDATE log SET bytes = 0, stanza = '' "
    "WHERE owner = (SELECT id FROM account WHERE domain = ?1 AND local = ?2) "
    "AND id > ?3 AND id < ?4 AND +archived = 0 AND waiting = 0 AND bytes > 0";

constexpr Sql select_slice_of_all =
    "SELECT count(*), coalesce(max(id), 0) FROM (SELECT id FROM log WHERE id > ?1 AND id < ?2 ORDER BY id LIMIT ?3) "
    "AS old";
constexpr Sql delete_slice_of_all =
    "DELETE FROM log WHERE id > ?1 AND id < ?2 AND archived = 1 "
    "AND (origin IS NULL OR id < ?3 - ?4) AND (waiting = 0 OR id <= coalesce((SELECT delivered_through "
    "FROM log_mark WHERE log_mark.owner = log.owner), 0) OR EXISTS (SELECT 1 FROM log_delivered "
    "WHERE log_delivered.owner = log.owner AND log_delivered.id = log.id))";
constexpr Sql hide_slice_of_all =
    "UPDATE log SET archived = 0, waiting = CASE WHEN waiting = 0 OR id <= coalesce((SELECT delivered_through "
    "FROM log_mark WHERE log_mark.owner = log.owner), 0) OR EXISTS (SELECT 1 FROM log_delivered "
    "WHERE log_delivered.owner = log.owner AND log_delivered.id = log.id) THEN 0 ELSE 1 END "
    "WHERE id > ?1 AND id < ?2 AND archived = 1";
constexpr Sql empty_slice_of_all =
    "UPDATE log SET bytes = 0, stanza = '' WHERE id > ?1 AND id < ?2 AND archived = 0 AND waiting = 0 AND bytes > 0";

// --- search (log_text.h)

constexpr Sql select_unsearchable =
    "SELECT log.id, log.stanza, old.mark FROM (SELECT old.id, old.mark, "
    "sum(old.bytes) OVER (ORDER BY old.id) - old.bytes AS ahead FROM (SELECT log.id, log.bytes, "
    "coalesce((SELECT searchable_through FROM log_mark WHERE log_mark.owner = log.owner), 0) AS mark "
    "FROM log WHERE log.owner = (SELECT id FROM account WHERE domain = ?1 AND local = ?2) AND log.archived = 1 "
    "AND log.id > coalesce((SELECT searchable_through FROM log_mark JOIN account ON account.id = log_mark.owner "
    "WHERE account.domain = ?1 AND account.local = ?2), 0) "
    "ORDER BY log.id LIMIT ?3) AS old) AS old JOIN log ON log.id = old.id WHERE old.ahead < ?4 ORDER BY log.id";
constexpr Sql move_searchable =
    "INSERT INTO log_mark (owner, delivered_through, searchable_through) "
    "SELECT id, 0, ?4 FROM account WHERE domain = ?1 AND local = ?2 ON CONFLICT (owner) DO UPDATE "
    "SET searchable_through = excluded.searchable_through WHERE log_mark.searchable_through = ?3";

const xml::Name body_name{"jabber:client", "body"};

// --- values of the questions

struct Range {  // ids between these two, without them
    std::uint64_t after;
    std::uint64_t before;
};

Range range_of(const ArchiveFilter& filter) {
    Range range{filter.after_id, filter.before_id > 0 ? filter.before_id : UINT64_MAX};
    if (filter.start)
        range.after = std::max(range.after, std::max(first_stamped_id(*filter.start), std::uint64_t{1}) - 1);
    if (filter.end) range.before = std::min(range.before, first_stamped_id(*filter.end + Milliseconds(1)));
    return range;
}

Range range_of(const ArchiveFilter& filter, const PageRequest& page) {
    Range range = range_of(filter);
    range.after = std::max(range.after, page.after);
    if (page.before > 0) range.before = std::min(range.before, page.before);
    return range;
}

template <class... Values>
Statement of_filter(Sql sql, const Jid& owner, const Range& range, const std::optional<Jid>& with, Values&&... values) {
    const std::int64_t hash = with ? static_cast<std::int64_t>(peer_hash(*with)) : -1;
    return of_owner(sql, owner, id_bound(range.after), id_bound(range.before), hash,
                    with ? with->bare_str() : std::string_view(), with ? with->resource() : std::string_view(),
                    std::forward<Values>(values)...);
}

bool has_letters(std::string_view word) {
    return std::any_of(word.begin(), word.end(), [](char letter) {
        const auto byte = static_cast<unsigned char>(letter);
        return byte >= 0x80 || (byte >= '0' && byte <= '9') || ((byte | 0x20) >= 'a' && (byte | 0x20) <= 'z');
    });
}

// Each word in quotes, so that none is an operator, whatever is in it.
Result<std::string> quoted_words(std::string_view text) {
    std::string quoted;
    std::size_t words = 0;
    for (std::size_t begin = 0, end = 0; begin < text.size(); begin = end + 1) {
        end = std::min(text.find_first_of(" \t\r\n\"", begin), text.size());
        const std::string_view word = text.substr(begin, end - begin);
        if (!has_letters(word)) continue;
        quoted.append(words++ == 0 ? "\"" : " \"").append(word).append("\"");
    }
    if (words == 0) return Error(ErrorCode::invalid, "nothing to search for");
    if (words > ArchiveStore::max_words) return Error(ErrorCode::invalid, "too many words to search for");
    return quoted;
}

Statement page_statement(const Jid& owner, const ArchiveFilter& filter, const PageRequest& page,
                         const std::string& words) {
    const Range range = range_of(filter, page);
    const std::size_t rows = std::min(page.max, ArchiveStore::max_page) + 1;
    if (words.empty()) {
        const Sql& select = page.backward ? select_last : select_first;
        return of_filter(select, owner, range, filter.with, rows, ArchiveStore::max_page_bytes);
    }
    const Sql& select = page.backward ? select_last_match : select_first_match;
    return of_filter(select, owner, range, filter.with, rows, ArchiveStore::max_page_bytes, words)
        .within(ArchiveStore::search_limit);
}

Statement total_statement(const Jid& owner, const ArchiveFilter& filter, const std::string& words) {
    const std::size_t rows = ArchiveStore::max_counted + 1;
    if (words.empty()) return of_filter(count_bounded, owner, range_of(filter), filter.with, rows);
    return of_filter(count_matches, owner, range_of(filter), filter.with, rows, words)
        .within(ArchiveStore::search_limit);
}

std::vector<std::uint64_t> must_exist(const ArchiveFilter& filter, const PageRequest& page) {
    std::vector<std::uint64_t> ids{filter.after_id, filter.before_id, page.after, page.before};
    std::erase(ids, 0u);
    return ids;
}

// --- answers

ArchivedMessage take_message(Rows& rows, std::size_t row) {
    return ArchivedMessage(id_at(rows, row, 0), rows.at(row, 1).integer() != 0, rows.at(row, 2).take_text());
}

void take_page(Rows& rows, const PageRequest& page, ArchivePage& into) {
    const std::size_t max = std::min(page.max, ArchiveStore::max_page);
    const std::uint64_t found = rows.empty() ? 0 : id_at(rows, 0, 3);
    into.complete = found <= max && found == rows.size();
    for (std::size_t row = 0; row < std::min(rows.size(), max); ++row) into.messages.push_back(take_message(rows, row));
    if (page.backward) std::reverse(into.messages.begin(), into.messages.end());
}

void take_total(const Rows& rows, ArchivePage& into) {
    const std::uint64_t total = id_at(rows, 0, 0);
    if (total <= ArchiveStore::max_counted) into.total = total;
}

std::optional<std::uint64_t> first_index(const PageRequest& page, const ArchivePage& answer) {
    if (answer.messages.empty()) return std::nullopt;
    if (!page.backward && page.after == 0) return 0;
    if (page.backward && page.before == 0 && answer.total) return *answer.total - answer.messages.size();
    return std::nullopt;
}

Error no_message() { return Error(ErrorCode::not_found, "no such message in the archive"); }

// What a person would look for in it.
std::string text_of(std::string_view stanza_xml) {
    const std::optional<Stanza> stanza = parse_stanza(stanza_xml);
    if (!stanza) return {};
    std::string text;
    for (const xml::View child : stanza->element().children())
        if (child.is(body_name)) text.append(text.empty() ? "" : "\n").append(child.text());
    return text.substr(0, ArchiveStore::max_indexed_bytes);
}

}  // namespace

Task<Result<ArchivePage>> ArchiveStore::query(Jid owner, ArchiveFilter filter, PageRequest page) {
    if (!is_account(owner)) co_return not_an_owner(owner);
    ArchivePage answer;
    std::string words;
    if (!filter.text.empty()) {
        Result<std::string> quoted = quoted_words(filter.text);
        if (!quoted) co_return std::move(quoted).error();
        words = std::move(*quoted);
        Result<bool> searchable = co_await make_searchable(owner);
        if (!searchable) co_return std::move(searchable).error();
        answer.searched_all = *searchable;
    }
    std::vector<Statement> work;
    for (const std::uint64_t id : must_exist(filter, page)) work.push_back(of_owner(select_one, owner, id_bound(id)));
    const std::size_t existing = work.size();
    if (page.max > 0) work.push_back(page_statement(owner, filter, page, words));
    if (page.total) work.push_back(total_statement(owner, filter, words));
    if (work.empty()) co_return answer;
    Result<std::vector<Rows>> rows = co_await database_.read(std::move(work));
    if (!rows) co_return std::move(rows).error();
    for (std::size_t i = 0; i < existing; ++i)
        if ((*rows)[i].empty()) co_return no_message();
    if (page.max > 0) take_page((*rows)[existing], page, answer);
    if (page.total) take_total(rows->back(), answer);
    answer.first_index = first_index(page, answer);
    co_return answer;
}

Task<Result<std::vector<ArchivedMessage>>> ArchiveStore::load(Jid owner, std::vector<std::uint64_t> ids) {
    if (!is_account(owner)) co_return not_an_owner(owner);
    if (ids.size() > max_ids) co_return Error(ErrorCode::invalid, "too many ids in one call");
    std::vector<ArchivedMessage> messages;
    if (ids.empty()) co_return messages;
    std::sort(ids.begin(), ids.end());
    ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
    std::vector<Statement> work;
    for (const std::uint64_t id : ids) work.push_back(of_owner(select_one, owner, id_bound(id)));
    Result<std::vector<Rows>> found = co_await database_.read(std::move(work));
    if (!found) co_return std::move(found).error();
    for (Rows& rows : *found) {
        if (rows.empty()) co_return no_message();
        messages.push_back(take_message(rows, 0));
    }
    co_return messages;
}

Task<Result<ArchiveBounds>> ArchiveStore::load_bounds(Jid owner) {
    if (!is_account(owner)) co_return not_an_owner(owner);
    std::vector<Statement> work = together(of_owner(select_oldest, owner), of_owner(select_newest, owner));
    Result<std::vector<Rows>> found = co_await database_.read(std::move(work));
    if (!found) co_return std::move(found).error();
    if (found->front().empty()) co_return ArchiveBounds(0, 0);
    co_return ArchiveBounds(id_at(found->front(), 0, 0), id_at(found->back(), 0, 0));
}

Task<Result<std::uint64_t>> ArchiveStore::count(Jid owner) {
    if (!is_account(owner)) co_return not_an_owner(owner);
    Result<Rows> rows = co_await database_.query(of_owner(count_all, owner));
    if (!rows) co_return std::move(rows).error();
    if (rows->empty()) co_return no_account();
    co_return id_at(*rows, 0, 0);
}

// --- removal ---------------------------------------------------------------------------------------------------------

// Of a slice of so many rows, with that as its last id. The second of `work` removes, the third hides.
Task<Result<RemovedSlice>> ArchiveStore::remove_slice(std::vector<Statement> work, std::uint64_t rows,
                                                      std::uint64_t last) {
    Result<std::vector<WriteOutcome>> done = co_await database_.write(std::move(work));
    if (!done) co_return std::move(done).error();
    const std::int64_t removed = (*done)[1].changed + (*done)[2].changed;
    co_return RemovedSlice(static_cast<std::uint64_t>(removed), rows < LogStore::max_slice ? 0 : last);
}

Task<Result<RemovedSlice>> ArchiveStore::remove(Jid owner, ArchiveFilter filter, std::uint64_t after) {
    if (!is_account(owner)) co_return not_an_owner(owner);
    Range range = range_of(filter);
    range.after = std::max(range.after, after);
    Result<Rows> slice =
        co_await database_.query(of_filter(select_slice, owner, range, filter.with, LogStore::max_slice));
    if (!slice) co_return std::move(slice).error();
    const std::uint64_t rows = id_at(*slice, 0, 0);
    if (rows == 0) co_return RemovedSlice(0, 0);
    range.before = id_at(*slice, 0, 1) + 1;
    const std::uint64_t window = stamped_id_span(LogStore::duplicate_window);
    std::vector<Statement> work = together(of_filter(delete_texts, owner, range, filter.with),
                                           of_filter(delete_slice, owner, range, filter.with, NewId(), window),
                                           of_filter(hide_slice, owner, range, filter.with),
                                           of_owner(empty_slice, owner, id_bound(range.after), id_bound(range.before)));
    co_return co_await remove_slice(std::move(work), rows, range.before - 1);
}

Task<Result<RemovedSlice>> ArchiveStore::remove_older(WallTime before, std::uint64_t after) {
    const std::int64_t begin = id_bound(after);
    Statement look(select_slice_of_all, begin, id_bound(first_stamped_id(before)), LogStore::max_slice);
    Result<Rows> slice = co_await database_.query(std::move(look));
    if (!slice) co_return std::move(slice).error();
    const std::uint64_t rows = id_at(*slice, 0, 0);
    if (rows == 0) co_return RemovedSlice(0, 0);
    const std::uint64_t last = id_at(*slice, 0, 1);
    const std::int64_t end = id_bound(last + 1);
    std::vector<Statement> work =
        together(Statement(delete_texts_of_all, begin, end),
                 Statement(delete_slice_of_all, begin, end, NewId(), stamped_id_span(LogStore::duplicate_window)),
                 Statement(hide_slice_of_all, begin, end), Statement(empty_slice_of_all, begin, end));
    co_return co_await remove_slice(std::move(work), rows, last);
}

Task<Result<std::vector<ArchiveSize>>> ArchiveStore::load_sizes(std::uint64_t after_account, std::size_t max) {
    Statement select(select_sizes, id_bound(after_account), std::min(max, max_accounts));
    Result<Rows> rows = co_await database_.query(std::move(select));
    if (!rows) co_return std::move(rows).error();
    std::vector<ArchiveSize> sizes;
    for (std::size_t row = 0; row < rows->size(); ++row) {
        std::optional<Jid> owner = Jid::make(rows->at(row, 2).text(), rows->at(row, 1).text());
        if (owner) sizes.emplace_back(id_at(*rows, row, 0), std::move(*owner), id_at(*rows, row, 3));
    }
    co_return sizes;
}

Task<Result<std::uint64_t>> ArchiveStore::find_excess(Jid owner, std::uint64_t keep) {
    if (!is_account(owner)) co_return not_an_owner(owner);
    Result<Rows> rows = co_await database_.query(of_owner(select_excess, owner, id_bound(keep)));
    if (!rows) co_return std::move(rows).error();
    co_return rows->empty() ? 0 : id_at(*rows, 0, 0) + 1;
}

// --- search ----------------------------------------------------------------------------------------------------------

// The search index of an account grows when it searches, so that who never does pays nothing. True: it has all.
Task<Result<bool>> ArchiveStore::make_searchable(Jid owner) {
    for (std::size_t slice = 0; slice < index_slices; ++slice) {
        Result<bool> more = co_await index_one_slice(owner);
        if (!more) co_return std::move(more).error();
        if (!*more) co_return true;
    }
    co_return false;
}

// False: there was nothing to index. Of two searches at a time, one moves the mark; the other sees that it was moved.
Task<Result<bool>> ArchiveStore::index_one_slice(Jid owner) {
    Result<Rows> rows = co_await database_.query(of_owner(select_unsearchable, owner, index_slice, max_page_bytes));
    if (!rows) co_return std::move(rows).error();
    if (rows->empty()) co_return false;
    const std::uint64_t last = id_at(*rows, rows->size() - 1, 0);
    Statement mark = of_owner(move_searchable, owner, rows->at(0, 2).integer(), id_bound(last));
    std::vector<Statement> work = together(std::move(mark).must_change(ErrorCode::conflict, "indexed meanwhile"));
    for (std::size_t row = 0; row < rows->size(); ++row) {
        std::string text = text_of(rows->at(row, 1).text());
        if (text.empty()) continue;
        work.emplace_back(insert_text, rows->at(row, 0).integer(), std::move(text), rows->at(row, 1).take_text());
    }
    Result<std::vector<WriteOutcome>> done = co_await database_.write(std::move(work));
    if (!done && done.error().code != ErrorCode::conflict) co_return std::move(done).error();
    co_return true;
}

}  // namespace rookery
