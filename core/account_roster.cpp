// The account's cached roster: loaded on demand, written through.
#include <algorithm>

#include "core/account.h"
#include "core/shard.h"
#include "core/subscription.h"

namespace rookery {

namespace {

std::vector<std::string_view> subscribers_of(const Roster& roster) {
    std::vector<std::string_view> subscribers;
    for (const RosterItem& item : roster.items)
        if (sees_us(item.subscription)) subscribers.push_back(item.contact.bare_str());
    return subscribers;
}

std::size_t bytes_of_all(const Roster& roster) {
    std::size_t bytes = 0;
    for (const RosterItem& item : roster.items) bytes += bytes_of(item);
    return bytes;
}

void drop_request(Roster& roster, const Jid& from) {
    std::erase_if(roster.requests, [&from](const PendingRequest& request) { return request.from == from; });
}

}  // namespace

const RosterItem* find_item(const Roster& roster, const Jid& contact) {
    const auto at = std::ranges::find(roster.items, contact, &RosterItem::contact);
    return at == roster.items.end() ? nullptr : &*at;
}

std::size_t bytes_of(const RosterItem& item) {
    std::size_t bytes = item.contact.str().size() + item.name.size();
    for (const std::string& group : item.groups) bytes += group.size();
    return bytes;
}

Task<Result<std::shared_ptr<Roster>>> Account::load_roster() {
    const AccountPtr self = shared_from_this();
    while (!roster_) {
        const std::uint64_t changes = roster_changes_;
        Result<Roster> loaded = co_await host_.stores().roster.load(jid_);
        if (!exists_ && !loaded.ok() && loaded.error().code == ErrorCode::not_found) co_return no_roster();
        if (!loaded.ok()) co_return std::move(loaded).error();
        if (changes != roster_changes_ || roster_) continue;  // somebody wrote meanwhile: what was read may be older
        roster_ = std::make_shared<Roster>(std::move(*loaded));
        roster_bytes_ = bytes_of_all(*roster_);
        set_seen_by(*roster_);
        host_.shard().roster_loaded(*this);
    }
    co_return roster_;
}

// Not worth a place in the cache.
std::shared_ptr<Roster> Account::no_roster() {
    set_seen_by(Roster());
    return std::make_shared<Roster>();
}

void Account::set_seen_by(const Roster& roster) {
    seen_by_ = JidSet(subscribers_of(roster));
    knows_seen_by_ = true;
}

std::optional<bool> Account::is_seen_by(const Jid& contact) const {
    if (contact.same_bare(jid_)) return true;
    if (!knows_seen_by_) return std::nullopt;
    return seen_by_.contains(contact);
}

void Account::note_seen_by(const Jid& contact, Subscription subscription) {
    if (!knows_seen_by_) return;
    if (sees_us(subscription))
        seen_by_.insert(contact);
    else
        seen_by_.erase(contact);
}

Task<Result<std::uint64_t>> Account::put_roster_item(RosterItem item, std::size_t max_items) {
    const AccountPtr self = shared_from_this();
    Result<std::uint64_t> version = co_await host_.stores().roster.put(jid_, item, max_items);
    ++roster_changes_;
    if (!version.ok()) co_return version;
    note_seen_by(item.contact, item.subscription);
    if (!roster_) co_return version;
    const auto at = std::ranges::find(roster_->items, item.contact, &RosterItem::contact);
    if (sees_us(item.subscription)) drop_request(*roster_, item.contact);
    roster_bytes_ += bytes_of(item);
    if (at == roster_->items.end()) {
        roster_->items.push_back(std::move(item));
    } else {
        roster_bytes_ -= bytes_of(*at);
        *at = std::move(item);
    }
    roster_->version = *version;
    co_return version;
}

Task<Result<std::uint64_t>> Account::remove_roster_item(Jid contact) {
    const AccountPtr self = shared_from_this();
    Result<std::uint64_t> version = co_await host_.stores().roster.remove(jid_, contact);
    ++roster_changes_;
    if (version.ok()) note_seen_by(contact, Subscription::none);
    if (!version.ok() || !roster_) co_return version;
    const auto at = std::ranges::find(roster_->items, contact, &RosterItem::contact);
    if (at != roster_->items.end()) {
        roster_bytes_ -= bytes_of(*at);
        roster_->items.erase(at);
    }
    drop_request(*roster_, contact);
    roster_->version = *version;
    co_return version;
}

Task<Result<void>> Account::put_request(PendingRequest request, std::size_t max_requests) {
    const AccountPtr self = shared_from_this();
    Result<void> done = co_await host_.stores().roster.put_request(jid_, request, max_requests);
    ++roster_changes_;
    if (!done.ok() || !roster_) co_return done;
    drop_request(*roster_, request.from);
    roster_->requests.push_back(std::move(request));
    co_return done;
}

Task<Result<bool>> Account::remove_request(Jid from) {
    const AccountPtr self = shared_from_this();
    Result<bool> done = co_await host_.stores().roster.remove_request(jid_, from);
    ++roster_changes_;
    if (roster_) drop_request(*roster_, from);
    co_return done;
}

}  // namespace rookery
