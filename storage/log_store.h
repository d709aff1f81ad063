// LogStore: one log per account, and what of it was received. Archive (archive_store.h) and offline queue are views of
// its rows: a row is `archived`, or `waiting` for a session of its owner, or both. (DESIGN section 4)
//
// Owners are bare JIDs with an account. A function answers ErrorCode::invalid for another owner, not_found for one
// without account, and what database.h says; each is one Database call. When a write has answered, it is committed: its
// sender may be sent an acknowledgement.
//
// Ids are stamped ids (base/stamped_id.h: they hold the time), made while the row is written, so that for all accounts
// together a later commit has larger ids: who reads "after id X" misses nothing.
//
// Waiting now: `waiting`, above the owner's watermark, and not among the few acknowledged beyond it. Only the owner's
// home shard acknowledges, and it holds the bound on what waits: this store counts, but does not limit.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "base/task.h"
#include "xmpp/jid.h"

namespace rookery {

class Database;

struct LogCopy {  // the row of one account
    Jid owner;
    Jid peer;  // the other side, with its resource if it has one
    bool outgoing = false;
    bool archived = false;  // one of these two at least
    bool waiting = false;

    LogCopy(Jid whose, Jid other_side) : owner(std::move(whose)), peer(std::move(other_side)) {}
};

struct NewLogEntry {
    LogCopy first;  // the recipient's, where it is an account here
    std::optional<LogCopy> second;
    std::string stanza_xml;
    std::optional<std::uint64_t> origin;  // of the first row: message_origin()

    NewLogEntry(LogCopy copy, std::string xml) : first(std::move(copy)), stanza_xml(std::move(xml)) {}
};

struct Appended {
    std::uint64_t id = 0;         // of the first row; of the one that was there already, if it is a duplicate
    std::uint64_t second_id = 0;  // 0: there was no second, or it is a duplicate
    bool duplicate = false;       // nothing was written

    Appended(std::uint64_t first, std::uint64_t second, bool seen) : id(first), second_id(second), duplicate(seen) {}
};

struct WaitingMessage {
    std::uint64_t id = 0;
    std::string stanza_xml;
    bool archived = false;

    WaitingMessage(std::uint64_t number, std::string xml, bool in_archive)
        : id(number), stanza_xml(std::move(xml)), archived(in_archive) {}
};

struct DeliveryState {
    std::uint64_t delivered_through = 0;          // the watermark
    std::vector<std::uint64_t> delivered_beyond;  // ascending, all above it
    std::uint64_t messages = 0;                   // that wait now
    std::uint64_t bytes = 0;                      // of their stanza_xml

    DeliveryState() = default;
};

struct SentMessage {
    std::uint64_t recipients_id = 0;  // 0: there is none
    std::uint64_t senders_id = 0;

    SentMessage(std::uint64_t recipient, std::uint64_t sender) : recipients_id(recipient), senders_id(sender) {}
};

struct RemovedSlice {
    std::uint64_t removed = 0;  // messages
    std::uint64_t next = 0;     // the `after` of the next call; 0: that was all

    RemovedSlice(std::uint64_t count, std::uint64_t after) : removed(count), next(after) {}
};

// What makes a message the same one (XEP-0359 origin-id), for bare addresses. Kept in databases: never to be changed.
std::uint64_t message_origin(const Jid& sender, std::string_view origin_id, const Jid& recipient);

class LogStore {
public:
    explicit LogStore(Database& database) : database_(database) {}

    // Both rows or none. If the first row's owner has a row of the same origin that is not older than
    // duplicate_window, the answer names it and nothing is written. not_found: one of the owners has no account.
    // invalid: a row neither archived nor waiting.
    Task<Result<Appended>> append(NewLogEntry entry);

    // What a login needs, in one round trip.
    Task<Result<DeliveryState>> load_delivery(Jid owner);
    // What waits now, in order, after `after_id` (0: all); at most `max` and max_page of them, and at most
    // max_page_bytes, but at least one if there is any. Empty also when the owner does not exist.
    Task<Result<std::vector<WaitingMessage>>> load_waiting(Jid owner, std::uint64_t after_id, std::size_t max);
    // Moves the watermark to `through` (never back), and lets `beyond` (ids above it, at most max_beyond: else
    // invalid) replace what was received out of order. Rows up to it that no archive keeps are dropped; of those in the
    // duplicate window the origin stays.
    Task<Result<void>> acknowledge(Jid owner, std::uint64_t through, std::vector<std::uint64_t> beyond);

    // The newest row of that origin, archived or waiting (XEP-0424: which message does the sender retract); not_found.
    Task<Result<std::uint64_t>> find_origin(Jid owner, std::uint64_t origin);
    // Both rows of a message between two accounts here; not_found: the recipient has none.
    Task<Result<SentMessage>> find_sent(Jid recipient, Jid sender, std::uint64_t origin);
    // Puts something else in the place of a message (XEP-0424: a tombstone); not_found.
    Task<Result<void>> replace(Jid owner, std::uint64_t id, std::string stanza_xml);

    // One slice (at most max_slice rows after id `after`, 0 at first) of the rows of all accounts that no archive keeps
    // and that are older than duplicate_window: removes what was received meanwhile, and what waits since before
    // `waiting_before`. Twice as many database calls as slices: a look, which keeps nobody waiting, and a write.
    Task<Result<RemovedSlice>> remove_unarchived(WallTime now, WallTime waiting_before, std::uint64_t after);

    static constexpr Milliseconds duplicate_window = std::chrono::hours(24);
    static constexpr std::size_t max_beyond = 1'000;
    static constexpr std::size_t max_page = 500;
    static constexpr std::size_t max_page_bytes = 4u << 20;
    static constexpr std::size_t max_slice = 250;

private:
    Task<Result<Appended>> duplicate_or_error(NewLogEntry entry, Error refused);

    Database& database_;
};

}  // namespace rookery
