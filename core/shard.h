// Shard: one core's share of the server: a thread, its loop, the accounts whose home it is, the hosts' hooks and
// modules. Nothing in it is touched by another thread; other shards are asked through Shards.
#pragma once

#include <algorithm>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string_view>
#include <type_traits>
#include <unordered_set>
#include <vector>

#include "base/loop.h"
#include "base/queue_board.h"
#include "base/result.h"
#include "base/stamped_id.h"
#include "base/task.h"
#include "core/account.h"
#include "core/host.h"
#include "core/memory_board.h"
#include "core/router.h"

namespace rookery {

class PasswordHasher;
class Shard;
class Shards;

// What one shard sends another through the bounded rings: a stanza for one or for many of its accounts.
struct Parcel {
    RoutePtr route;
    std::vector<Jid> recipients;  // not empty: a fan-out of route->stanza
};

// The rings, as core sees them (net/mailbox.h behind it).
class ShardLink {
public:
    virtual ~ShardLink() = default;
    // False: the ring is full, the parcel untouched.
    virtual bool try_send(unsigned from, unsigned to, Parcel& parcel) = 0;
    // `room` runs once on shard `from`'s loop when that ring, which was full, has room again.
    virtual void on_room(unsigned from, unsigned to, Callback room) = 0;
};

struct ShardOptions {
    std::size_t max_cached_accounts = 1'000;  // without sessions, per shard
    std::size_t max_cached_rosters = 1'000;   // per shard
    std::size_t max_parked = 100'000;         // parcels without room in a ring, per shard; answers are taken beyond that
};

// Numbers every shard keeps; read from other threads through Shards::on.
struct ShardCounters {
    std::uint64_t messages = 0, presences = 0, iqs = 0;       // from clients
    std::uint64_t delivered = 0;                              // to sessions
    std::uint64_t undelivered = 0;                            // messages no session could take
    std::uint64_t refused = 0;
    std::uint64_t logins = 0;
};

// What went through those of its queues that are many behind one name.
struct ShardFlows {
    QueueCounts waiting;         // stanzas, for an account's storage or its module
    QueueCounts unsettled;       // clients' stanzas, for those they are for and for storage
    QueueCounts undelivered;     // messages that are in the log, for a session
    QueueCounts parked;          // parcels, for room in a ring
    QueueCounts unacknowledged;  // stanzas, for a client's word (XEP-0198)
    QueueCounts unacknowledged_bytes;
    std::uint64_t cached_accounts = 0;  // that came into the cache
    std::uint64_t cached_rosters = 0;
};

// By address, without a copy of it. Not noexcept: then libstdc++ keeps the hashes, and looks at no other account on the
// way to the one that is wanted.
struct AccountHash {
    using is_transparent = void;
    std::size_t operator()(std::string_view bare) const { return std::hash<std::string_view>()(bare); }
    std::size_t operator()(const AccountPtr& account) const { return (*this)(account->jid().str()); }
};
struct AccountEqual {
    using is_transparent = void;
    bool operator()(const AccountPtr& one, const AccountPtr& other) const { return one->jid() == other->jid(); }
    bool operator()(std::string_view bare, const AccountPtr& account) const { return account->jid().str() == bare; }
    bool operator()(const AccountPtr& account, std::string_view bare) const { return account->jid().str() == bare; }
};

class Shard {
public:
    Shard(Shards& all, unsigned index, Loop& loop, Stores& stores, ShardOptions options = {});
    ~Shard();
    Shard(const Shard&) = delete;
    Shard& operator=(const Shard&) = delete;

    unsigned index() const { return index_; }
    Loop& loop() const { return loop_; }
    Stores& stores() const { return stores_; }
    Shards& all() const { return all_; }
    Router& router() { return router_; }
    ShardCounters& counters() { return counters_; }
    ShardFlows& flows() { return flows_; }
    // What can fill up here. Everybody who lives as long as the shard declares what he has.
    QueueBoard& queues() { return queues_; }
    // What memory is used for here; declared likewise.
    MemoryBoard& memory() { return memory_; }
    // A part each turn, so that nobody waits for it: what comes and goes meanwhile is counted or not.
    Task<std::vector<MemoryReport>> measure_memory();
    // Reads the counters once a second from now on, so that rates are known when somebody asks. Once.
    void watch_queues();
    SteadyTime started() const { return started_; }

    Host* find_host(std::string_view domain) const;
    const std::vector<std::unique_ptr<Host>>& hosts() const { return hosts_; }
    // Reload: adds, changes and removes hosts. Sessions of a removed host end with host-gone.
    void apply(const std::vector<std::shared_ptr<const HostOptions>>& hosts);

    // Accounts at home here. REQUIRES (asserted): home_of(bare) is this shard.
    AccountPtr find_account(std::string_view bare) const;  // in memory
    Task<Result<AccountPtr>> load_account(Jid bare);       // asks storage whether it exists; caches the answer
    AccountPtr account_for_login(const Jid& bare);         // known to exist
    void account_has_changed(const Jid& bare, bool exists);  // created or removed
    // From before its rows go until all have heard of it: meanwhile nobody may make it again. False: it has begun already.
    bool begin_removal(const Jid& bare) { return being_removed_.insert(bare).second; }
    void end_removal(const Jid& bare) { being_removed_.erase(bare); }
    bool is_being_removed(const Jid& bare) const { return being_removed_.contains(bare); }
    void drop_account(const Account& account);  // from memory: it will be asked for again. For tests, too
    // Account says: no sessions, nothing waiting; it may leave memory when the cache is full.
    void account_idle(Account& account);
    void roster_loaded(Account& account);
    std::size_t session_count() const;
    void for_each_session(const std::function<void(Session&)>& visit) const;
    // Accounts in memory, until `visit` says false.
    void for_each_account(const std::function<bool(const Account&)>& visit) const;

    std::uint64_t next_session_id();
    // One that another program gave: no session gets it again.
    void note_session_id(std::uint64_t id);
    // For stanza ids: unique in the whole cluster, growing with time.
    StampedIds& stamped_ids() { return stamped_ids_; }

    // Sends to another shard; when the ring is full the parcel is parked and `congested` holds until there is room.
    void send(unsigned to, Parcel parcel);
    bool congested() const { return parked_count_ > 0; }
    // Runs `resume` on a later turn, once nothing is parked any more. For connections that stopped reading.
    void when_clear(Callback resume);
    void receive(Parcel parcel);

    // Ends all sessions (shutdown).
    void close_sessions(const StreamError& error);

private:
    void declare_queues();
    void declare_memory();
    QueueLook look_at_waiting() const;
    QueueLook look_at_unsettled() const;
    QueueLook look_at_undelivered() const;
    void flush_parked(unsigned to);
    void trim_accounts();
    AccountPtr keep_account(const Jid& bare, bool exists);
    void close_sessions_of(const Host& host);

    Shards& all_;
    unsigned index_;
    Loop& loop_;
    Stores& stores_;
    ShardOptions options_;
    SteadyTime started_;
    Router router_{*this};
    ShardCounters counters_;
    ShardFlows flows_;
    QueueBoard queues_;
    MemoryBoard memory_;
    std::vector<std::unique_ptr<Host>> hosts_;
    std::vector<std::unique_ptr<Host>> removed_hosts_;  // out of service; strangers and waits may still point at them
    std::unordered_set<AccountPtr, AccountHash, AccountEqual> accounts_;  // by address
    std::unordered_set<Jid> being_removed_;
    std::deque<std::weak_ptr<Account>> idle_;                    // oldest first
    std::deque<std::weak_ptr<Account>> rosters_;
    std::vector<std::deque<Parcel>> parked_;
    std::size_t parked_count_ = 0;
    std::vector<Callback> waiting_for_room_;
    std::uint64_t sessions_made_ = 0;
    StampedIds stamped_ids_;
};

// All shards of this process. Immutable after start.
class Shards {
public:
    explicit Shards(ShardLink& link) : link_(link) {}
    void add(std::unique_ptr<Shard> shard) { shards_.push_back(std::move(shard)); }
    void clear();

    unsigned count() const { return static_cast<unsigned>(shards_.size()); }
    Shard& at(unsigned index) const { return *shards_[index]; }
    ShardLink& link() const { return link_; }
    // Set before start, outlives the shards.
    void set_hasher(PasswordHasher& hasher) { hasher_ = &hasher; }
    PasswordHasher& hasher() const { return *hasher_; }
    unsigned home_of(std::string_view bare) const;
    Shard& home(const Jid& jid) const { return at(home_of(jid.bare_str())); }

    // Runs `work(Shard&)` on that shard's thread and resumes the caller on its own loop with the result (Nothing for void).
    // `work` may be a coroutine function (returns a Task). Not for the message path.
    template <class Work>
    auto on(unsigned index, Work work);

private:
    ShardLink& link_;
    PasswordHasher* hasher_ = nullptr;
    std::vector<std::unique_ptr<Shard>> shards_;
};

namespace detail {
template <class T>
struct TaskValue {
    using type = std::conditional_t<std::is_void_v<T>, Nothing, T>;
    static constexpr bool is_task = false;
};
template <class T>
struct TaskValue<Task<T>> {
    using type = std::conditional_t<std::is_void_v<T>, Nothing, T>;
    static constexpr bool is_task = true;
};

template <class Work, class Answer>
Task<Answer> answer_of(Shard& shard, Work& work) {
    using Returned = std::invoke_result_t<Work&, Shard&>;
    if constexpr (std::is_same_v<Returned, Task<void>>) {
        Task<void> task = work(shard);
        co_await task;
        co_return Answer();
    } else if constexpr (TaskValue<Returned>::is_task) {
        Returned task = work(shard);
        Answer answer = co_await task;
        co_return answer;
    } else if constexpr (std::is_void_v<Returned>) {
        work(shard);
        co_return Answer();
    } else {
        co_return work(shard);
    }
}

// Whoever asked is waiting: he hears of a failure too.
template <class Work, class Answer>
Task<void> run_on_shard(Shard& shard, Work work, Loop& back, Completion<Finished<Answer>>& done) {
    Finished<Answer> finished;
    try {
        Task<Answer> task = answer_of<Work, Answer>(shard, work);
        Answer answer = co_await task;
        finished.value.emplace(std::move(answer));
    } catch (...) {
        finished.failure = std::current_exception();
    }
    back.post([&done, finished = std::move(finished)]() mutable { done.complete(std::move(finished)); });
}

template <class Work, class Answer>
Task<Answer> ask_shard(Shard& shard, Work work) {
    Completion<Finished<Answer>> done;
    Loop& back = *Loop::current();
    shard.loop().post([&shard, &back, &done, work = std::move(work)]() mutable {
        spawn(run_on_shard<Work, Answer>(shard, std::move(work), back, done));
    });
    Finished<Answer> finished = co_await done;
    if (finished.failure) std::rethrow_exception(finished.failure);
    co_return std::move(*finished.value);
}
}  // namespace detail

template <class Work>
auto Shards::on(unsigned index, Work work) {
    using Answer = typename detail::TaskValue<std::invoke_result_t<Work&, Shard&>>::type;
    return detail::ask_shard<Work, Answer>(at(index), std::move(work));
}

}  // namespace rookery
