// YAML text into ConfigValue, each piece with its place. Bounded in every direction: size, depth, and what aliases
// may expand to, so that a file of a few lines cannot fill the memory.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "base/config_value.h"

namespace rookery {

inline constexpr std::size_t max_config_bytes = 1 << 20;
inline constexpr std::size_t max_config_depth = 32;
inline constexpr std::size_t max_config_nodes = 100'000;  // after the expansion of aliases

// nullopt: a fault in the form, with its place in `problems` (the first one only: what follows it makes no sense).
// Keys may repeat within a map: whether that is an error depends on the option. `file` is for the marks.
// Aliases and the merge key (`<<: *defaults`, `<<: [*one, *two]`) are resolved: a map's own keys win over those it
// takes over, an earlier map's over a later one's. What is taken over stands where the `<<` stood; its marks say where
// it was written.
std::optional<ConfigValue> parse_yaml(std::string_view text, const std::string& file, ConfigProblems& problems);

}  // namespace rookery
