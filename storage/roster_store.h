// Rosters (RFC 6121 section 2) with versions (2.6) and the subscription requests that wait for an answer (3.1.3).
// The rules of subscription live in core; this keeps what they decided. Owner: a bare JID with an account (else
// not_found).
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "base/task.h"
#include "xmpp/jid.h"

namespace rookery {

class Database;

enum class Subscription { none = 0, to = 1, from = 2, both = 3 };  // bits: 1 = we see them, 2 = they see us

struct RosterItem {
    Jid contact;
    std::string name;
    Subscription subscription = Subscription::none;
    bool ask_subscribe = false;  // our request is pending out
    bool approved = false;       // pre-approved, RFC 6121 3.4
    std::vector<std::string> groups;

    explicit RosterItem(Jid who) : contact(std::move(who)) {}
    bool operator==(const RosterItem&) const = default;
};

struct PendingRequest {
    Jid from;
    std::string stanza_xml;  // the presence to show again at each login, RFC 6121 3.1.3

    PendingRequest(Jid who, std::string xml) : from(std::move(who)), stanza_xml(std::move(xml)) {}
    bool operator==(const PendingRequest&) const = default;
};

struct Roster {
    std::uint64_t version = 0;
    std::vector<RosterItem> items;
    std::vector<PendingRequest> requests;  // oldest first; needs no item

    Roster() = default;
};

struct RosterChanges {
    std::uint64_t version = 0;
    std::vector<RosterItem> changed;  // oldest change first
    std::vector<Jid> removed;         // oldest first
    std::vector<bool> removal_next;   // both lists in one order: is the next change the next of `removed`?

    RosterChanges() = default;
};

// Versions grow with every put and remove, and are never given out again, not even to a new account of the same name.
class RosterStore {
public:
    explicit RosterStore(Database& database) : database_(database) {}

    Task<Result<Roster>> load(Jid owner);
    // What changed after `version`. Empty: too old (tombstones are kept for max_tombstones removals) or unknown: send
    // all.
    Task<Result<std::optional<RosterChanges>>> load_since(Jid owner, std::uint64_t version);

    // Adds or replaces; gives the new version. limit: a new item while there are max_items.
    // An item that lets the contact see us (from, both) ends the contact's pending request in the same transaction.
    Task<Result<std::uint64_t>> put(Jid owner, RosterItem item, std::size_t max_items);
    // Removes the item, and a pending request of the contact with it; gives the new version. not_found: no such item.
    Task<Result<std::uint64_t>> remove(Jid owner, Jid contact);

    // One request for each contact; a new one replaces the old. limit: a new contact while there are max_requests.
    Task<Result<void>> put_request(Jid owner, PendingRequest request, std::size_t max_requests);
    Task<Result<bool>> remove_request(Jid owner, Jid from);  // was there one?

    static constexpr int max_tombstones = 100;  // for each account

private:
    Database& database_;
};

}  // namespace rookery
