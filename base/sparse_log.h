// For log lines that a flood of events would write: at most one line in an interval, which says how many were left out.
#pragma once

#include <cstdint>
#include <utility>

#include "base/clock.h"

namespace rookery {

class SparseLog {  // one thread
public:
    explicit SparseLog(Duration interval) : interval_(interval) {}

    // Calls write_line(others), or only counts.
    template <class Write>
    void write(SteadyTime now, Write write_line) {
        if (now < next_) {
            ++suppressed_;
            return;
        }
        next_ = now + interval_;
        write_line(std::exchange(suppressed_, 0));
    }

private:
    Duration interval_;
    SteadyTime next_{};
    std::uint64_t suppressed_ = 0;
};

}  // namespace rookery
