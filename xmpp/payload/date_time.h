// Dates and times as text, XEP-0082 (DateTime profile).
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"

namespace rookery {

// "2026-11-22T01:02:03Z", with ".123456" when the time has a part of a second. UTC.
std::string format_date_time(WallTime time);
// Any offset, any number of digits of a second (more than six are cut). nullopt: not a DateTime, or a year that
// WallTime cannot hold.
std::optional<WallTime> parse_date_time(std::string_view text);

}  // namespace rookery
