// The configuration of a play: what the server usually has, with the play's `config:` merged over it.
#pragma once

#include <string>
#include <string_view>

namespace rookery::test {

// YAML. Maps are merged key by key, all else is replaced. Since naming `modules` loads those and no others, the modules
// that are on by default are named too; `mod_x: off` leaves one out. Throws std::runtime_error: not YAML.
std::string merged_config(std::string_view usual, std::string_view over);

}  // namespace rookery::test
