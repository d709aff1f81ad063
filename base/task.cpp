#include "base/task.h"

#include "base/log.h"

namespace rookery::detail {

void report_unhandled(std::exception_ptr failure) noexcept {
    try {
        std::rethrow_exception(failure);
    } catch (const std::exception& error) {
        log_error("task_failed", {{"error", error.what()}});
    } catch (...) {
        log_error("task_failed", {{"error", "unknown exception"}});
    }
}

}  // namespace rookery::detail
