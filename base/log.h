// The log: one line an event, `time level event key=value ...`, values escaped (a newline or an escape code in a
// name cannot forge a line). Passwords, tokens and message bodies are never logged.
// The one process-wide object beside Loop::current: what a line says must not depend on who was handed a logger.
#pragma once

#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <string_view>
#include <variant>

namespace rookery {

enum class LogLevel { debug, info, warning, error, critical, none };

struct LogField {
    std::string_view key;
    std::variant<std::string_view, std::int64_t, double, bool> value;

    LogField(std::string_view name, std::string_view text) : key(name), value(text) {}
    LogField(std::string_view name, const char* text) : key(name), value(std::string_view(text)) {}
    LogField(std::string_view name, bool flag) : key(name), value(flag) {}
    LogField(std::string_view name, double number) : key(name), value(number) {}
    LogField(std::string_view name, std::integral auto number)
        : key(name), value(static_cast<std::int64_t>(number)) {}
};

using LogFields = std::initializer_list<LogField>;

// Any thread. Below the level: costs one load.
void log_write(LogLevel level, std::string_view event, LogFields fields);
bool log_enabled(LogLevel level);
void set_log_level(LogLevel level);
LogLevel log_level();

// Where lines go: standard error (default) or a file, reopened on demand (log rotation).
// Throws std::runtime_error when the file cannot be opened.
void log_to_file(std::string_view path);
void log_reopen();
// Tests read the lines themselves: each finished line is handed over instead of being written. Null: back to stderr.
void log_to_function(void (*sink)(std::string_view line));

inline void log_debug(std::string_view event, LogFields fields = {}) { log_write(LogLevel::debug, event, fields); }
inline void log_info(std::string_view event, LogFields fields = {}) { log_write(LogLevel::info, event, fields); }
inline void log_warning(std::string_view event, LogFields fields = {}) { log_write(LogLevel::warning, event, fields); }
inline void log_error(std::string_view event, LogFields fields = {}) { log_write(LogLevel::error, event, fields); }
inline void log_critical(std::string_view event, LogFields fields = {}) { log_write(LogLevel::critical, event, fields); }

}  // namespace rookery
