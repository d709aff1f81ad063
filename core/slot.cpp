#include "core/slot.h"

#include <atomic>

namespace rookery::detail {

std::uint32_t next_slot_id() {
    static std::atomic<std::uint32_t> next{1};
    return next++;
}

}  // namespace rookery::detail
