// MessageLog: the delivery rule (DESIGN section 4) for one host on one shard. What somebody keeps is committed before
// it is delivered, both accounts' copies in one transaction; what waits is forgotten only when a session received it.
//
// Modules say who keeps a message by notes on its Route (archive, archive_sent, wait), up to Stage::archive.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "base/sparse_log.h"
#include "base/task.h"
#include "core/account.h"
#include "core/hooks.h"
#include "core/outcome.h"
#include "core/route.h"
#include "storage/log_store.h"

namespace rookery {

class Host;

class MessageLog {
public:
    explicit MessageLog(Host& host);  // joins the host's hooks; the host's to own
    MessageLog(const MessageLog&) = delete;
    MessageLog& operator=(const MessageLog&) = delete;

    // What waits for the account; in its queue. False: storage does not answer.
    Task<bool> load(std::shared_ptr<Account> account);
    // Does anything wait? Then it is loaded; of most accounts nothing does, and nothing is remembered. In its queue.
    // Nullopt: storage does not answer.
    Task<std::optional<bool>> find_waiting(std::shared_ptr<Account> account);

    // Writes what the notes say; then route.log_id is set. Not passed: refused, or it had been kept before.
    // REQUIRES: the account's ledger is loaded.
    Task<Outcome> commit(Route& route);
    // A message that was handed to a session and should be safe by now: its id, or 0 when storage fails. In the account's queue.
    Task<std::uint64_t> save(std::shared_ptr<Account> account, StanzaPtr message, Jid to);

    // The account's own word: a session's client has these.
    void received(Account& account, std::uint64_t log_id);
    // Writes down soon what was received.
    void note(Account& account);
    // Now. False: there was nothing.
    bool write_down_now(const std::shared_ptr<Account>& account);

    static constexpr Seconds write_down_after{1};  // and when a session ends

private:
    static Outcome commit_received(void* log, Route& route);
    static Outcome commit_sent(void* log, Route& route);
    static Outcome session_closed(void* log, SessionEvent& event);
    static Outcome session_saved(void* log, SessionSaving& event);
    static Outcome session_restored(void* log, SessionRestoring& event);
    Task<Outcome> load_and_commit(Route& route);
    static void note_loaded(Account& account, const DeliveryState& state);
    Task<std::optional<DeliveryState>> load_state(std::shared_ptr<Account> account);
    Task<Outcome> commit_own(Route& route);
    Task<void> write_down(std::shared_ptr<Account> account);
    static Outcome already_kept(Route& route, const Appended& done);
    static void note_committed(Route& route, const Appended& done);
    Outcome refuse(const Route& route, const Error& error);
    void warn(const Account& account, const Error& error);

    Host& host_;
    SparseLog refused_log_;
};

// What makes it the same message when its client sends it again (message_origin); nullopt: it has no origin-id.
std::optional<std::uint64_t> origin_of(const Stanza& message, const Jid& recipient);

// REQUIRES: the account's shard.
class DeliveryLedger;
DeliveryLedger& delivery_ledger(Account& account);

}  // namespace rookery
