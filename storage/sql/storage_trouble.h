// What people are told of a database that does not take writes.
#pragma once

#include <optional>
#include <string>

#include "base/clock.h"

namespace rookery {

class Database;

struct StorageTrouble {
    WallTime since;     // of the first of the writes that failed without one between them that did not
    std::string error;  // of the latest
};

// nullopt: the last write succeeded, or there was none. Any thread.
std::optional<StorageTrouble> trouble_of(const Database& database);

}  // namespace rookery
