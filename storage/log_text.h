// The SQL that the engines do not share: full-text search in the log. SQLite has FTS5, with the owner as a word of
// every text, so that a search meets only his; PostgreSQL a row log_text (id, owner, body) for each, body a tsvector.
// An account has texts up to log_mark.searchable_through, which moves when it searches. Words come in quotes: both take
// it.
#pragma once

#include "storage/sql/statement.h"

namespace rookery {

// Pages and counts of archive_store.cpp, among what matches. (CROSS JOIN: SQLite shall ask for the words first.)
inline constexpr Sql select_first_match{
    "SELECT log.id, log.outgoing, log.stanza, old.found FROM (SELECT old.id, count(*) OVER () AS found, "
    "sum(old.bytes) OVER (ORDER BY old.id) - old.bytes AS ahead FROM (SELECT log.id, log.bytes "
    "FROM account CROSS JOIN log_text ON log_text MATCH 'owner : ' || account.id || ' AND body : (' || ?10 || ')' "
    "CROSS JOIN log ON log.id = log_text.rowid "
    "WHERE account.domain = ?1 AND account.local = ?2 AND log.owner = account.id AND log.id > ?3 AND log.id < ?4 "
    "AND log.archived = 1 "
    "AND log.peer_hash >= ?5 AND log.peer_hash <= CASE WHEN ?5 < 0 THEN 4294967295 ELSE ?5 END AND (?6 = '' OR "
    "log.peer = ?6) AND (?7 = '' OR log.peer_resource = ?7) "
    "ORDER BY log.id LIMIT ?8) AS old) AS old JOIN log ON log.id = old.id WHERE old.ahead < ?9 ORDER BY log.id",
    "SELECT log.id, log.outgoing, log.stanza, old.found FROM (SELECT old.id, count(*) OVER () AS found, "
    "sum(old.bytes) OVER (ORDER BY old.id) - old.bytes AS ahead FROM (SELECT log.id, log.bytes "
    "FROM account JOIN log_text ON log_text.owner = account.id "
    "AND log_text.body @@ websearch_to_tsquery('simple', without_marks(?10)) JOIN log ON log.id = log_text.id "
    "WHERE account.domain = ?1 AND account.local = ?2 AND log.owner = account.id AND log.id > ?3 AND log.id < ?4 "
    "AND log.archived = 1 "
    "AND log.peer_hash >= ?5 AND log.peer_hash <= CASE WHEN ?5 < 0 THEN 4294967295 ELSE ?5 END AND (?6 = '' OR "
    "log.peer = ?6) AND (?7 = '' OR log.peer_resource = ?7) "
    "ORDER BY log.id LIMIT ?8) AS old) AS old JOIN log ON log.id = old.id WHERE old.ahead < ?9 ORDER BY log.id"};
inline constexpr Sql select_last_match{
    "SELECT log.id, log.outgoing, log.stanza, old.found FROM (SELECT old.id, count(*) OVER () AS found, "
    "sum(old.bytes) OVER (ORDER BY old.id DESC) - old.bytes AS ahead FROM (SELECT log.id, log.bytes "
    "FROM account CROSS JOIN log_text ON log_text MATCH 'owner : ' || account.id || ' AND body : (' || ?10 || ')' "
    "CROSS JOIN log ON log.id = log_text.rowid "
    "WHERE account.domain = ?1 AND account.local = ?2 AND log.owner = account.id AND log.id > ?3 AND log.id < ?4 "
    "AND log.archived = 1 "
    "AND log.peer_hash >= ?5 AND log.peer_hash <= CASE WHEN ?5 < 0 THEN 4294967295 ELSE ?5 END AND (?6 = '' OR "
    "log.peer = ?6) AND (?7 = '' OR log.peer_resource = ?7) "
    "ORDER BY log.id DESC LIMIT ?8) AS old) AS old JOIN log ON log.id = old.id WHERE old.ahead < ?9 ORDER BY log.id "
    "DESC",
    "SELECT log.id, log.outgoing, log.stanza, old.found FROM (SELECT old.id, count(*) OVER () AS found, "
    "sum(old.bytes) OVER (ORDER BY old.id DESC) - old.bytes AS ahead FROM (SELECT log.id, log.bytes "
    "FROM account JOIN log_text ON log_text.owner = account.id "
    "AND log_text.body @@ websearch_to_tsquery('simple', without_marks(?10)) JOIN log ON log.id = log_text.id "
    "WHERE account.domain = ?1 AND account.local = ?2 AND log.owner = account.id AND log.id > ?3 AND log.id < ?4 "
    "AND log.archived = 1 "
    "AND log.peer_hash >= ?5 AND log.peer_hash <= CASE WHEN ?5 < 0 THEN 4294967295 ELSE ?5 END AND (?6 = '' OR "
    "log.peer = ?6) AND (?7 = '' OR log.peer_resource = ?7) "
    "ORDER BY log.id DESC LIMIT ?8) AS old) AS old JOIN log ON log.id = old.id WHERE old.ahead < ?9 ORDER BY log.id "
    "DESC"};
inline constexpr Sql count_matches{
    "SELECT count(*) FROM (SELECT log.id "
    "FROM account CROSS JOIN log_text ON log_text MATCH 'owner : ' || account.id || ' AND body : (' || ?9 || ')' "
    "CROSS JOIN log ON log.id = log_text.rowid "
    "WHERE account.domain = ?1 AND account.local = ?2 AND log.owner = account.id AND log.id > ?3 AND log.id < ?4 "
    "AND log.archived = 1 "
    "AND log.peer_hash >= ?5 AND log.peer_hash <= CASE WHEN ?5 < 0 THEN 4294967295 ELSE ?5 END AND (?6 = '' OR "
    "log.peer = ?6) AND (?7 = '' OR log.peer_resource = ?7) "
    "LIMIT ?8) AS old",
    "SELECT count(*) FROM (SELECT log.id FROM account JOIN log_text ON log_text.owner = account.id "
    "AND log_text.body @@ websearch_to_tsquery('simple', without_marks(?9)) JOIN log ON log.id = log_text.id "
    "WHERE account.domain = ?1 AND account.local = ?2 AND log.owner = account.id AND log.id > ?3 AND log.id < ?4 "
    "AND log.archived = 1 "
    "AND log.peer_hash >= ?5 AND log.peer_hash <= CASE WHEN ?5 < 0 THEN 4294967295 ELSE ?5 END AND (?6 = '' OR "
    "log.peer = ?6) AND (?7 = '' OR log.peer_resource = ?7) "
    "LIMIT ?8) AS old"};
// If it is still what was read.
inline constexpr Sql insert_text{
    "INSERT INTO log_text (rowid, owner, body) SELECT log.id, log.owner, ?2 FROM log "
    "WHERE log.id = ?1 AND log.archived = 1 AND log.stanza = ?3",
    "INSERT INTO log_text (id, owner, body) SELECT log.id, log.owner, to_tsvector('simple', without_marks(?2)) "
    "FROM log WHERE log.id = ?1 AND log.archived = 1 AND log.stanza = ?3"};

// A message that is replaced. (Triggers could do all this, but SQLite 3.40 does not trust FTS5 inside a schema.)
inline constexpr Sql delete_text{"DELETE FROM log_text WHERE rowid = ?1", "DELETE FROM log_text WHERE id = ?1"};
// Messages that are removed or hidden: of one account ...
inline constexpr Sql delete_texts{
    "DELETE FROM log_text WHERE rowid IN (SELECT log.id FROM account JOIN log_mark ON log_mark.owner = account.id "
    "JOIN log ON log.owner = account.id AND log.id <= log_mark.searchable_through "
    "WHERE account.domain = ?1 AND account.local = ?2 AND log.id > ?3 AND log.id < ?4 AND log.archived = 1 "
    "AND log.peer_hash >= ?5 AND log.peer_hash <= CASE WHEN ?5 < 0 THEN 4294967295 ELSE ?5 END AND (?6 = '' OR "
    "log.peer = ?6) AND (?7 = '' OR log.peer_resource = ?7))",
    "DELETE FROM log_text WHERE id > ?3 AND id < ?4 AND id IN (SELECT log.id FROM log "
    "WHERE log.owner = (SELECT id FROM account WHERE domain = ?1 AND local = ?2) "
    "AND log.id > ?3 AND log.id < ?4 AND log.archived = 1 "
    "AND log.peer_hash >= ?5 AND log.peer_hash <= CASE WHEN ?5 < 0 THEN 4294967295 ELSE ?5 END AND (?6 = '' OR "
    "log.peer = ?6) AND (?7 = '' OR log.peer_resource = ?7))"};
// ... of all ...
inline constexpr Sql delete_texts_of_all{
    "DELETE FROM log_text WHERE rowid IN (SELECT log.id FROM log JOIN log_mark ON log_mark.owner = log.owner "
    "AND log.id <= log_mark.searchable_through WHERE log.id > ?1 AND log.id < ?2 AND log.archived = 1)",
    "DELETE FROM log_text WHERE id > ?1 AND id < ?2 "
    "AND EXISTS (SELECT 1 FROM log WHERE log.id = log_text.id AND log.archived = 1)"};
// ... and everything of an account.
inline constexpr Sql delete_texts_of_account{
    "DELETE FROM log_text WHERE rowid IN (SELECT log.id FROM account JOIN log_mark ON log_mark.owner = account.id "
    "JOIN log ON log.owner = account.id AND log.id <= log_mark.searchable_through "
    "WHERE account.domain = ?1 AND account.local = ?2 AND log.archived = 1)",
    "DELETE FROM log_text WHERE owner = (SELECT id FROM account WHERE domain = ?1 AND local = ?2)"};

}  // namespace rookery
