// Flow: how fast things come into a queue and leave it, over about 1, 10 and 100 seconds, and how long the first has
// waited. Who owns the queue only counts; the rest is worked out when somebody looks, or once a second. Pure; one thread.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "base/clock.h"

namespace rookery {

class Flow {
public:
    static constexpr std::array<double, 3> windows{1, 10, 100};  // seconds
    using Rates = std::array<double, 3>;                         // things a second, one for each window

    // What has come in and gone out up to `now`, since the start. Samples may be any time apart: between two of them the
    // flow counts as even. The first one only says where counting begins.
    void sample(SteadyTime now, std::uint64_t in, std::uint64_t out);

    Rates in() const { return rates(in_); }
    Rates out() const { return rates(out_); }

    // Until `length` things are through, if it goes on as in the last 10 seconds. Nullopt: never, it grows or stands still.
    std::optional<Duration> time_to_drain(std::size_t length) const;

    // How long the oldest in it has waited, at least: where more are in it than came in since a moment, one was there
    // before. Exact to about a second where they go out in the order they came, and for `remembered` seconds. Nullopt:
    // nothing waits.
    std::optional<Duration> oldest() const;
    static constexpr std::size_t remembered = 100;

private:
    struct Mark {
        SteadyTime at;
        std::uint64_t in;
    };
    void mark(SteadyTime now);
    const Mark& marked(std::size_t age) const { return marks_[(marks_made_ - 1 - age) % remembered]; }  // 0: the newest

    // Exponentially weighted averages; `weight_` is how much of each has been seen, so that the first second is not
    // averaged with a silence that never was.
    Rates rates(const Rates& sums) const;

    std::optional<SteadyTime> last_;
    std::uint64_t last_in_ = 0, last_out_ = 0;
    Rates in_{}, out_{}, weight_{};
    std::array<Mark, remembered> marks_{};  // a second apart at least
    std::size_t marks_made_ = 0;
};

}  // namespace rookery
