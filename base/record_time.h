// Times in records. Both programs run on one machine and share its clocks.
#pragma once

#include "base/clock.h"
#include "base/record.h"

namespace rookery {

inline constexpr std::uint64_t max_record_milliseconds = std::uint64_t{1} << 42;  // since 1970: the year 2109

template <class Time>
void put_time(RecordWriter& record, RecordTag tag, Time time) {
    record.number(tag, static_cast<std::uint64_t>(std::chrono::duration_cast<Milliseconds>(time.time_since_epoch()).count()));
}

template <class Time>
Time read_time(RecordReader& record, RecordTag tag) {
    return Time(Milliseconds(record.number_up_to(tag, max_record_milliseconds)));
}

}  // namespace rookery
