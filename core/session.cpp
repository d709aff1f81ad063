#include "core/session.h"

#include <algorithm>
#include <cassert>
#include <utility>

#include "base/number.h"
#include "core/shard.h"

namespace rookery {
namespace {

const xml::Name priority_name{"jabber:client", "priority"};

std::uint32_t wrapped_milliseconds(SteadyTime time) {
    return static_cast<std::uint32_t>(std::chrono::duration_cast<Milliseconds>(time.time_since_epoch()).count());
}

}  // namespace

std::optional<std::int8_t> read_priority(const Stanza& presence) {
    const xml::View element = presence.child(priority_name);
    if (!element) return std::int8_t{0};
    return parse_number<std::int8_t>(element.text());
}

Stanza Session::presence() const {
    assert(available());
    return Stanza::unpack(presence_, jid_);
}

void Session::set_presence(const Stanza& presence) {
    assert(presence.is_presence());
    if (presence.presence_type() == PresenceType::available) {
        priority_ = read_priority(presence).value_or(std::int8_t{0});
        presence_ = presence.packed();
    } else {
        priority_ = 0;
        std::string().swap(presence_);
    }
}

TicketPtr Session::issue_ticket(Shard& home, std::size_t bytes) {
    open_bytes_ += bytes;
    ++home.flows().unsettled.in;
    auto ticket = std::make_shared<const Ticket>(weak_from_this(), home.loop(), ++issued_, bytes, acknowledges());
    if (!is_open(first_mark_)) first_mark_ = last_mark_;
    last_mark_ = {issued_, wrapped_milliseconds(home.loop().clock().steady_now())};
    hold_or_release();
    return ticket;
}

std::optional<Duration> Session::open_for(SteadyTime now) const {
    if (issued_ == settled_) return std::nullopt;
    const Mark& mark = is_open(first_mark_) ? first_mark_ : last_mark_;
    return Milliseconds(wrapped_milliseconds(now) - mark.milliseconds);
}

void Session::settle(std::uint32_t number, std::size_t bytes) {
    open_bytes_ -= bytes;
    const bool abandoned = static_cast<std::int32_t>(number - settled_) <= 0;
    if (abandoned) return hold_or_release();
    const std::uint32_t before = settled_;
    if (number == settled_ + 1) {
        ++settled_;
        settle_those_behind();
    } else {
        note_settled_early(number);
    }
    hold_or_release();
    if (settled_ != before) input_settled(settled_ - before);
}

void Session::settle_those_behind() {
    if (!settled_early_) return;
    auto next = settled_early_->begin();
    for (; next != settled_early_->end() && *next == settled_ + 1; ++next) ++settled_;
    settled_early_->erase(settled_early_->begin(), next);
    if (settled_early_->empty()) settled_early_.reset();
}

void Session::note_settled_early(std::uint32_t number) {
    if (!settled_early_) settled_early_ = std::make_unique<std::vector<std::uint32_t>>();
    const auto sooner = [this](std::uint32_t one, std::uint32_t other) { return one - settled_ < other - settled_; };
    settled_early_->insert(std::ranges::upper_bound(*settled_early_, number, sooner), number);
}

void Session::abandon_open() {
    const std::uint32_t abandoned = issued_ - std::exchange(settled_, issued_);
    if (abandoned > 0) input_settled(abandoned);
    settled_early_.reset();
    hold_or_release();
}

void Session::hold_or_release() {
    const bool too_many = issued_ - settled_ > max_open || open_bytes_ > max_open_bytes;
    if (too_many == holds_for_open_) return;
    holds_for_open_ = too_many;
    if (too_many)
        hold();
    else
        release();
}

void Session::release() {
    assert(holds_ > 0);
    if (--holds_ == 0 && alive_) input_released();
}

}  // namespace rookery
