#include "bench/load/meter.h"

#include <time.h>
#include <unistd.h>

#include <fstream>
#include <limits>
#include <sstream>
#include <stdexcept>
#include <string>

namespace rookery::bench {

namespace {

[[noreturn]] void gone(int pid) { throw std::runtime_error("cannot read process " + std::to_string(pid)); }

double total_us(int pid) {
    clockid_t clock{};
    timespec time{};
    if (clock_getcpuclockid(pid, &clock) != 0 || clock_gettime(clock, &time) != 0) gone(pid);
    return static_cast<double>(time.tv_sec) * 1e6 + static_cast<double>(time.tv_nsec) / 1e3;
}

double system_us(int pid) {
    std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
    // "pid (name) state ...": the name may hold spaces; after it stime is the 13th field (proc(5): field 15).
    file.ignore(std::numeric_limits<std::streamsize>::max(), ')');
    std::string skipped;
    for (int field = 3; field < 15; ++field) file >> skipped;
    double ticks = 0;
    if (!(file >> ticks)) gone(pid);
    return ticks * 1e6 / static_cast<double>(sysconf(_SC_CLK_TCK));
}

Memory memory_of(int pid) {
    std::ifstream file("/proc/" + std::to_string(pid) + "/smaps_rollup");
    constexpr std::int64_t kKibibyte = 1024;
    Memory sum;
    std::string line;
    while (std::getline(file, line)) {
        std::istringstream fields(line);
        std::string name;
        std::int64_t kibibytes = 0;
        if (!(fields >> name >> kibibytes)) continue;
        if (name == "Pss:") sum.pss_bytes = kibibytes * kKibibyte;
        if (name == "Pss_Anon:" || name == "Pss_Shmem:") sum.anonymous_bytes += kibibytes * kKibibyte;
    }
    if (sum.pss_bytes == 0) gone(pid);
    return sum;
}

}  // namespace

CpuTime Meter::cpu() const {
    CpuTime sum;
    for (const int pid : pids_) {
        sum.total_us += total_us(pid);
        sum.system_us += system_us(pid);
    }
    return sum;
}

Memory Meter::memory() const {
    Memory sum;
    for (const int pid : pids_) {
        const Memory one = memory_of(pid);
        sum.anonymous_bytes += one.anonymous_bytes;
        sum.pss_bytes += one.pss_bytes;
    }
    return sum;
}

}  // namespace rookery::bench
