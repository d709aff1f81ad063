#include "core/shaper.h"

#include <algorithm>

namespace rookery {
namespace {

using RealSeconds = std::chrono::duration<double>;

double capacity(const ShaperRate& rate) {
    return static_cast<double>(rate.burst_bytes > 0 ? rate.burst_bytes : rate.bytes_per_second);
}

}  // namespace

Shaper::Shaper(ShaperRate rate, SteadyTime now) : rate_(rate), level_(capacity(rate)), filled_(now) {}

Duration Shaper::take(std::size_t bytes, SteadyTime now) {
    if (!rate_.limited()) return Duration::zero();
    const double per_second = static_cast<double>(rate_.bytes_per_second);
    const double elapsed = std::max(0.0, RealSeconds(now - filled_).count());
    filled_ = std::max(filled_, now);
    level_ = std::min(capacity(rate_), level_ + elapsed * per_second) - static_cast<double>(bytes);
    level_ = std::max(level_, -per_second * RealSeconds(longest_pause).count());
    if (level_ >= 0) return Duration::zero();
    return std::chrono::duration_cast<Duration>(RealSeconds(-level_ / per_second));
}

}  // namespace rookery
