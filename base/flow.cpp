#include "base/flow.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace rookery {
namespace {

using FloatSeconds = std::chrono::duration<double>;

constexpr double longest_forecast = 365.0 * 24 * 3'600;  // seconds; what takes longer is never done

// Counters read while another thread counts may seem to go back a little.
double grown(std::uint64_t& last, std::uint64_t now) {
    const std::uint64_t before = std::exchange(last, now);
    return now > before ? static_cast<double>(now - before) : 0;
}

}  // namespace

void Flow::sample(SteadyTime now, std::uint64_t in, std::uint64_t out) {
    if (last_ && now <= *last_) return;
    if (in < last_in_) marks_made_ = 0;  // some of those who count are gone
    const double came = grown(last_in_, in);
    const double went = grown(last_out_, out);
    const std::optional<SteadyTime> before = std::exchange(last_, now);
    mark(now);
    if (!before) return;
    const double passed = FloatSeconds(now - *before).count();
    for (std::size_t i = 0; i < windows.size(); ++i) {
        const double fresh = 1 - std::exp(-passed / windows[i]);
        in_[i] += fresh * (came / passed - in_[i]);
        out_[i] += fresh * (went / passed - out_[i]);
        weight_[i] += fresh * (1 - weight_[i]);
    }
}

void Flow::mark(SteadyTime now) {
    if (marks_made_ > 0 && now - marked(0).at < Seconds(1)) return;
    marks_[marks_made_++ % remembered] = {now, last_in_};
}

Flow::Rates Flow::rates(const Rates& sums) const {
    Rates shown{};
    for (std::size_t i = 0; i < windows.size(); ++i)
        if (weight_[i] > 0) shown[i] = sums[i] / weight_[i];
    return shown;
}

std::optional<Duration> Flow::time_to_drain(std::size_t length) const {
    if (length == 0) return Duration(0);
    const double shrinks = out()[1] - in()[1];
    if (shrinks * longest_forecast < static_cast<double>(length)) return std::nullopt;
    return std::chrono::duration_cast<Duration>(FloatSeconds(static_cast<double>(length) / shrinks));
}

std::optional<Duration> Flow::oldest() const {
    if (!last_ || last_in_ <= last_out_) return std::nullopt;
    Duration waited(0);
    for (std::size_t age = 0; age < std::min(marks_made_, remembered) && marked(age).in > last_out_; ++age)
        waited = *last_ - marked(age).at;
    return waited;
}

}  // namespace rookery
