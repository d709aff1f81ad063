#include "server/memory_limit.h"

#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <limits>
#include <string>

namespace rookery {
namespace {

constexpr std::size_t no_limit = std::numeric_limits<std::size_t>::max();

// "max", or that there is no such file, is no limit.
std::size_t number_in(const std::filesystem::path& file) {
    std::ifstream stream(file);
    std::size_t bytes = 0;
    return stream >> bytes ? bytes : no_limit;
}

std::size_t least_upwards(const std::filesystem::path& top, std::filesystem::path group, const char* file) {
    std::size_t least = number_in(top / file);
    for (; !group.empty(); group = group.parent_path()) least = std::min(least, number_in(top / group / file));
    return least;
}

}  // namespace

// Lines of number:controllers:/path; version 2 has no controllers.
std::size_t group_memory(const std::filesystem::path& groups, const std::filesystem::path& root) {
    std::ifstream stream(groups);
    std::size_t least = no_limit;
    for (std::string line; std::getline(stream, line);) {
        const std::size_t first = line.find(':'), second = line.find(':', first + 1);
        if (first == std::string::npos || second == std::string::npos) continue;
        const std::string controllers = line.substr(first + 1, second - first - 1);
        const std::filesystem::path group = std::filesystem::path(line.substr(second + 1)).relative_path();
        if (controllers.empty()) least = std::min(least, least_upwards(root, group, "memory.max"));
        if (controllers == "memory") least = std::min(least, least_upwards(root / "memory", group, "memory.limit_in_bytes"));
    }
    return least;
}

std::size_t usable_memory() {
    const auto pages = static_cast<std::size_t>(::sysconf(_SC_PHYS_PAGES));
    const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
    return std::min(pages * page, group_memory("/proc/self/cgroup", "/sys/fs/cgroup"));
}

}  // namespace rookery
