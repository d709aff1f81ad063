// interned(): one copy, for the life of the program, of the few texts that very many objects hold (a cipher's name).
#pragma once

#include <string_view>

namespace rookery {

// A NUL follows it. Any thread. Never for what strangers choose: nothing is ever given back.
std::string_view interned(std::string_view text);

}  // namespace rookery
