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

// Messages that came since are open already, and above all of these.
void DeliveryLedger::list(const std::vector<std::uint64_t>& ids) {
    const std::uint64_t first_open = open_.empty() ? UINT64_MAX : open_.front().id;
    const std::size_t bytes_each = earlier_messages_ > 0 ? earlier_bytes_ / earlier_messages_ : 0;
    std::vector<Open> earlier;
    for (const std::uint64_t id : ids) {
        if (id >= first_open || !waits(id)) continue;
        earlier.push_back({id, bytes_each});
        open_bytes_ += bytes_each;
        newest_ = std::max(newest_, id);
    }
    open_.insert(open_.begin(), earlier.begin(), earlier.end());
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
