#include "core/delivery_ledger.h"

#include <algorithm>

namespace rookery {

const DeliveryLedger::Waiting& DeliveryLedger::waiting() const {
    static const Waiting nothing;
    return waiting_ ? *waiting_ : nothing;
}

DeliveryLedger::Waiting& DeliveryLedger::some_waiting() {
    if (!waiting_) waiting_ = std::make_unique<Waiting>();
    return *waiting_;
}

void DeliveryLedger::written() {
    writing_planned_ = false;
    forget_if_nothing_waits();
}

void DeliveryLedger::forget_if_nothing_waits() {
    if (messages() == 0 && beyond().empty()) waiting_.reset();
}

std::optional<std::uint64_t> DeliveryLedger::oldest() const {
    return waiting().open.empty() ? std::nullopt : std::optional(waiting().open.front().id);
}

std::size_t DeliveryLedger::heap_bytes() const {
    if (!waiting_) return 0;
    return sizeof(Waiting) + waiting_->open.capacity() * sizeof(Open) + waiting_->beyond.capacity() * sizeof(std::uint64_t);
}

void DeliveryLedger::load(const DeliveryState& state) {
    through_ = state.delivered_through;
    newest_ = state.delivered_beyond.empty() ? through_ : state.delivered_beyond.back();
    listed_ = state.messages == 0;
    loaded_ = true;
    if (!listed_ || !state.delivered_beyond.empty()) {
        Waiting& known = some_waiting();
        known.beyond = state.delivered_beyond;
        known.earlier_messages = state.messages;
        known.earlier_bytes = state.bytes;
    }
    move_on();
}

void DeliveryLedger::begin(std::size_t bytes) {
    Waiting& known = some_waiting();
    ++known.begun;
    known.begun_bytes += bytes;
}

void DeliveryLedger::drop(std::size_t bytes) {
    --waiting_->begun;
    waiting_->begun_bytes -= bytes;
}

void DeliveryLedger::add(std::uint64_t id, std::size_t bytes) {
    drop(bytes);
    waiting_->open.push_back({id, bytes});
    waiting_->open_bytes += bytes;
    newest_ = id;
}

void DeliveryLedger::pass(std::uint64_t id) {
    newest_ = id;
    move_on();
}

// Messages that came since the account was loaded are open already.
void DeliveryLedger::list(const std::vector<std::uint64_t>& ids) {
    Waiting& known = some_waiting();
    const std::size_t bytes_each = known.earlier_messages > 0 ? known.earlier_bytes / known.earlier_messages : 0;
    const auto new_ones = static_cast<std::ptrdiff_t>(known.open.size());
    for (const std::uint64_t id : ids) {
        if (!waits(id) || std::ranges::binary_search(known.open.begin(), known.open.begin() + new_ones, id, {}, &Open::id)) continue;
        known.open.push_back({id, bytes_each});
        known.open_bytes += bytes_each;
        newest_ = std::max(newest_, id);
    }
    std::ranges::inplace_merge(known.open, known.open.begin() + new_ones, {}, &Open::id);
    known.earlier_messages = 0;
    known.earlier_bytes = 0;
    listed_ = true;
    move_on();
}

bool DeliveryLedger::waits(std::uint64_t id) const { return id > through_ && !std::ranges::binary_search(beyond(), id); }

bool DeliveryLedger::receive(std::uint64_t id) {
    if (id <= through_) return false;
    Waiting& known = some_waiting();
    const auto at = std::ranges::lower_bound(known.open, id, {}, &Open::id);
    const bool is_open = at != known.open.end() && at->id == id;
    if (!is_open && listed_) return false;
    if (is_open) {
        known.open_bytes -= at->bytes;
        known.open.erase(at);
    }
    const auto place = std::ranges::lower_bound(known.beyond, id);
    if (place == known.beyond.end() || *place != id) known.beyond.insert(place, id);
    newest_ = std::max(newest_, id);
    move_on();
    return true;
}

// Once it is known what waits, everything below the first of it is through.
void DeliveryLedger::move_on() {
    if (!listed_) return;
    through_ = std::max(through_, waiting().open.empty() ? newest_ : waiting().open.front().id - 1);
    if (!waiting_) return;
    std::vector<std::uint64_t>& beyond = waiting_->beyond;
    beyond.erase(beyond.begin(), std::ranges::upper_bound(beyond, through_));
    if (beyond.empty()) std::vector<std::uint64_t>().swap(beyond);
}

}  // namespace rookery
