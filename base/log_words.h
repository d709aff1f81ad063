// The words for log levels, in the configuration and on the command line: ours first, then ejabberd's and its old
// numbers, which lead to the nearest of ours.
#pragma once

#include <algorithm>
#include <array>
#include <optional>
#include <string_view>
#include <utility>

#include "base/log.h"

namespace rookery {

inline constexpr std::array<std::pair<std::string_view, LogLevel>, 15> log_level_words{{{"none", LogLevel::none},
                                                                                        {"critical", LogLevel::critical},
                                                                                        {"error", LogLevel::error},
                                                                                        {"warning", LogLevel::warning},
                                                                                        {"info", LogLevel::info},
                                                                                        {"debug", LogLevel::debug},
                                                                                        {"notice", LogLevel::info},
                                                                                        {"alert", LogLevel::critical},
                                                                                        {"emergency", LogLevel::critical},
                                                                                        {"0", LogLevel::none},
                                                                                        {"1", LogLevel::critical},
                                                                                        {"2", LogLevel::error},
                                                                                        {"3", LogLevel::warning},
                                                                                        {"4", LogLevel::info},
                                                                                        {"5", LogLevel::debug}}};

inline std::optional<LogLevel> log_level_named(std::string_view word) {
    const auto* const found = std::ranges::find(log_level_words, word, &std::pair<std::string_view, LogLevel>::first);
    return found == log_level_words.end() ? std::nullopt : std::optional(found->second);
}

// Our own word.
inline std::string_view name_of(LogLevel level) {
    return std::ranges::find(log_level_words, level, &std::pair<std::string_view, LogLevel>::second)->first;
}

}  // namespace rookery
