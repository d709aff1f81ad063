// Account: a local bare JID on its home shard: its sessions, its cached roster, and the queue that keeps stanzas for
// it in order while a handler waits. Exists in memory while it has sessions, is at work, or sits in the shard's
// bounded cache. `exists()` may be false: strangers write to users that are not there.
#pragma once

#include <deque>
#include <exception>
#include <memory>
#include <optional>
#include <string_view>

#include <boost/container/small_vector.hpp>

#include "base/queue_board.h"
#include "base/result.h"
#include "base/task.h"
#include "core/jid_set.h"
#include "core/route.h"
#include "core/session.h"
#include "core/slot.h"
#include "storage/roster_store.h"

namespace rookery {

class Host;

class Account : public std::enable_shared_from_this<Account> {
public:
    Account(Host& host, Jid bare, bool exists);
    ~Account();
    Account(const Account&) = delete;
    Account& operator=(const Account&) = delete;

    const Jid& jid() const { return jid_; }
    Host& host() const { return host_; }
    bool exists() const { return exists_; }
    void mark_removed() { exists_ = false; }  // core/account_admin only

    using Sessions = boost::container::small_vector<SessionPtr, 1>;  // most have one
    const Sessions& sessions() const { return sessions_; }
    SessionPtr find_session(std::string_view resource) const;
    bool has_available_session() const;
    // The last presence that made the account unavailable, for probes (RFC 6121 4.3.2); null: none since start.
    const StanzaPtr& last_unavailable() const { return last_unavailable_; }
    void set_last_unavailable(StanzaPtr presence) { last_unavailable_ = std::move(presence); }

    // Cached roster, or nullptr until load_roster; it may be forgotten during any wait.
    Roster* roster() const { return roster_.get(); }
    // The pointer holds it beyond waits and evictions; changes show in it while it is the cached one. That of an account
    // that does not exist is empty.
    Task<Result<std::shared_ptr<Roster>>> load_roster();
    // Write through to storage and cache. Errors as RosterStore's; put and remove give the roster's new version.
    Task<Result<std::uint64_t>> put_roster_item(RosterItem item, std::size_t max_items);
    Task<Result<std::uint64_t>> remove_roster_item(Jid contact);
    Task<Result<void>> put_request(PendingRequest request, std::size_t max_requests);
    Task<Result<bool>> remove_request(Jid from);
    // Bytes of the roster's items, as load_roster gave it last and changes made it since.
    std::size_t roster_bytes() const { return roster_bytes_; }
    // To save memory. What is_seen_by knows stays.
    void forget_roster() { roster_.reset(); }
    // May this contact see the account's presence (from, both)? Without storage, once the roster was loaded; before that
    // nullopt: load_roster and ask again.
    std::optional<bool> is_seen_by(const Jid& contact) const;
    // Known without storage, too. False: somebody does, or it is not known.
    bool is_seen_by_nobody() const { return knows_seen_by_ && seen_by_.size() == 0; }

    SlotMap& slots() { return slots_; }

    // Runs the received hooks and delivery for one stanza; behind those that wait already. Takes what comes.
    void receive(RoutePtr route);
    // Runs `work` in the same queue, alone: for module work that must not interleave with stanzas of this account.
    void enqueue(Task<void> work);
    // The same for work with a result, handed to whoever awaits. Never awaited from within the queue: it would wait for itself.
    template <class T>
    Task<T> alone(Task<T> work);
    bool busy() const { return busy_ || commits_ > 0; }
    // Messages that are being committed, any number at once; they end in their order. Everything else waits for them but
    // presence and requests.
    bool committing() const { return commits_ > 0; }
    // REQUIRES: committing(), and the caller runs in the account's queue.
    Task<void> commits_done();

    // The stanzas and the work that wait in the queue, for gauges.
    QueueMember waiting(SteadyTime now) const;

    // Bookkeeping of the shard's cache.
    bool in_idle_list() const { return in_idle_list_; }
    void set_in_idle_list(bool in) { in_idle_list_ = in; }

    void add_session(SessionPtr session);
    // Takes it out and runs session_closed. Unknown sessions are ignored.
    void remove_session(const SessionPtr& session);

private:
    struct Waiting {
        RoutePtr route;   // one of the two
        Task<void> work;
        SteadyTime since = {};  // it is in the queue
    };
    bool must_queue() const { return busy_ || draining_ || waiting_; }
    void queue(Waiting item);
    void start(Waiting item);
    void run_next();
    Task<void> run_task(Task<void> work);
    Task<void> run_commit(Task<void> work);
    Task<void> contained(Task<void> work);
    std::shared_ptr<Roster> no_roster();
    void set_seen_by(const Roster& roster);
    void note_seen_by(const Jid& contact, Subscription subscription);

    Host& host_;
    Jid jid_;
    Sessions sessions_;
    std::shared_ptr<Roster> roster_;
    std::uint64_t roster_changes_ = 0;
    std::size_t roster_bytes_ = 0;
    JidSet seen_by_;  // once it is known
    StanzaPtr last_unavailable_;
    SlotMap slots_;
    std::unique_ptr<std::deque<Waiting>> waiting_;
    Completion<Nothing>* last_commit_ = nullptr;  // who waits for commits_ to become 0
    unsigned commits_ = 0;
    bool exists_;
    bool busy_ = false;
    bool draining_ = false;
    bool in_idle_list_ = false;
    bool knows_seen_by_ = false;
};

using AccountPtr = std::shared_ptr<Account>;

namespace detail {
template <class T>
struct Finished {
    std::optional<T> value;
    std::exception_ptr failure;
};

template <class T>
Task<void> finish(Task<T> work, Completion<Finished<T>>& done) {
    Finished<T> finished;
    try {
        T value = co_await work;
        finished.value.emplace(std::move(value));
    } catch (...) {
        finished.failure = std::current_exception();
    }
    done.complete(std::move(finished));
}
}  // namespace detail

template <class T>
Task<T> Account::alone(Task<T> work) {
    const auto self = shared_from_this();
    Completion<detail::Finished<T>> done;
    enqueue(detail::finish(std::move(work), done));
    detail::Finished<T> finished = co_await done;
    if (finished.failure) std::rethrow_exception(finished.failure);
    co_return std::move(*finished.value);
}

// nullptr: not in the roster.
const RosterItem* find_item(const Roster& roster, const Jid& contact);

// Of its address, name and groups together: what a roster is bounded by.
std::size_t bytes_of(const RosterItem& item);

}  // namespace rookery
