// What the owner of a queue knows of it, for gauges (base/queue_board.h).
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "base/clock.h"

namespace rookery {

// Since the start. Whoever is on the path of a message does no more than count here.
struct QueueCounts {
    std::uint64_t in = 0;
    std::uint64_t out = 0;
    std::uint64_t refused = 0;  // found it full

    QueueCounts& operator+=(const QueueCounts& other) {
        in += other.in;
        out += other.out;
        refused += other.refused;
        return *this;
    }
};

// Where the length is at hand, only what comes in has to be counted. (It may be longer: TLS adds to bytes.)
inline QueueCounts counts_of(std::uint64_t in, std::size_t length, std::uint64_t refused = 0) {
    return {in, in - std::min<std::uint64_t>(length, in), refused};
}

// One of the many behind a name: an account's queue, a session's.
struct QueueMember {
    std::size_t length = 0;
    std::size_t bound = 0;  // 0: none
    std::optional<Duration> oldest = {};
};

}  // namespace rookery
