#include "storage/roster_store.h"

#include <algorithm>
#include <limits>

#include "base/log.h"
#include "storage/owner.h"
#include "storage/sql/database.h"

namespace rookery {
namespace {

// A version as clients see it is account.id * 2^32 + the row's counter: ids are never used again, so the versions of a
// removed account are below all of its successor's, and count as too old.
constexpr Sql select_version =
    "SELECT id * 4294967296 + roster_version, id * 4294967296 + roster_forgotten FROM account "
    "WHERE domain = ?1 AND local = ?2";
constexpr Sql next_version =
    "UPDATE account SET roster_version = roster_version + 1 WHERE domain = ?1 AND local = ?2 "
    "RETURNING id * 4294967296 + roster_version";
constexpr Sql select_items =
    "SELECT contact, name, subscription, ask, approved, groups FROM account "
    "JOIN roster_item ON roster_item.owner = account.id "
    "WHERE account.domain = ?1 AND account.local = ?2 AND roster_item.removed = 0 ORDER BY contact";
constexpr Sql select_changes =
    "SELECT contact, name, subscription, ask, approved, groups, removed FROM account "
    "JOIN roster_item ON roster_item.owner = account.id "
    "WHERE account.domain = ?1 AND account.local = ?2 AND account.id * 4294967296 + roster_item.version > ?3 "
    "ORDER BY roster_item.version";
constexpr Sql select_requests =
    "SELECT sender, stanza FROM account JOIN roster_request ON roster_request.owner = account.id "
    "WHERE account.domain = ?1 AND account.local = ?2 ORDER BY position";
constexpr Sql upsert_item =
    "INSERT INTO roster_item (owner, contact, version, removed, subscription, ask, approved, name, groups) "
    "SELECT id, ?3, roster_version, 0, ?4, ?5, ?6, ?7, ?8 FROM account WHERE domain = ?1 AND local = ?2 "
    "ON CONFLICT (owner, contact) DO UPDATE SET version = excluded.version, removed = 0, "
    "subscription = excluded.subscription, ask = excluded.ask, approved = excluded.approved, "
    "name = excluded.name, groups = excluded.groups";
// Gives no row when the item is new and there are ?4 already; a full roster can still be changed.
constexpr Sql has_room_for_item =
    "SELECT account.id FROM account WHERE domain = ?1 AND local = ?2 AND (EXISTS "
    "(SELECT 1 FROM roster_item WHERE owner = account.id AND contact = ?3 AND removed = 0) OR "
    "(SELECT count(*) FROM roster_item WHERE owner = account.id AND removed = 0) < ?4)";
constexpr Sql bury_item =
    "UPDATE roster_item SET removed = 1, subscription = 0, ask = 0, approved = 0, name = '', groups = '', "
    "version = (SELECT roster_version FROM account WHERE id = owner) "
    "WHERE owner = (SELECT id FROM account WHERE domain = ?1 AND local = ?2) AND contact = ?3 AND removed = 0";
// The newest tombstone but ?3, when there are so many: it and those before it are forgotten.
constexpr Sql forget_version =
    "UPDATE account SET roster_forgotten = coalesce((SELECT version FROM roster_item WHERE owner = account.id "
    "AND removed = 1 ORDER BY version DESC LIMIT 1 OFFSET ?3), roster_forgotten) WHERE domain = ?1 AND local = ?2";
constexpr Sql delete_tombstones =
    "DELETE FROM roster_item WHERE owner = (SELECT id FROM account WHERE domain = ?1 AND local = ?2) "
    "AND removed = 1 AND version <= (SELECT roster_forgotten FROM account WHERE id = owner)";
constexpr Sql find_account = "SELECT id FROM account WHERE domain = ?1 AND local = ?2";
constexpr Sql has_room_for_request =
    "SELECT account.id FROM account WHERE domain = ?1 AND local = ?2 AND (EXISTS "
    "(SELECT 1 FROM roster_request WHERE owner = account.id AND sender = ?3) OR "
    "(SELECT count(*) FROM roster_request WHERE owner = account.id) < ?4)";
constexpr Sql upsert_request =
    "INSERT INTO roster_request (owner, sender, position, stanza) "
    "SELECT id, ?3, (SELECT coalesce(max(position), 0) + 1 FROM roster_request WHERE owner = account.id), ?4 "
    "FROM account WHERE domain = ?1 AND local = ?2 "
    "ON CONFLICT (owner, sender) DO UPDATE SET stanza = excluded.stanza";
constexpr Sql delete_request =
    "DELETE FROM roster_request WHERE owner = (SELECT id FROM account WHERE domain = ?1 AND local = ?2) "
    "AND sender = ?3";

// Groups are one text. XML cannot hold the unit separator (XML 1.0 section 2.2), so no group name has it.
constexpr char separator = '\x1f';

std::optional<std::string> join(const std::vector<std::string>& groups) {
    std::string all;
    for (const std::string& group : groups) {
        if (group.empty() || group.find(separator) != std::string::npos) return std::nullopt;
        if (!all.empty()) all += separator;
        all += group;
    }
    return all;
}

std::vector<std::string> split(std::string_view all) {
    std::vector<std::string> groups;
    while (!all.empty()) {
        const std::size_t end = std::min(all.find(separator), all.size());
        groups.emplace_back(all.substr(0, end));
        all.remove_prefix(std::min(end + 1, all.size()));
    }
    return groups;
}

// Addresses are written in normal form; one that a later Unicode version refuses is skipped, and stays where it is.
std::optional<Jid> stored_jid(const Jid& owner, const SqlValue& text) {
    std::optional<Jid> jid = Jid::parse(text.text());
    if (!jid) log_error("stored_jid_malformed", {{"owner", owner.str()}, {"jid", text.text()}});
    return jid;
}

RosterItem make_item(Jid contact, Rows& rows, std::size_t row) {
    RosterItem item(std::move(contact));
    item.name = rows.at(row, 1).take_text();
    item.subscription = static_cast<Subscription>(rows.at(row, 2).integer() & 3);
    item.ask_subscribe = rows.at(row, 3).integer() != 0;
    item.approved = rows.at(row, 4).integer() != 0;
    item.groups = split(rows.at(row, 5).text());
    return item;
}

std::uint64_t version_in(const Rows& rows, std::size_t column = 0) {
    return static_cast<std::uint64_t>(rows.at(0, column).integer());
}

Roster make_roster(const Jid& owner, Rows& version, Rows& items, Rows& requests) {
    Roster roster;
    roster.version = version_in(version);
    roster.items.reserve(items.size());
    for (std::size_t row = 0; row < items.size(); ++row) {
        if (auto contact = stored_jid(owner, items.at(row, 0))) {
            roster.items.push_back(make_item(std::move(*contact), items, row));
        }
    }
    for (std::size_t row = 0; row < requests.size(); ++row) {
        if (auto from = stored_jid(owner, requests.at(row, 0))) {
            roster.requests.emplace_back(std::move(*from), requests.at(row, 1).take_text());
        }
    }
    return roster;
}

RosterChanges make_changes(const Jid& owner, const Rows& version, Rows& rows) {
    RosterChanges changes;
    changes.version = version_in(version);
    for (std::size_t row = 0; row < rows.size(); ++row) {
        std::optional<Jid> contact = stored_jid(owner, rows.at(row, 0));
        if (!contact) continue;
        const bool removed = rows.at(row, 6).integer() != 0;
        changes.removal_next.push_back(removed);
        if (removed) {
            changes.removed.push_back(std::move(*contact));
        } else {
            changes.changed.push_back(make_item(std::move(*contact), rows, row));
        }
    }
    return changes;
}

bool sees_us(Subscription subscription) {
    return subscription == Subscription::from || subscription == Subscription::both;
}

Result<std::uint64_t> new_version(const Result<std::vector<WriteOutcome>>& outcomes) {
    if (!outcomes) return outcomes.error();
    return version_in(outcomes->front().rows);
}

Statement next_version_of(const Jid& owner) {
    return of_owner(next_version, owner).must_change(ErrorCode::not_found, "no such account");
}

}  // namespace

Task<Result<Roster>> RosterStore::load(Jid owner) {
    if (!is_account(owner)) co_return not_an_owner(owner);
    std::vector<Statement> work =
        together(of_owner(select_version, owner), of_owner(select_items, owner), of_owner(select_requests, owner));
    Result<std::vector<Rows>> found = co_await database_.read(std::move(work));
    if (!found) co_return std::move(found).error();
    if ((*found)[0].empty()) co_return no_account();
    co_return make_roster(owner, (*found)[0], (*found)[1], (*found)[2]);
}

Task<Result<std::optional<RosterChanges>>> RosterStore::load_since(Jid owner, std::uint64_t version) {
    if (!is_account(owner)) co_return not_an_owner(owner);
    const std::uint64_t largest = std::numeric_limits<std::int64_t>::max();
    std::vector<Statement> work =
        together(of_owner(select_version, owner), of_owner(select_changes, owner, std::min(version, largest)));
    Result<std::vector<Rows>> found = co_await database_.read(std::move(work));
    if (!found) co_return std::move(found).error();
    const Rows& versions = (*found)[0];
    if (versions.empty()) co_return no_account();
    const bool known = version >= version_in(versions, 1) && version <= version_in(versions, 0);
    if (!known) co_return std::optional<RosterChanges>();
    co_return std::optional<RosterChanges>(make_changes(owner, versions, (*found)[1]));
}

Task<Result<std::uint64_t>> RosterStore::put(Jid owner, RosterItem item, std::size_t max_items) {
    if (!is_account(owner)) co_return not_an_owner(owner);
    std::optional<std::string> groups = join(item.groups);
    if (!groups) co_return Error(ErrorCode::invalid, "a group name is empty or holds a control character");
    std::vector<Statement> work =
        together(next_version_of(owner), of_owner(has_room_for_item, owner, item.contact.str(), max_items)
                                             .must_change(ErrorCode::limit, "the roster is full"));
    work.push_back(of_owner(upsert_item, owner, item.contact.str(), static_cast<int>(item.subscription),
                            item.ask_subscribe, item.approved, std::move(item.name), std::move(*groups)));
    if (sees_us(item.subscription)) work.push_back(of_owner(delete_request, owner, item.contact.str()));
    co_return new_version(co_await database_.write(std::move(work)));
}

Task<Result<std::uint64_t>> RosterStore::remove(Jid owner, Jid contact) {
    if (!is_account(owner)) co_return not_an_owner(owner);
    std::vector<Statement> work =
        together(next_version_of(owner),
                 of_owner(bury_item, owner, contact.str()).must_change(ErrorCode::not_found, "no such roster item"),
                 of_owner(forget_version, owner, max_tombstones), of_owner(delete_tombstones, owner),
                 of_owner(delete_request, owner, contact.str()));
    co_return new_version(co_await database_.write(std::move(work)));
}

Task<Result<void>> RosterStore::put_request(Jid owner, PendingRequest request, std::size_t max_requests) {
    if (!is_account(owner)) co_return not_an_owner(owner);
    std::vector<Statement> work =
        together(of_owner(find_account, owner).must_change(ErrorCode::not_found, "no such account"),
                 of_owner(has_room_for_request, owner, request.from.str(), max_requests)
                     .must_change(ErrorCode::limit, "too many subscription requests wait"),
                 of_owner(upsert_request, owner, request.from.str(), std::move(request.stanza_xml)));
    co_return done_or_error(co_await database_.write(std::move(work)));
}

Task<Result<bool>> RosterStore::remove_request(Jid owner, Jid from) {
    if (!is_account(owner)) co_return not_an_owner(owner);
    Result<WriteOutcome> done = co_await database_.change(of_owner(delete_request, owner, from.str()));
    if (!done) co_return std::move(done).error();
    co_return done->changed > 0;
}

}  // namespace rookery
