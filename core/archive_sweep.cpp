#include "core/archive_sweep.h"

#include <utility>
#include <vector>

namespace rookery {
namespace {

// `remove`: the slice behind an id, with a rest between each and the next.
template <class Remove>
Task<Removal> remove_slices(Remove remove, Loop& loop, Milliseconds rest) {
    Removal done;
    for (std::uint64_t after = 0;;) {
        Result<RemovedSlice> slice = co_await remove(after);
        if (!slice.ok()) done.error = slice.error();
        if (!slice.ok()) co_return done;
        done.messages += slice->removed;
        after = slice->next;
        if (after == 0) co_return done;
        co_await pause(loop, rest);
    }
}

Task<Removal> remove_excess(ArchiveStore& archive, Loop& loop, ArchiveSize size, ArchiveBoundsOfHost bounds,
                            Milliseconds rest) {
    ArchiveFilter filter;
    if (bounds.max_messages && size.messages > *bounds.max_messages) {
        Result<std::uint64_t> before = co_await archive.find_excess(size.owner, *bounds.max_messages);
        if (before.ok()) filter.before_id = *before;
    }
    Removal done;
    if (filter.before_id != 0) {
        Task<Removal> removing = remove_from_archive(archive, loop, size.owner, filter, rest);
        done = co_await removing;
    }
    if (done.error || !bounds.max_age) co_return done;
    filter.before_id = 0;
    filter.end = loop.clock().wall_now() - *bounds.max_age;
    Task<Removal> removing = remove_from_archive(archive, loop, size.owner, filter, rest);
    Removal old = co_await removing;
    old.messages += done.messages;
    co_return old;
}

}  // namespace

Task<Removal> remove_from_archive(ArchiveStore& archive, Loop& loop, Jid owner, ArchiveFilter filter,
                                  Milliseconds rest) {
    auto remove = [&archive, owner = std::move(owner), filter = std::move(filter)](std::uint64_t after) {
        return archive.remove(owner, filter, after);
    };
    return remove_slices(std::move(remove), loop, rest);
}

Task<Removal> remove_older_from_archives(ArchiveStore& archive, Loop& loop, WallTime before, Milliseconds rest) {
    return remove_slices([&archive, before](std::uint64_t after) { return archive.remove_older(before, after); }, loop, rest);
}

Task<Removal> sweep_archives(ArchiveStore& archive, Loop& loop, std::string domain, ArchiveBoundsOfHost bounds,
                             Milliseconds rest) {
    Removal done;
    if (!bounds.any()) co_return done;
    for (std::uint64_t after = 0;;) {
        Result<std::vector<ArchiveSize>> sizes = co_await archive.load_sizes(after, ArchiveStore::max_accounts);
        if (!sizes.ok()) done.error = sizes.error();
        if (!sizes.ok() || sizes->empty()) co_return done;
        for (const ArchiveSize& size : *sizes) {
            after = size.account;
            if (size.messages == 0 || size.owner.domain() != domain) continue;
            Task<Removal> removing = remove_excess(archive, loop, size, bounds, rest);
            Removal removed = co_await removing;
            done.messages += removed.messages;
            done.error = removed.error;
            if (done.error) co_return done;
        }
        if (sizes->size() < ArchiveStore::max_accounts) co_return done;
        co_await pause(loop, rest);
    }
}

}  // namespace rookery
