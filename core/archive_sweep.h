// Taking messages out of archives by age and count, for the hourly sweep and for administrators: in small slices, with
// a rest between them in which others get at the database.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/loop.h"
#include "base/task.h"
#include "storage/archive_store.h"

namespace rookery {

struct ArchiveBoundsOfHost {  // in a slot of the host
    std::optional<Seconds> max_age;
    std::optional<std::uint64_t> max_messages;  // of one account

    bool any() const { return max_age || max_messages; }
};

struct Removal {
    std::uint64_t messages = 0;
    std::optional<Error> error;  // what ended it early
};

// The store and the loop outlive the task.
Task<Removal> remove_from_archive(ArchiveStore& archive, Loop& loop, Jid owner, ArchiveFilter filter,
                                  Milliseconds rest);
Task<Removal> remove_older_from_archives(ArchiveStore& archive, Loop& loop, WallTime before, Milliseconds rest);
// What is past the bounds, of all accounts of one host.
Task<Removal> sweep_archives(ArchiveStore& archive, Loop& loop, std::string domain, ArchiveBoundsOfHost bounds,
                             Milliseconds rest);

}  // namespace rookery
