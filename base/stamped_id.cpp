#include "base/stamped_id.h"

#include <algorithm>
#include <cassert>

namespace rookery {
namespace {

constexpr int counter_bits = 12;
constexpr int lane_bits = 10;
constexpr int stamp_shift = lane_bits + counter_bits;
constexpr std::uint64_t counters = 1u << counter_bits;
constexpr std::uint64_t last_millisecond = ~std::uint64_t{0} >> stamp_shift;
constexpr WallTime epoch{std::chrono::seconds(1'704'067'200)};  // 2024-01-01

constexpr std::string_view digits = "0123456789abcdefghijklmnopqrstuv";
constexpr std::size_t text_size = 13;  // of 5 bits

std::uint64_t milliseconds_since_epoch(WallTime time) {
    const auto passed = std::chrono::duration_cast<Milliseconds>(time - epoch).count();
    return static_cast<std::uint64_t>(std::max<Milliseconds::rep>(passed, 0));
}

}  // namespace

StampedIds::StampedIds(const Clock& clock, unsigned lane, std::uint64_t last)
    : clock_(clock), lane_(lane), milliseconds_(last >> stamp_shift), counter_(counters - 1) {
    assert(lane < max_lanes);
}

std::uint64_t StampedIds::next() {
    const std::uint64_t now = milliseconds_since_epoch(clock_.wall_now());
    if (now > milliseconds_) {
        milliseconds_ = now;
        counter_ = 0;
    } else if (++counter_ == counters) {
        ++milliseconds_;  // borrowed; the clock catches up
        counter_ = 0;
    }
    return milliseconds_ << stamp_shift | lane_ << counter_bits | counter_;
}

std::string stamped_id_text(std::uint64_t id) {
    std::string text(text_size, '0');
    for (std::size_t at = text.size(); at-- > 0; id >>= 5) text[at] = digits[id & 31];
    return text;
}

std::optional<std::uint64_t> parse_stamped_id(std::string_view text) {
    if (text.size() != text_size || text.front() > 'f') return std::nullopt;  // the first digit has four bits left
    std::uint64_t id = 0;
    for (const char letter : text) {
        const std::size_t digit = digits.find(letter);
        if (digit == std::string_view::npos) return std::nullopt;
        id = id << 5 | digit;
    }
    return id;
}

WallTime stamped_id_time(std::uint64_t id) { return epoch + Milliseconds(id >> stamp_shift); }

std::uint64_t first_stamped_id(WallTime time) {
    return std::min(milliseconds_since_epoch(time), last_millisecond) << stamp_shift;
}

std::uint64_t stamped_id_span(Milliseconds passed) {
    return static_cast<std::uint64_t>(std::max<Milliseconds::rep>(passed.count(), 0)) << stamp_shift;
}

}  // namespace rookery
