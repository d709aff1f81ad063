// StampedIds: ids of 64 bits that sort by the time they were made: milliseconds since 2024 (42 bits, until 2163), lane
// (10 bits: which node and shard), counter (12 bits). A generator never gives the same id twice, nor a smaller one
// after a larger one, also when the clock steps back or a millisecond brings more than 4,096.
// One generator a shard, used on its thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"

namespace rookery {

class StampedIds {
public:
    static constexpr unsigned max_lanes = 1'024;

    // The clock outlives it. REQUIRES: lane < max_lanes, and nobody else has it.
    StampedIds(const Clock& clock, unsigned lane) : StampedIds(clock, lane, 0) {}
    // Also above `last`, which was made before (by a generator that is gone).
    StampedIds(const Clock& clock, unsigned lane, std::uint64_t last);
    std::uint64_t next();

private:
    const Clock& clock_;
    std::uint64_t lane_;
    std::uint64_t milliseconds_;
    std::uint64_t counter_;
};

std::string stamped_id_text(std::uint64_t id);  // 13 letters and digits that sort like the number
std::optional<std::uint64_t> parse_stamped_id(std::string_view text);  // nullopt: not one of those texts

WallTime stamped_id_time(std::uint64_t id);     // when it was made, to the millisecond
std::uint64_t first_stamped_id(WallTime time);  // none made in the millisecond of `time` or later is smaller
std::uint64_t stamped_id_span(
    Milliseconds passed);  // ids made that long apart differ by as much, or a millisecond more

}  // namespace rookery
