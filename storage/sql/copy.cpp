#include "storage/sql/copy.h"

#include <limits>

#include "base/siphash.h"

namespace rookery {
namespace {

constexpr int page_rows = 200;  // of log, at most some 50 MB
constexpr SipKey no_secret{0x726f6f6b657279, 1};

constexpr CopiedTable tables[] = {
    {"account", "i",
     "SELECT id, domain, local, created, disabled_reason, last_at, last_status, roster_version, roster_forgotten, "
     "document_version FROM account WHERE id > ?1 ORDER BY id LIMIT ?2",
     "INSERT INTO account (id, domain, local, created, disabled_reason, last_at, last_status, roster_version, "
     "roster_forgotten, document_version) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)"},
    {"scram_key", "ii",
     "SELECT owner, hash, salt, iterations, stored_key, server_key FROM scram_key WHERE (owner, hash) > (?1, ?2) "
     "ORDER BY owner, hash LIMIT ?3",
     "INSERT INTO scram_key (owner, hash, salt, iterations, stored_key, server_key) VALUES (?1, ?2, ?3, ?4, ?5, ?6)"},
    {"roster_item", "it",
     "SELECT owner, contact, version, removed, subscription, ask, approved, name, groups FROM roster_item "
     "WHERE (owner, contact) > (?1, ?2) ORDER BY owner, contact LIMIT ?3",
     "INSERT INTO roster_item (owner, contact, version, removed, subscription, ask, approved, name, groups) "
     "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)"},
    {"roster_request", "it",
     "SELECT owner, sender, position, stanza FROM roster_request WHERE (owner, sender) > (?1, ?2) "
     "ORDER BY owner, sender LIMIT ?3",
     "INSERT INTO roster_request (owner, sender, position, stanza) VALUES (?1, ?2, ?3, ?4)"},
    {"document", "it",
     "SELECT owner, key, version, bytes, body FROM document WHERE (owner, key) > (?1, ?2) ORDER BY owner, key LIMIT ?3",
     "INSERT INTO document (owner, key, version, bytes, body) VALUES (?1, ?2, ?3, ?4, ?5)"},
    {"log", "i",
     "SELECT id, owner, peer, peer_resource, peer_hash, outgoing, archived, waiting, origin, bytes, stanza FROM log "
     "WHERE id > ?1 ORDER BY id LIMIT ?2",
     "INSERT INTO log (id, owner, peer, peer_resource, peer_hash, outgoing, archived, waiting, origin, bytes, stanza) "
     "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)"},
    // 0: nothing can be searched yet; the next search makes the index anew.
    {"log_mark", "i", "SELECT owner, delivered_through FROM log_mark WHERE owner > ?1 ORDER BY owner LIMIT ?2",
     "INSERT INTO log_mark (owner, delivered_through, searchable_through) VALUES (?1, ?2, 0)"},
    {"log_delivered", "ii",
     "SELECT owner, id FROM log_delivered WHERE (owner, id) > (?1, ?2) ORDER BY owner, id LIMIT ?3",
     "INSERT INTO log_delivered (owner, id) VALUES (?1, ?2)"},
};

// account.id is never given out again, so the copy has to know the highest one there ever was.
constexpr Sql last_account_id{"SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'account'",
                              "SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM account_id_seq"};
constexpr Sql forget_account_id{"DELETE FROM sqlite_sequence WHERE name = 'account'", "SELECT 1"};
constexpr Sql set_account_id{"INSERT INTO sqlite_sequence (name, seq) VALUES ('account', ?1)",
                             "SELECT setval('account_id_seq', greatest(?1, 1), ?1 > 0)"};
constexpr Sql any_row{"SELECT EXISTS (SELECT 1 FROM account)"};
constexpr Sql any_leftover{"SELECT EXISTS (SELECT 1 FROM queue)", "SELECT false"};

void append_number(std::string& bytes, std::uint64_t number) {
    for (int shift = 0; shift < 64; shift += 8) bytes += static_cast<char>(number >> shift & 0xff);
}

void append_value(std::string& bytes, const SqlValue& value) {
    if (const std::int64_t* number = value.if_integer()) {
        bytes += 'i';
        return append_number(bytes, static_cast<std::uint64_t>(*number));
    }
    const Blob* blob = value.if_blob();
    const std::string& text = blob ? blob->bytes : value.text();
    bytes += value.is_null() ? 'n' : blob ? 'b' : 't';
    append_number(bytes, text.size());
    bytes += text;
}

// Everything before it is in it: order counts, and no row can stand for another.
std::uint64_t add_to_sum(std::uint64_t sum, const Rows& rows, std::size_t row) {
    std::string bytes;
    append_number(bytes, sum);
    for (std::size_t column = 0; column < rows.columns(); ++column) append_value(bytes, rows.at(row, column));
    return siphash(no_secret, bytes);
}

Statement with_values(Sql sql, std::vector<SqlValue> values) {
    Statement statement(sql);
    for (SqlValue& value : values) statement.add(std::move(value));
    return statement;
}

std::vector<SqlValue> before_all(std::string_view keys) {
    std::vector<SqlValue> values;
    for (const char key : keys)
        values.push_back(key == 'i' ? SqlValue(std::numeric_limits<std::int64_t>::min()) : SqlValue(""));
    return values;
}

Error in_table(const CopiedTable& table, const Error& cause) {
    return Error(cause.code, "table " + std::string(table.name) + ": " + cause.message);
}

// All rows of a table, page by page. `use` may take them.
template <class Use>
Result<TableSum> for_each_page(SchemaTarget& from, const CopiedTable& table, const CopyProgress& progress, Use use) {
    TableSum sum{table.name};
    std::vector<SqlValue> after = before_all(table.keys);
    for (;;) {
        std::vector<SqlValue> values = after;
        values.emplace_back(page_rows);
        Result<WriteOutcome> page = from.run(with_values(table.page, std::move(values)));
        if (!page) return in_table(table, page.error());
        Rows& rows = page->rows;
        if (rows.empty()) return sum;
        for (std::size_t row = 0; row < rows.size(); ++row) sum.sum = add_to_sum(sum.sum, rows, row);
        sum.rows += rows.size();
        for (std::size_t key = 0; key < after.size(); ++key) after[key] = rows.at(rows.size() - 1, key);
        if (Result<void> used = use(rows); !used) return in_table(table, used.error());
        progress(table.name, sum.rows);
    }
}

Result<void> insert_page(SchemaTarget& to, const CopiedTable& table, Rows& rows) {
    std::vector<Statement> inserts;
    inserts.reserve(rows.size());
    for (std::size_t row = 0; row < rows.size(); ++row) {
        std::vector<SqlValue> values;
        for (std::size_t column = 0; column < rows.columns(); ++column)
            values.push_back(std::move(rows.at(row, column)));
        inserts.push_back(with_values(table.insert, std::move(values)));
    }
    return to.run_each(inserts);
}

Result<void> copy_last_account_id(SchemaTarget& from, SchemaTarget& to) {
    Result<WriteOutcome> last = from.run(Statement(last_account_id));
    if (!last) return std::move(last).error();
    std::vector<Statement> set;
    set.emplace_back(forget_account_id);
    set.emplace_back(set_account_id, last->rows.at(0, 0).integer());
    return to.run_each(set);
}

Result<bool> ask(SchemaTarget& target, Sql question) {
    Result<WriteOutcome> answer = target.run(Statement(question));
    if (!answer) return std::move(answer).error();
    return answer->rows.at(0, 0).integer() != 0;
}

}  // namespace

std::span<const CopiedTable> copied_tables() { return tables; }

Result<TableSums> sum_up(SchemaTarget& from, const CopyProgress& progress) {
    TableSums sums;
    for (const CopiedTable& table : tables) {
        Result<TableSum> sum = for_each_page(from, table, progress, [](Rows&) { return Result<void>(); });
        if (!sum) return std::move(sum).error();
        sums.push_back(std::move(*sum));
    }
    return sums;
}

Result<TableSums> copy_all(SchemaTarget& from, SchemaTarget& to, const CopyProgress& progress) {
    TableSums sums;
    for (const CopiedTable& table : tables) {
        Result<TableSum> sum =
            for_each_page(from, table, progress, [&](Rows& rows) { return insert_page(to, table, rows); });
        if (!sum) return std::move(sum).error();
        sums.push_back(std::move(*sum));
    }
    if (auto done = copy_last_account_id(from, to); !done) return std::move(done).error();
    Result<TableSums> written = sum_up(to, [](std::string_view, std::uint64_t) {});
    if (!written) return written;
    if (*written != sums) return Error(ErrorCode::storage, "what was written is not what was read");
    return sums;
}

Result<bool> has_rows(SchemaTarget& target) { return ask(target, any_row); }

Result<bool> has_leftovers(SchemaTarget& target) { return ask(target, any_leftover); }

}  // namespace rookery
