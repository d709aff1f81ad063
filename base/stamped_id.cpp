#include "base/stamped_id.h"

#include <algorithm>
#include <cassert>

namespace rookery {
namespace {

constexpr int counter_bits = 12;
constexpr int lane_bits = 10;
constexpr std::uint64_t counters = 1u << counter_bits;
constexpr WallTime epoch{std::chrono::seconds(1'704'067'200)};  // 2024-01-01

std::uint64_t milliseconds_since_epoch(WallTime time) {
    const auto passed = std::chrono::duration_cast<Milliseconds>(time - epoch).count();
    return static_cast<std::uint64_t>(std::max<Milliseconds::rep>(passed, 0));
}

}  // namespace

StampedIds::StampedIds(const Clock& clock, unsigned lane) : clock_(clock), lane_(lane) { assert(lane < max_lanes); }

std::uint64_t StampedIds::next() {
    const std::uint64_t now = milliseconds_since_epoch(clock_.wall_now());
    if (now > milliseconds_) {
        milliseconds_ = now;
        counter_ = 0;
    } else if (++counter_ == counters) {
        ++milliseconds_;  // borrowed; the clock catches up
        counter_ = 0;
    }
    return milliseconds_ << (lane_bits + counter_bits) | lane_ << counter_bits | counter_;
}

std::string stamped_id_text(std::uint64_t id) {
    std::string text(13, '0');
    for (std::size_t at = text.size(); at-- > 0; id >>= 5) text[at] = "0123456789abcdefghijklmnopqrstuv"[id & 31];
    return text;
}

}  // namespace rookery
