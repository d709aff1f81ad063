// What processes use: CPU time and user-space memory, read from outside.
#pragma once

#include <cstdint>
#include <vector>

namespace rookery::bench {

struct CpuTime {
    double total_us = 0;   // exact: the processes' CPU clocks, all threads, also ended ones
    double system_us = 0;  // of that in the kernel, from /proc/PID/stat: good to a clock tick (10 ms)

    CpuTime operator+(const CpuTime& more) const { return {total_us + more.total_us, system_us + more.system_us}; }
    CpuTime operator*(double share) const { return {total_us * share, system_us * share}; }
    CpuTime operator-(const CpuTime& earlier) const {
        return {total_us - earlier.total_us, system_us - earlier.system_us};
    }
};

struct Memory {
    std::int64_t anonymous_bytes = 0;  // heap, stacks, anonymous maps, shared memory of the process: its own share
    std::int64_t pss_bytes = 0;        // with the touched pages of program files
};

// Throws std::runtime_error when a process is gone.
class Meter {
public:
    explicit Meter(std::vector<int> pids) : pids_(std::move(pids)) {}

    bool measures() const { return !pids_.empty(); }
    CpuTime cpu() const;
    Memory memory() const;

private:
    std::vector<int> pids_;
};

}  // namespace rookery::bench
