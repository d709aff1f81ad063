// Rest: what a shard still has under way before it may stand still (live upgrade).
#pragma once

#include <cstddef>
#include <string>

namespace rookery {

class Assembly;

struct UnderWay {
    std::string what;      // must be waited for; empty: nothing
    std::size_t open = 0;  // clients' stanzas and logins; their connections may be left behind
};

// On the shard's thread, its services resting (C2s::rest). Also gets done what would be done later.
UnderWay look_what_is_under_way(Assembly& assembly, unsigned shard);

}  // namespace rookery
