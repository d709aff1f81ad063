#include "core/shard.h"

#include <algorithm>
#include <cassert>
#include <functional>
#include <iterator>

#include "base/log.h"

namespace rookery {
namespace {

// There are no more of them than of what was asked.
bool is_answer(const Stanza& stanza) { return stanza.is_error() || (stanza.is_iq() && !stanza.is_request()); }

}  // namespace

Shard::Shard(Shards& all, unsigned index, Loop& loop, Stores& stores, ShardOptions options)
    : all_(all), index_(index), loop_(loop), stores_(stores), options_(options), started_(loop.clock().steady_now()),
      queues_("shard " + std::to_string(index)), stamped_ids_(loop.clock(), index) {
    declare_queues();
    declare_memory();
}

Shard::~Shard() = default;

// --- hosts --------------------------------------------------------------------------------------------------------

Host* Shard::find_host(std::string_view domain) const {
    for (const std::unique_ptr<Host>& host : hosts_)
        if (host->domain() == domain) return host.get();
    return nullptr;
}

void Shard::apply(const std::vector<std::shared_ptr<const HostOptions>>& hosts) {
    parked_.resize(all_.count());
    const auto wanted = [&hosts](const Host& host) {
        return std::ranges::any_of(hosts, [&](const auto& options) { return options->domain == host.domain(); });
    };
    // What sessions do when they end looks for hosts: all of them stay in place until the last one has.
    const auto gone = std::stable_partition(hosts_.begin(), hosts_.end(), [&](const auto& host) { return wanted(*host); });
    for (auto host = gone; host != hosts_.end(); ++host) close_sessions_of(**host);
    for (auto host = gone; host != hosts_.end(); ++host) (*host)->retire_all();
    removed_hosts_.insert(removed_hosts_.end(), std::make_move_iterator(gone), std::make_move_iterator(hosts_.end()));
    hosts_.erase(gone, hosts_.end());
    for (const auto& options : hosts) {
        if (Host* host = find_host(options->domain))
            host->apply(options);
        else
            hosts_.push_back(std::make_unique<Host>(*this, options));
    }
}

void Shard::close_sessions_of(const Host& host) {
    std::vector<AccountPtr> gone;
    for (const AccountPtr& account : accounts_)
        if (&account->host() == &host) gone.push_back(account);
    for (const AccountPtr& account : gone) {
        const Account::Sessions sessions = account->sessions();
        for (const SessionPtr& session : sessions) session->close(StreamError(StreamCondition::host_gone));
        accounts_.erase(account);
    }
}

// --- accounts -----------------------------------------------------------------------------------------------------

AccountPtr Shard::find_account(std::string_view bare) const {
    const auto at = accounts_.find(bare);
    return at == accounts_.end() ? nullptr : *at;
}

AccountPtr Shard::keep_account(const Jid& bare, bool exists) {
    Host* host = find_host(bare.domain());
    if (!host) return nullptr;
    auto account = std::make_shared<Account>(*host, bare, exists);
    accounts_.insert(account);
    return account;
}

AccountPtr Shard::account_for_login(const Jid& bare) {
    assert(all_.home_of(bare.str()) == index_);
    AccountPtr account = find_account(bare.str());
    if (account && account->exists()) return account;
    if (account) accounts_.erase(account);
    return keep_account(bare, true);
}

Task<Result<AccountPtr>> Shard::load_account(Jid bare) {
    assert(bare.is_bare() && all_.home_of(bare.str()) == index_);
    if (AccountPtr account = find_account(bare.str())) co_return account;
    Result<bool> exists = co_await stores_.accounts.exists(bare);
    if (!exists.ok()) co_return std::move(exists).error();
    if (AccountPtr account = find_account(bare.str())) co_return account;
    AccountPtr account = keep_account(bare, *exists);
    if (!account) co_return Error(ErrorCode::not_found, "no such host");
    account_idle(*account);
    co_return account;
}

// It stays in memory, so that load_account does not believe an answer from before.
void Shard::account_has_changed(const Jid& bare, bool exists) {
    const auto at = accounts_.find(bare.str());
    if (at != accounts_.end() && !(*at)->sessions().empty()) return;
    if (at != accounts_.end()) accounts_.erase(at);
    if (const AccountPtr account = keep_account(bare, exists)) account_idle(*account);
}

// One that was forgotten and is still held by somebody has a successor here, maybe with sessions: that one stays.
void Shard::drop_account(const Account& account) {
    const auto at = accounts_.find(account.jid().str());
    if (at != accounts_.end() && at->get() == &account) accounts_.erase(at);
}

void Shard::account_idle(Account& account) {
    if (account.in_idle_list()) return;
    account.set_in_idle_list(true);
    idle_.push_back(account.weak_from_this());
    ++flows_.cached_accounts;
    trim_accounts();
}

void Shard::trim_accounts() {
    while (idle_.size() > options_.max_cached_accounts) {
        const AccountPtr oldest = idle_.front().lock();
        idle_.pop_front();
        if (!oldest) continue;
        oldest->set_in_idle_list(false);
        if (oldest->sessions().empty() && !oldest->busy()) drop_account(*oldest);
    }
}

void Shard::roster_loaded(Account& account) {
    rosters_.push_back(account.weak_from_this());
    ++flows_.cached_rosters;
    while (rosters_.size() > options_.max_cached_rosters) {
        if (const AccountPtr oldest = rosters_.front().lock()) oldest->forget_roster();
        rosters_.pop_front();
    }
}

std::size_t Shard::session_count() const {
    std::size_t count = 0;
    for (const AccountPtr& account : accounts_) count += account->sessions().size();
    return count;
}

void Shard::for_each_session(const std::function<void(Session&)>& visit) const {
    for (const AccountPtr& account : accounts_)
        for (const SessionPtr& session : account->sessions()) visit(*session);
}

void Shard::for_each_account(const std::function<bool(const Account&)>& visit) const {
    for (const AccountPtr& account : accounts_)
        if (!visit(*account)) return;
}

void Shard::close_sessions(const StreamError& error) {
    std::vector<SessionPtr> all;
    for_each_session([&all](Session& session) { all.push_back(session.shared_from_this()); });
    for (const SessionPtr& session : all) session->close(error);
}

// Shards give interleaved numbers, so an id names one session of the process.
std::uint64_t Shard::next_session_id() { return ++sessions_made_ * all_.count() + index_; }

void Shard::note_session_id(std::uint64_t id) { sessions_made_ = std::max(sessions_made_, id / all_.count() + 1); }

// --- between shards -----------------------------------------------------------------------------------------------

void Shard::send(unsigned to, Parcel parcel) {
    assert(to != index_);
    if (parked_[to].empty() && all_.link().try_send(index_, to, parcel)) return;
    if (parked_count_ >= options_.max_parked && !is_answer(*parcel.route->stanza)) {
        ++flows_.parked.refused;
        return router_.refuse(*parcel.route, StanzaError(Condition::resource_constraint, ErrorType::wait));
    }
    if (parked_[to].empty()) all_.link().on_room(index_, to, [this, to] { flush_parked(to); });
    parked_[to].push_back(std::move(parcel));
    ++parked_count_;
    ++flows_.parked.in;
}

void Shard::flush_parked(unsigned to) {
    std::deque<Parcel>& parked = parked_[to];
    while (!parked.empty() && all_.link().try_send(index_, to, parked.front())) {
        parked.pop_front();
        --parked_count_;
        ++flows_.parked.out;
    }
    if (!parked.empty()) return all_.link().on_room(index_, to, [this, to] { flush_parked(to); });
    if (parked_count_ > 0) return;
    for (Callback& resume : std::exchange(waiting_for_room_, {})) loop_.post(std::move(resume));
}

void Shard::when_clear(Callback resume) {
    assert(congested());
    waiting_for_room_.push_back(std::move(resume));
}

void Shard::receive(Parcel parcel) {
    if (parcel.recipients.empty()) return router_.arrive(std::move(parcel.route));
    for (Jid& to : parcel.recipients) router_.arrive(std::make_unique<Route>(parcel.route->stanza, std::move(to)));
}

void Shards::clear() { shards_.clear(); }

unsigned Shards::home_of(std::string_view bare) const {
    return static_cast<unsigned>(std::hash<std::string_view>()(bare) % shards_.size());
}

}  // namespace rookery
