#include "storage/sql/schema.h"

#include <charconv>
#include <cstdlib>

namespace rookery {
namespace {

// Rules of the tables (docs/storage.md): times are microseconds UTC, JIDs text in normal form, `owner` is account.id
// and goes with its account. A row of account with an empty local part is the domain itself, the owner of its
// documents. account.id is never used again, so what outlives an account (a cached roster version) cannot fit its
// successor.
constexpr const char* sqlite_schema_1 = R"sql(
CREATE TABLE account (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    domain TEXT NOT NULL,
    local TEXT NOT NULL,
    created INTEGER NOT NULL,
    disabled_reason TEXT,
    last_at INTEGER,
    last_status TEXT,
    roster_version INTEGER NOT NULL DEFAULT 0,
    roster_forgotten INTEGER NOT NULL DEFAULT 0,
    document_version INTEGER NOT NULL DEFAULT 0,
    queue_messages INTEGER NOT NULL DEFAULT 0,
    queue_bytes INTEGER NOT NULL DEFAULT 0,
    UNIQUE (domain, local)
) STRICT;

CREATE TABLE scram_key (
    owner INTEGER NOT NULL REFERENCES account (id) ON DELETE CASCADE,
    hash INTEGER NOT NULL,
    salt BLOB NOT NULL,
    iterations INTEGER NOT NULL,
    stored_key BLOB NOT NULL,
    server_key BLOB NOT NULL,
    PRIMARY KEY (owner, hash)
) STRICT, WITHOUT ROWID;

CREATE TABLE roster_item (
    owner INTEGER NOT NULL REFERENCES account (id) ON DELETE CASCADE,
    contact TEXT NOT NULL,
    version INTEGER NOT NULL,
    removed INTEGER NOT NULL,
    subscription INTEGER NOT NULL,
    ask INTEGER NOT NULL,
    approved INTEGER NOT NULL,
    name TEXT NOT NULL,
    groups TEXT NOT NULL,
    PRIMARY KEY (owner, contact)
) STRICT, WITHOUT ROWID;

CREATE TABLE roster_request (
    owner INTEGER NOT NULL REFERENCES account (id) ON DELETE CASCADE,
    sender TEXT NOT NULL,
    position INTEGER NOT NULL,
    stanza TEXT NOT NULL,
    PRIMARY KEY (owner, sender)
) STRICT;

CREATE TABLE document (
    owner INTEGER NOT NULL REFERENCES account (id) ON DELETE CASCADE,
    key TEXT NOT NULL,
    version INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (owner, key)
) STRICT;

CREATE TABLE queue (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    owner INTEGER NOT NULL REFERENCES account (id) ON DELETE CASCADE,
    stamp INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    stanza TEXT NOT NULL
) STRICT;
CREATE INDEX queue_owner ON queue (owner);
CREATE INDEX queue_stamp ON queue (stamp);
)sql";

// One row in `log` is a message in the log of one account; archive and offline queue are views of it. id is a stamped
// id.
//  - log_owner serves every question about one account: an entry has what filters ask first, so rows that do not
//    match are never read. Two random pages a message; each further index would cost two more (bench/results).
//  - log_origin is the duplicate window; log_unarchived finds what only waits or waited.
//  - log_text is filled for accounts that search, when they do (log_text.h).
// log_mark and log_delivered: what was received (delivered_through, and the few beyond it); what can be searched.
constexpr const char* sqlite_schema_2 = R"sql(
CREATE TABLE log (
    id INTEGER PRIMARY KEY,
    owner INTEGER NOT NULL REFERENCES account (id) ON DELETE CASCADE,
    peer TEXT NOT NULL,
    peer_resource TEXT NOT NULL,
    peer_hash INTEGER NOT NULL,
    outgoing INTEGER NOT NULL,
    archived INTEGER NOT NULL,
    waiting INTEGER NOT NULL,
    origin INTEGER,
    bytes INTEGER NOT NULL,
    stanza TEXT NOT NULL
) STRICT;
CREATE INDEX log_owner ON log (owner, id, archived, peer_hash);
CREATE INDEX log_origin ON log (origin) WHERE origin IS NOT NULL;
CREATE INDEX log_unarchived ON log (archived) WHERE archived = 0;

CREATE TABLE log_mark (
    owner INTEGER NOT NULL REFERENCES account (id) ON DELETE CASCADE,
    delivered_through INTEGER NOT NULL,
    searchable_through INTEGER NOT NULL,
    PRIMARY KEY (owner)
) STRICT;

CREATE TABLE log_delivered (
    owner INTEGER NOT NULL REFERENCES account (id) ON DELETE CASCADE,
    id INTEGER NOT NULL,
    PRIMARY KEY (owner, id)
) STRICT, WITHOUT ROWID;

CREATE VIRTUAL TABLE log_text USING fts5 (owner, body, tokenize = 'unicode61 remove_diacritics 2');
)sql";

// Messages of the offline queue of schema 1. Their order is that of queue.id, their time that of stamp; ids above all
// there are, whatever the clock did, since a smaller one than the watermark would count as delivered.
constexpr const char* sqlite_take_over_2 = R"sql(
INSERT INTO log (id, owner, peer, peer_resource, peer_hash, outgoing, archived, waiting, origin, bytes, stanza)
SELECT (millisecond << 22) + row_number() OVER (PARTITION BY millisecond ORDER BY id) - 1,
    owner, '', '', 0, 0, 0, 1, NULL, bytes, stanza
FROM (SELECT id, owner, bytes, stanza, max(max(stamp / 1000 - 1704067200000,
        (SELECT (coalesce(max(id), 0) >> 22) + 1 FROM log),
        (SELECT (coalesce(max(delivered_through), 0) >> 22) + 1 FROM log_mark))) OVER (ORDER BY id) AS millisecond
    FROM queue);
UPDATE account SET queue_messages = 0, queue_bytes = 0 WHERE id IN (SELECT owner FROM queue);
DELETE FROM queue;
)sql";

// The same tables, but for what only files of Rookery 0.1 need (queue). Texts that are compared or sorted are so byte by byte, as in SQLite, whatever the database's locale.
// Rows that are written again and again leave room for their next version on the page (fillfactor). without_marks: who
// looks for words without accents finds those with them, as with FTS5's remove_diacritics.
constexpr const char* postgres_schema_1 = R"sql(
CREATE TABLE account (
    id BIGINT GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
    domain TEXT COLLATE "C" NOT NULL,
    local TEXT COLLATE "C" NOT NULL,
    created BIGINT NOT NULL,
    disabled_reason TEXT,
    last_at BIGINT,
    last_status TEXT,
    roster_version BIGINT NOT NULL DEFAULT 0,
    roster_forgotten BIGINT NOT NULL DEFAULT 0,
    document_version BIGINT NOT NULL DEFAULT 0,
    UNIQUE (domain, local)
) WITH (fillfactor = 80);

CREATE TABLE scram_key (
    owner BIGINT NOT NULL REFERENCES account (id) ON DELETE CASCADE,
    hash BIGINT NOT NULL,
    salt BYTEA NOT NULL,
    iterations BIGINT NOT NULL,
    stored_key BYTEA NOT NULL,
    server_key BYTEA NOT NULL,
    PRIMARY KEY (owner, hash)
);

CREATE TABLE roster_item (
    owner BIGINT NOT NULL REFERENCES account (id) ON DELETE CASCADE,
    contact TEXT COLLATE "C" NOT NULL,
    version BIGINT NOT NULL,
    removed BIGINT NOT NULL,
    subscription BIGINT NOT NULL,
    ask BIGINT NOT NULL,
    approved BIGINT NOT NULL,
    name TEXT NOT NULL,
    groups TEXT NOT NULL,
    PRIMARY KEY (owner, contact)
);

CREATE TABLE roster_request (
    owner BIGINT NOT NULL REFERENCES account (id) ON DELETE CASCADE,
    sender TEXT COLLATE "C" NOT NULL,
    position BIGINT NOT NULL,
    stanza TEXT NOT NULL,
    PRIMARY KEY (owner, sender)
);

CREATE TABLE document (
    owner BIGINT NOT NULL REFERENCES account (id) ON DELETE CASCADE,
    key TEXT COLLATE "C" NOT NULL,
    version BIGINT NOT NULL,
    bytes BIGINT NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (owner, key)
);
)sql";

constexpr const char* postgres_schema_2 = R"sql(
CREATE TABLE log (
    id BIGINT PRIMARY KEY,
    owner BIGINT NOT NULL REFERENCES account (id) ON DELETE CASCADE,
    peer_hash BIGINT NOT NULL,
    origin BIGINT,
    bytes BIGINT NOT NULL,
    outgoing SMALLINT NOT NULL,
    archived SMALLINT NOT NULL,
    waiting SMALLINT NOT NULL,
    peer TEXT COLLATE "C" NOT NULL,
    peer_resource TEXT COLLATE "C" NOT NULL,
    stanza TEXT COLLATE "C" NOT NULL
);
CREATE INDEX log_owner ON log (owner, id, archived, peer_hash);
CREATE INDEX log_origin ON log (origin) WHERE origin IS NOT NULL;
CREATE INDEX log_unarchived ON log (id) WHERE archived = 0;

CREATE TABLE log_mark (
    owner BIGINT NOT NULL REFERENCES account (id) ON DELETE CASCADE,
    delivered_through BIGINT NOT NULL,
    searchable_through BIGINT NOT NULL,
    PRIMARY KEY (owner)
) WITH (fillfactor = 70);

CREATE TABLE log_delivered (
    owner BIGINT NOT NULL REFERENCES account (id) ON DELETE CASCADE,
    id BIGINT NOT NULL,
    PRIMARY KEY (owner, id)
);

CREATE TABLE log_text (
    id BIGINT PRIMARY KEY,
    owner BIGINT NOT NULL REFERENCES account (id) ON DELETE CASCADE,
    body TSVECTOR NOT NULL
);
CREATE INDEX log_text_owner ON log_text (owner);
CREATE INDEX log_text_body ON log_text USING gin (body);
CREATE FUNCTION without_marks(words TEXT) RETURNS TEXT LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN regexp_replace(normalize(words, NFD), '[\u0300-\u036f]', '', 'g');
)sql";

constexpr Migration all_migrations[] = {
    {1, "0.1.0", 1, "0.1.0", sqlite_schema_1, nullptr, postgres_schema_1},
    {2, "0.2.0", 1, "0.1.0", sqlite_schema_2, sqlite_take_over_2, postgres_schema_2},
};

struct Meta {
    int schema = 0;
    int oldest_schema = 0;
    std::string oldest_program;
};

int number(const std::string& text) { return std::atoi(text.c_str()); }

Result<Meta> load_meta(SchemaTarget& target) {
    Result<bool> present = target.has_meta();
    if (!present) return std::move(present).error();
    if (!*present) return Meta();
    Result<WriteOutcome> found = target.run(Statement("SELECT key, value FROM meta"));
    if (!found) return std::move(found).error();
    Meta meta;
    for (std::size_t row = 0; row < found->rows.size(); ++row) {
        const std::string& key = found->rows.at(row, 0).text();
        const std::string& value = found->rows.at(row, 1).text();
        if (key == "schema") meta.schema = number(value);
        if (key == "oldest_schema") meta.oldest_schema = number(value);
        if (key == "oldest_program") meta.oldest_program = value;
    }
    return meta;
}

Result<void> check_ours(SchemaTarget& target, const Meta& meta) {
    if (meta.schema > 0) return {};
    Result<bool> empty = target.is_empty();
    if (!empty) return std::move(empty).error();
    if (!*empty) return Error(ErrorCode::invalid, "it has tables, but they are not Rookery's");
    return {};
}

Result<void> check_usable(const Meta& meta, const Migration& newest) {
    if (meta.oldest_schema <= newest.schema) return {};
    return Error(ErrorCode::conflict, "it has schema " + std::to_string(meta.schema) + ", which needs Rookery " +
                                          meta.oldest_program + " or newer; this program knows schema " +
                                          std::to_string(newest.schema) + " (Rookery " + newest.program + ")");
}

Result<void> record(SchemaTarget& target, const char* key, std::string value) {
    Result<WriteOutcome> stored =
        target.run(Statement("INSERT INTO meta (key, value) VALUES (?1, ?2) "
                             "ON CONFLICT (key) DO UPDATE SET value = excluded.value",
                             key, std::move(value)));
    if (!stored) return std::move(stored).error();
    return {};
}

Result<void> record(SchemaTarget& target, const Migration& migration) {
    if (auto done = record(target, "schema", std::to_string(migration.schema)); !done) return done;
    if (auto done = record(target, "program", migration.program); !done) return done;
    if (auto done = record(target, "oldest_schema", std::to_string(migration.oldest_schema)); !done) return done;
    return record(target, "oldest_program", migration.oldest_program);
}

Error while_migrating(const Migration& migration, Error cause) {
    return Error(cause.code, "migration to schema " + std::to_string(migration.schema) + ": " + cause.message);
}

Result<void> apply_newer(SchemaTarget& target, const Meta& meta, std::span<const Migration> known) {
    auto made = target.run(Statement("CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL)"));
    if (!made) return std::move(made).error();
    for (const Migration& migration : known) {
        if (migration.schema <= meta.schema) continue;
        if (auto done = target.apply(migration); !done) return while_migrating(migration, std::move(done).error());
        if (auto done = record(target, migration); !done) return while_migrating(migration, std::move(done).error());
    }
    return {};
}

Result<void> take_over(SchemaTarget& target, std::span<const Migration> known) {
    for (const Migration& migration : known) {
        if (auto done = target.take_over(migration); !done) {
            return Error(done.error().code, "taking over what an older program wrote: " + done.error().message);
        }
    }
    return {};
}

Result<Meta> load_usable_meta(SchemaTarget& target, std::span<const Migration> known) {
    Result<Meta> meta = load_meta(target);
    if (!meta) return meta;
    if (auto ours = check_ours(target, *meta); !ours) return std::move(ours).error();
    if (auto usable = check_usable(*meta, known.back()); !usable) return std::move(usable).error();
    return meta;
}

Result<void> check_and_apply(SchemaTarget& target, std::span<const Migration> known) {
    Result<Meta> meta = load_usable_meta(target, known);
    if (!meta) return std::move(meta).error();
    if (meta->schema < known.back().schema) {
        if (auto applied = apply_newer(target, *meta, known); !applied) return applied;
    }
    return take_over(target, known);
}

}  // namespace

Result<void> SchemaTarget::run_each(const std::vector<Statement>& statements) {
    for (const Statement& statement : statements)
        if (auto done = run(statement); !done) return std::move(done).error();
    return {};
}

std::span<const Migration> migrations() { return all_migrations; }

Result<int> usable_schema(SchemaTarget& target, std::span<const Migration> known) {
    Result<Meta> meta = load_usable_meta(target, known);
    if (!meta) return std::move(meta).error();
    return meta->schema;
}

Result<void> migrate(SchemaTarget& target, std::span<const Migration> known) {
    if (auto begun = target.run(Statement(Sql("BEGIN"))); !begun) return std::move(begun).error();
    Result<void> done = check_and_apply(target, known);
    if (done) {
        if (auto committed = target.run(Statement(Sql("COMMIT"))); committed)
            return {};
        else
            done = std::move(committed).error();
    }
    (void)target.run(Statement(Sql("ROLLBACK")));
    return done;
}

}  // namespace rookery
