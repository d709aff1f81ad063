// Time, injected: tests move it by hand.
#pragma once

#include <chrono>

namespace rookery {

using Duration = std::chrono::steady_clock::duration;
using SteadyTime = std::chrono::steady_clock::time_point;  // for timers and intervals
using WallTime = std::chrono::system_clock::time_point;    // for stamps people see
using Seconds = std::chrono::seconds;
using Milliseconds = std::chrono::milliseconds;

class Clock {
public:
    virtual ~Clock() = default;
    virtual SteadyTime steady_now() const = 0;
    virtual WallTime wall_now() const = 0;
};

class SystemClock final : public Clock {
public:
    SteadyTime steady_now() const override { return std::chrono::steady_clock::now(); }
    WallTime wall_now() const override { return std::chrono::system_clock::now(); }
};

// For those who are not told of another clock.
inline const Clock& system_clock() {
    static const SystemClock clock;
    return clock;
}

}  // namespace rookery
