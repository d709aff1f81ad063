// The account's cached roster: loaded on demand, written through.
#include <algorithm>

#include "core/account.h"
#include "core/shard.h"

namespace rookery {

const RosterItem* find_item(const Roster& roster, const Jid& contact) {
    const auto at = std::ranges::find(roster.items, contact, &RosterItem::contact);
    return at == roster.items.end() ? nullptr : &*at;
}

Task<Result<std::shared_ptr<Roster>>> Account::load_roster() {
    const AccountPtr self = shared_from_this();
    while (!roster_) {
        const std::uint64_t changes = roster_changes_;
        Result<Roster> loaded = co_await host_.stores().roster.load(jid_);
        if (!loaded.ok()) co_return std::move(loaded).error();
        if (changes != roster_changes_ || roster_) continue;  // somebody wrote meanwhile: what was read may be older
        roster_ = std::make_shared<Roster>(std::move(*loaded));
        host_.shard().roster_loaded(*this);
    }
    co_return roster_;
}

Task<Result<std::uint64_t>> Account::put_roster_item(RosterItem item, std::size_t max_items) {
    const AccountPtr self = shared_from_this();
    Result<std::uint64_t> version = co_await host_.stores().roster.put(jid_, item, max_items);
    ++roster_changes_;
    if (!version.ok()) co_return version;
    if (!roster_) co_return version;
    const auto at = std::ranges::find(roster_->items, item.contact, &RosterItem::contact);
    const bool sees_us = item.subscription == Subscription::from || item.subscription == Subscription::both;
    if (sees_us) std::erase_if(roster_->requests, [&](const PendingRequest& request) { return request.from == item.contact; });
    if (at == roster_->items.end())
        roster_->items.push_back(std::move(item));
    else
        *at = std::move(item);
    roster_->version = *version;
    co_return version;
}

Task<Result<std::uint64_t>> Account::remove_roster_item(Jid contact) {
    const AccountPtr self = shared_from_this();
    Result<std::uint64_t> version = co_await host_.stores().roster.remove(jid_, contact);
    ++roster_changes_;
    if (!version.ok() || !roster_) co_return version;
    std::erase_if(roster_->items, [&](const RosterItem& item) { return item.contact == contact; });
    std::erase_if(roster_->requests, [&](const PendingRequest& request) { return request.from == contact; });
    roster_->version = *version;
    co_return version;
}

Task<Result<void>> Account::put_request(PendingRequest request, std::size_t max_requests) {
    const AccountPtr self = shared_from_this();
    Result<void> done = co_await host_.stores().roster.put_request(jid_, request, max_requests);
    ++roster_changes_;
    if (!done.ok() || !roster_) co_return done;
    std::erase_if(roster_->requests, [&](const PendingRequest& old) { return old.from == request.from; });
    roster_->requests.push_back(std::move(request));
    co_return done;
}

Task<Result<bool>> Account::remove_request(Jid from) {
    const AccountPtr self = shared_from_this();
    Result<bool> done = co_await host_.stores().roster.remove_request(jid_, from);
    ++roster_changes_;
    if (roster_) std::erase_if(roster_->requests, [&](const PendingRequest& request) { return request.from == from; });
    co_return done;
}

}  // namespace rookery
