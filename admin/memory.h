// The answer of `stats memory`.
#pragma once

#include "base/task.h"
#include "base/value.h"

namespace rookery {

class Shards;

// All shards' owners, the largest first; then what no owner explains, and what the allocator holds, where that is known.
Task<Value> memory_by_owner(Shards& shards);

}  // namespace rookery
