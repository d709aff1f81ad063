#include "core/log_sweeper.h"

#include "base/log.h"

namespace rookery {

LogSweeper::LogSweeper(LogStore& log, Loop& loop) : log_(log), loop_(loop) {
    loop.post([this] { plan(); });
}

void LogSweeper::plan() {
    loop_.after(period, [this] { spawn(sweep()); });
}

Task<void> LogSweeper::sweep() {
    std::uint64_t removed = 0;
    for (std::uint64_t after = 0;;) {
        Result<RemovedSlice> slice = co_await log_.remove_unarchived(loop_.clock().wall_now(), WallTime(), after);
        if (!slice.ok()) log_warning("log_not_swept", {{"reason", slice.error().message}});
        if (!slice.ok()) break;
        removed += slice->removed;
        after = slice->next;
        if (after == 0) break;
        co_await pause(loop_, between_slices);
    }
    if (removed > 0) log_debug("log_swept", {{"messages", removed}});
    plan();
}

}  // namespace rookery
