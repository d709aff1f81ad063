// Messages that wait for their account to come online, in order. Owner: a bare JID with an account (else not_found).
// When append answers, the message is committed: its sender may be sent an acknowledgement.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "base/task.h"
#include "xmpp/jid.h"

namespace rookery {

class Database;

struct QueuedMessage {
    std::uint64_t id = 0;
    WallTime stamp;
    std::string stanza_xml;

    QueuedMessage(std::uint64_t number, WallTime when, std::string xml)
        : id(number), stamp(when), stanza_xml(std::move(xml)) {}
};

struct QueueSize {
    std::uint64_t messages = 0;
    std::uint64_t bytes = 0;  // of stanza_xml

    QueueSize(std::uint64_t count, std::uint64_t size) : messages(count), bytes(size) {}
};

class QueueStore {
public:
    explicit QueueStore(Database& database) : database_(database) {}

    // Gives the id: ids ascend over the whole database and are never given out again.
    // limit: it would leave the owner with more than max_messages or max_bytes. Both are exact.
    Task<Result<std::uint64_t>> append(Jid owner, WallTime stamp, std::string stanza_xml, std::size_t max_messages,
                                       std::size_t max_bytes);

    // In order of id, after `after_id` (0: from the start), at most `max`; empty also when the owner does not exist.
    Task<Result<std::vector<QueuedMessage>>> load(Jid owner, std::uint64_t after_id, std::size_t max);
    Task<Result<QueueSize>> count(Jid owner);  // one row, no counting; not_found

    // All give how many were removed; ids of other owners and unknown ids are ignored.
    Task<Result<std::uint64_t>> remove_through(Jid owner, std::uint64_t id);        // up to and with it
    Task<Result<std::uint64_t>> remove(Jid owner, std::vector<std::uint64_t> ids);  // invalid: more than max_ids
    Task<Result<std::uint64_t>> remove_all(Jid owner);
    // Of every account, stamped before `before`: one slice of at most max_slice, so that others get their turn; call
    // again while it gives max_slice.
    Task<Result<std::uint64_t>> remove_older(WallTime before);

    static constexpr std::size_t max_ids = 1'000;
    static constexpr std::size_t max_slice = 500;

private:
    Database& database_;
};

}  // namespace rookery
