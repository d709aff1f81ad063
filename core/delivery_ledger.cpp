#include "core/delivery_ledger.h"

#include <algorithm>

namespace rookery {

void DeliveryLedger::load(const DeliveryState& state) {
    through_ = state.delivered_through;
    beyond_ = state.delivered_beyond;
    newest_ = beyond_.empty() ? through_ : beyond_.back();
    earlier_messages_ = state.messages;
    earlier_bytes_ = state.bytes;
    listed_ = state.messages == 0;
    loaded_ = true;
    move_on();
}

void DeliveryLedger::begin(std::size_t bytes) {
    ++begun_;
    begun_bytes_ += bytes;
}

void DeliveryLedger::drop(std::size_t bytes) {
    --begun_;
    begun_bytes_ -= bytes;
}

void DeliveryLedger::add(std::uint64_t id, std::size_t bytes) {
    drop(bytes);
    open_.push_back({id, bytes});
    open_bytes_ += bytes;
    newest_ = id;
}

void DeliveryLedger::pass(std::uint64_t id) {
    newest_ = id;
    move_on();
}

// Messages that came since the account was loaded are open already.
void DeliveryLedger::list(const std::vector<std::uint64_t>& ids) {
    const std::size_t bytes_each = earlier_messages_ > 0 ? earlier_bytes_ / earlier_messages_ : 0;
    const std::size_t known = open_.size();
    const auto is_open = [this, known](std::uint64_t id) {
        const auto end = open_.begin() + static_cast<std::ptrdiff_t>(known);
        const auto at = std::lower_bound(open_.begin(), end, id, [](const Open& open, std::uint64_t wanted) { return open.id < wanted; });
        return at != end && at->id == id;
    };
    for (const std::uint64_t id : ids) {
        if (!waits(id) || is_open(id)) continue;
        open_.push_back({id, bytes_each});
        open_bytes_ += bytes_each;
        newest_ = std::max(newest_, id);
    }
    std::ranges::inplace_merge(open_, open_.begin() + static_cast<std::ptrdiff_t>(known), {}, &Open::id);
    earlier_messages_ = 0;
    earlier_bytes_ = 0;
    listed_ = true;
    move_on();
}

bool DeliveryLedger::waits(std::uint64_t id) const { return id > through_ && !std::ranges::binary_search(beyond_, id); }

bool DeliveryLedger::receive(std::uint64_t id) {
    if (id <= through_) return false;
    const auto at = std::ranges::lower_bound(open_, id, {}, &Open::id);
    const bool known = at != open_.end() && at->id == id;
    if (!known && listed_) return false;
    if (known) {
        open_bytes_ -= at->bytes;
        open_.erase(at);
    }
    const auto place = std::ranges::lower_bound(beyond_, id);
    if (place == beyond_.end() || *place != id) beyond_.insert(place, id);
    newest_ = std::max(newest_, id);
    move_on();
    return true;
}

// Once it is known what waits, everything below the first of it is through.
void DeliveryLedger::move_on() {
    if (!listed_) return;
    through_ = std::max(through_, open_.empty() ? newest_ : open_.front().id - 1);
    beyond_.erase(beyond_.begin(), std::ranges::upper_bound(beyond_, through_));
    if (beyond_.empty()) std::vector<std::uint64_t>().swap(beyond_);
}

}  // namespace rookery
