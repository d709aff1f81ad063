// Value to JSON text and back.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "base/value.h"

namespace rookery {

std::string to_json(const Value& value, int indent = -1);  // indent -1: one line

// invalid: not JSON, deeper than 32, duplicate keys, not UTF-8, numbers past 64 bits (H14).
Result<Value> parse_json(std::string_view text);

}  // namespace rookery
