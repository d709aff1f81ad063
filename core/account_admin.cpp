#include "core/account_admin.h"

#include "base/log.h"
#include "core/password_hasher.h"
#include "core/shard.h"
#include "core/subscription.h"

namespace rookery {
namespace {

constexpr std::size_t contacts_a_turn = 100;  // told of a removal before others get their turn
constexpr unsigned turns_to_wait_for_removal = 1'000;

Error no_such_host() { return Error(ErrorCode::not_found, "no such host"); }
// What storage says of an account, in words for whoever asked for it.
Error about(const Jid& account, Error error) {
    if (error.code == ErrorCode::conflict) return Error(error.code, account.to_string() + " exists already");
    if (error.code == ErrorCode::not_found) return Error(error.code, account.to_string() + " does not exist");
    return error;
}

Error no_account_name() { return Error(ErrorCode::invalid, "not the address of an account"); }

bool is_account(const Jid& jid) { return jid.is_bare() && !jid.local().empty(); }

// Closing changes the list, so it is copied first.
std::size_t close_all_but(Account& account, std::uint64_t keep, const StreamError& error) {
    const Account::Sessions sessions = account.sessions();
    std::size_t closed = 0;
    for (const SessionPtr& session : sessions) {
        if (session->id() == keep) continue;
        session->close(error);
        ++closed;
    }
    return closed;
}

std::size_t close_at_home(Shard& home, const Jid& account, std::uint64_t keep, const StreamError& error) {
    const AccountPtr found = home.find_account(account.bare_str());
    return found ? close_all_but(*found, keep, error) : 0;
}

// --- creating -----------------------------------------------------------------------------------------------------

Task<void> announce(Hook<AccountEvent>& hook, Jid account, Host& host) {
    AccountEvent event{std::move(account), host};
    Outcome outcome = hook.run(event);
    if (!outcome.pending()) co_return;
    Task<Outcome> rest = outcome.take_later();
    (void)co_await rest;
}

// What is left of a removal would otherwise meet the account that was made again.
Task<bool> removal_is_over(Shard& home, Jid account) {
    for (unsigned turns = 0; turns < turns_to_wait_for_removal && home.is_being_removed(account); ++turns)
        co_await next_turn(home.loop());
    co_return !home.is_being_removed(account);
}

Task<Result<void>> create_at_home(Shard& home, Jid account, Credentials keys) {
    Host* host = home.find_host(account.domain());
    if (!host) co_return no_such_host();
    const bool is_free = co_await removal_is_over(home, account);
    if (!is_free) co_return about(account, Error(ErrorCode::conflict, "it is being removed; try again"));
    host = home.find_host(account.domain());
    if (!host) co_return no_such_host();
    const WallTime now = home.loop().clock().wall_now();
    Result<void> created = co_await home.stores().accounts.create(account, std::move(keys), now);
    if (!created.ok()) co_return about(account, std::move(created).error());
    home.account_has_changed(account, true);  // strangers may have written to it before it was there
    log_info("account_created", {{"account", account.str()}});
    host = home.find_host(account.domain());  // a reload may have taken it away meanwhile
    if (host) co_await announce(host->hooks.account_created, account, *host);
    co_return created;
}

// --- changing -----------------------------------------------------------------------------------------------------

Task<Result<void>> disable_at_home(Shard& home, Jid account, std::string reason) {
    if (!home.find_host(account.domain())) co_return no_such_host();
    Result<void> disabled = co_await home.stores().accounts.disable(account, reason);
    if (!disabled.ok()) co_return about(account, std::move(disabled).error());
    close_at_home(home, account, 0, StreamError(StreamCondition::not_authorized, "the account is disabled"));
    log_info("account_disabled", {{"account", account.str()}, {"reason", reason}});
    co_return disabled;
}

Task<Result<void>> enable_at_home(Shard& home, Jid account) {
    if (!home.find_host(account.domain())) co_return no_such_host();
    Result<void> enabled = co_await home.stores().accounts.enable(account);
    if (!enabled.ok()) co_return about(account, std::move(enabled).error());
    log_info("account_enabled", {{"account", account.str()}});
    co_return enabled;
}

Task<Result<void>> set_keys_at_home(Shard& home, Jid account, Credentials keys, std::uint64_t keep_session) {
    if (!home.find_host(account.domain())) co_return no_such_host();
    Result<void> changed = co_await home.stores().accounts.set_keys(account, std::move(keys));
    if (!changed.ok()) co_return about(account, std::move(changed).error());
    close_at_home(home, account, keep_session, StreamError(StreamCondition::reset, "the password was changed"));
    log_info("password_changed", {{"account", account.str()}});
    co_return changed;
}

// --- removing -----------------------------------------------------------------------------------------------------

using RosterPtr = std::shared_ptr<const Roster>;

Task<Result<RosterPtr>> remove_rows_of(Shard& home, Jid jid) {
    Result<AccountPtr> account = co_await home.load_account(jid);
    if (!account.ok()) co_return std::move(account).error();
    if (!(*account)->exists()) co_return about(jid, Error(ErrorCode::not_found, "no such account"));
    Result<std::shared_ptr<Roster>> roster = co_await (*account)->load_roster();
    if (!roster.ok()) co_return std::move(roster).error();
    Result<void> removed = co_await home.stores().accounts.remove(jid);
    if (!removed.ok()) co_return about(jid, std::move(removed).error());
    log_info("account_removed", {{"account", jid.str()}});
    co_return std::make_shared<const Roster>(**roster);  // a copy: what still waits for the account changes the cached one
}

// What is left to do (finish_removal) needs the roster as it was.
Task<Result<RosterPtr>> remove_rows(Shard& home, Jid jid) {
    if (!home.find_host(jid.domain())) co_return no_such_host();
    if (!home.begin_removal(jid)) co_return about(jid, Error(ErrorCode::conflict, "it is being removed already"));
    Result<RosterPtr> roster = co_await remove_rows_of(home, jid);
    if (!roster.ok()) home.end_removal(jid);
    co_return roster;
}

void tell(Router& router, const Jid& account, const Jid& contact, PresenceType type) {
    Stanza presence = Stanza::presence(type, contact);
    presence.from = account;
    router.send(std::move(presence));
}

void end_subscriptions(Router& router, const Jid& account, const RosterItem& item) {
    if (sees_them(item.subscription) || item.ask_subscribe) tell(router, account, item.contact, PresenceType::unsubscribe);
    if (sees_us(item.subscription)) tell(router, account, item.contact, PresenceType::unsubscribed);
}

Task<void> tell_contacts(Shard& home, Jid account, RosterPtr roster) {
    std::size_t told = 0;
    for (const RosterItem& item : roster->items) {
        end_subscriptions(home.router(), account, item);
        if (++told % contacts_a_turn == 0) co_await next_turn(home.loop());
    }
    for (const PendingRequest& request : roster->requests) {
        tell(home.router(), account, request.from, PresenceType::unsubscribed);
        if (++told % contacts_a_turn == 0) co_await next_turn(home.loop());
    }
}

Task<void> finish_removal(Shard& home, Jid jid, RosterPtr roster) {
    if (const AccountPtr account = home.find_account(jid.str())) {
        close_all_but(*account, 0, StreamError(StreamCondition::not_authorized, "the account was removed"));
        account->mark_removed();
    }
    home.account_has_changed(jid, false);
    if (Host* host = home.find_host(jid.domain())) co_await announce(host->hooks.account_removed, jid, *host);
    home.end_removal(jid);
    co_await tell_contacts(home, jid, std::move(roster));
}

// Once the caller has answered: its own turn ends before the home shard's next one begins.
void finish_removal_later(Shards& shards, unsigned home, Jid account, RosterPtr roster) {
    Loop::current()->post([&shards, home, account = std::move(account), roster = std::move(roster)]() mutable {
        Shard& shard = shards.at(home);
        shard.loop().post([&shard, account = std::move(account), roster = std::move(roster)]() mutable {
            spawn(finish_removal(shard, std::move(account), std::move(roster)));
        });
    });
}

}  // namespace

std::optional<Jid> new_account_address(std::string_view name, std::string_view domain) {
    if (!Jid::may_register(name)) return std::nullopt;
    return Jid::make(name, domain);
}

Task<Result<void>> create_account(Shards& shards, Jid account, std::string password) {
    if (!is_account(account) || !Jid::may_register(account.local())) co_return no_account_name();
    Result<Credentials> keys = co_await shards.hasher().make_keys(std::move(password));
    if (!keys.ok()) co_return std::move(keys).error();
    auto create = [account, made = std::move(*keys)](Shard& home) { return create_at_home(home, account, made); };
    Result<void> created = co_await shards.on(shards.home_of(account.str()), std::move(create));
    co_return created;
}

Task<Result<void>> change_password(Shards& shards, Jid account, std::string password, std::uint64_t keep_session) {
    if (!is_account(account)) co_return no_account_name();
    Result<Credentials> keys = co_await shards.hasher().make_keys(std::move(password));
    if (!keys.ok()) co_return std::move(keys).error();
    auto change = [account, keep_session, made = std::move(*keys)](Shard& home) {
        return set_keys_at_home(home, account, made, keep_session);
    };
    Result<void> changed = co_await shards.on(shards.home_of(account.str()), std::move(change));
    co_return changed;
}

Task<Result<void>> disable_account(Shards& shards, Jid account, std::string reason) {
    if (!is_account(account)) co_return no_account_name();
    auto disable = [account, reason = std::move(reason)](Shard& home) { return disable_at_home(home, account, reason); };
    Result<void> disabled = co_await shards.on(shards.home_of(account.str()), std::move(disable));
    co_return disabled;
}

Task<Result<void>> enable_account(Shards& shards, Jid account) {
    if (!is_account(account)) co_return no_account_name();
    auto enable = [account](Shard& home) { return enable_at_home(home, account); };
    Result<void> enabled = co_await shards.on(shards.home_of(account.str()), std::move(enable));
    co_return enabled;
}

Task<Result<void>> remove_account(Shards& shards, Jid account, Farewell farewell) {
    if (!is_account(account)) co_return no_account_name();
    const unsigned home = shards.home_of(account.str());
    auto remove = [account](Shard& shard) { return remove_rows(shard, account); };
    Result<RosterPtr> roster = co_await shards.on(home, std::move(remove));
    if (!roster.ok()) co_return std::move(roster).error();
    if (farewell == Farewell::after_reply) {
        finish_removal_later(shards, home, account, *roster);
        co_return Result<void>();
    }
    auto finish = [account, kept = *roster](Shard& shard) { return finish_removal(shard, account, kept); };
    (void)co_await shards.on(home, std::move(finish));
    co_return Result<void>();
}

Task<std::size_t> close_sessions(Shards& shards, Jid who, StreamError error) {
    auto close = [who, error = std::move(error)](Shard& shard) -> std::size_t {
        if (who.is_bare()) return close_at_home(shard, who, 0, error);
        const AccountPtr account = shard.find_account(who.bare_str());
        const SessionPtr session = account ? account->find_session(who.resource()) : nullptr;
        if (session) session->close(error);
        return session ? 1 : 0;
    };
    const std::size_t closed = co_await shards.on(shards.home_of(who.bare_str()), std::move(close));
    co_return closed;
}

}  // namespace rookery
