// Shaper: a token bucket over bytes. Pure: the caller brings the time and does the waiting.
#pragma once

#include <cstddef>

#include "base/clock.h"

namespace rookery {

// ejabberd's shaper: `fast: 50000`, or `rate` and `burst_size`.
struct ShaperRate {
    std::size_t bytes_per_second = 0;  // 0: unlimited
    std::size_t burst_bytes = 0;       // taken at once after a silence; 0: as much as one second brings

    bool limited() const { return bytes_per_second > 0; }
    bool operator==(const ShaperRate&) const = default;
};

class Shaper {
public:
    static constexpr Seconds longest_pause{60};  // what a single take() may ask for: a huge one is not for ever

    Shaper(ShaperRate rate, SteadyTime now);  // the bucket begins full

    // Takes the bytes, which have come already, and says how long nothing more should be read. Zero: go on.
    Duration take(std::size_t bytes, SteadyTime now);

private:
    ShaperRate rate_;
    double level_;  // bytes left; negative: a debt that time pays
    SteadyTime filled_;
};

}  // namespace rookery
