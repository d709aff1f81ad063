// How much memory the process may use: what the machine has, or what its control group is allowed, whichever is less.
#pragma once

#include <cstddef>
#include <filesystem>

namespace rookery {

std::size_t usable_memory();
// What the groups of this file (/proc/self/cgroup) and those above them allow, below `root` (/sys/fs/cgroup); the largest
// number where none says.
std::size_t group_memory(const std::filesystem::path& groups, const std::filesystem::path& root);

}  // namespace rookery
