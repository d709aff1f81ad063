#include "base/log.h"

#include <fmt/format.h>
#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>

#include "base/bytes.h"
#include "base/utf8.h"

namespace rookery {
namespace {

constexpr std::size_t max_value_bytes = 512;  // of the value as given, before escapes
constexpr std::string_view cut_mark = "...";

constexpr const char* level_name(LogLevel level) {
    switch (level) {
        case LogLevel::debug:
            return "debug";
        case LogLevel::info:
            return "info";
        case LogLevel::warning:
            return "warning";
        case LogLevel::error:
            return "error";
        case LogLevel::critical:
            return "critical";
        case LogLevel::none:
            break;
    }
    return "none";
}

// 2026-11-21T23:55:04.123Z, computed without the C library's time zone lock.
void append_time(std::string& line) {
    using namespace std::chrono;
    const auto now = floor<milliseconds>(system_clock::now());
    const auto day = floor<days>(now);
    const year_month_day date(day);
    const hh_mm_ss time(now - day);
    fmt::format_to(std::back_inserter(line), "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z",
                   static_cast<int>(date.year()), static_cast<unsigned>(date.month()),
                   static_cast<unsigned>(date.day()), time.hours().count(), time.minutes().count(),
                   time.seconds().count(), time.subseconds().count());
}

bool is_control(unsigned char c) { return c < 0x20 || c == 0x7F; }

// Bytes of a character at `at` that acts on terminals or readers without being seen: C1 controls (U+0080 to U+009F),
// zero width and bidirectional marks, line separators. 0: none.
std::size_t hidden_character(std::string_view text, std::size_t at) {
    const auto byte = [&](std::size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0u; };
    const auto between = [](unsigned value, unsigned low, unsigned high) { return value >= low && value <= high; };
    if (byte(at) == 0xC2) return between(byte(at + 1), 0x80, 0x9F) ? 2 : 0;
    if (byte(at) != 0xE2) return 0;
    const unsigned second = byte(at + 1), third = byte(at + 2);
    const bool format = second == 0x80 && (between(third, 0x8B, 0x8F) || between(third, 0xA8, 0xAE));
    const bool isolate = second == 0x81 && between(third, 0xA6, 0xA9);
    return format || isolate ? 3 : 0;
}

bool needs_quotes(std::string_view text) {
    if (text.empty()) return true;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const auto c = static_cast<unsigned char>(text[i]);
        if (is_control(c) || c == ' ' || c == '"' || c == '=' || c == '\\' || hidden_character(text, i) > 0)
            return true;
    }
    return !is_valid_utf8(text);
}

std::string_view bounded(std::string_view text) { return beginning(text, max_value_bytes); }

void append_hex(std::string& line, std::string_view bytes) {
    for (char c : bytes) fmt::format_to(std::back_inserter(line), "\\x{:02x}", static_cast<unsigned char>(c));
}

// Returns how many bytes of `text` it wrote.
std::size_t append_escaped(std::string& line, std::string_view text, std::size_t at, bool utf8) {
    const char c = text[at];
    const std::size_t hidden = hidden_character(text, at);
    const bool raw = is_control(static_cast<unsigned char>(c)) || (!utf8 && static_cast<unsigned char>(c) >= 0x80);
    if (c == '\n')
        line += "\\n";
    else if (c == '\r')
        line += "\\r";
    else if (c == '\t')
        line += "\\t";
    else if (c == '"' || c == '\\')
        line.append({'\\', c});
    else if (hidden > 0 || raw)
        append_hex(line, text.substr(at, hidden > 0 ? hidden : 1));
    else
        line.push_back(c);
    return hidden > 0 ? hidden : 1;
}

void append_text(std::string& line, std::string_view whole) {
    const std::string_view text = bounded(whole);
    const bool cut = text.size() < whole.size();
    if (!needs_quotes(text)) {
        line += text;
        if (cut) line += cut_mark;
        return;
    }
    line.push_back('"');
    const bool utf8 = is_valid_utf8(text);
    for (std::size_t i = 0; i < text.size();) i += append_escaped(line, text, i, utf8);
    if (cut) line += cut_mark;
    line.push_back('"');
}

void append_value(std::string& line, const LogField& field) {
    if (const auto* text = std::get_if<std::string_view>(&field.value)) return append_text(line, *text);
    if (const auto* flag = std::get_if<bool>(&field.value)) {
        line += *flag ? "true" : "false";
        return;
    }
    if (const auto* number = std::get_if<std::int64_t>(&field.value)) {
        line += fmt::to_string(*number);
        return;
    }
    line += fmt::format("{}", std::get<double>(field.value));
}

std::string format_line(LogLevel level, std::string_view event, LogFields fields) {
    std::string line;
    line.reserve(128);
    append_time(line);
    line.push_back(' ');
    line += level_name(level);
    line.push_back(' ');
    append_text(line, event);
    for (const LogField& field : fields) {
        line.push_back(' ');
        line += field.key;
        line.push_back('=');
        append_value(line, field);
    }
    return line;
}

spdlog::level::level_enum spdlog_level(LogLevel level) {
    switch (level) {
        case LogLevel::debug:
            return spdlog::level::debug;
        case LogLevel::info:
            return spdlog::level::info;
        case LogLevel::warning:
            return spdlog::level::warn;
        case LogLevel::error:
            return spdlog::level::err;
        default:
            return spdlog::level::critical;
    }
}

// Where lines go. The lock covers only the swap of the target; spdlog's sinks have their own for writing.
class Output {
public:
    Output() : logger_(make_logger(std::make_shared<spdlog::sinks::stderr_sink_mt>())) {}

    void write(LogLevel level, const std::string& line) {
        if (const auto function = function_.load()) return function(line);
        current()->log(spdlog_level(level), spdlog::string_view_t(line.data(), line.size()));
    }
    void to_function(void (*sink)(std::string_view)) {
        function_.store(sink);
        if (sink) return;
        swap_logger(make_logger(std::make_shared<spdlog::sinks::stderr_sink_mt>()), {});
    }
    void to_file(std::string path) {
        try {
            swap_logger(make_logger(std::make_shared<spdlog::sinks::basic_file_sink_mt>(path)), path);
        } catch (const spdlog::spdlog_ex& error) {
            throw std::runtime_error(error.what());
        }
    }
    void reopen() {
        std::string path;
        {
            const std::lock_guard lock(mutex_);
            path = path_;
        }
        if (!path.empty()) to_file(std::move(path));
    }

private:
    using Logger = std::shared_ptr<spdlog::logger>;

    static Logger make_logger(spdlog::sink_ptr sink) {
        auto logger = std::make_shared<spdlog::logger>("rookery", std::move(sink));
        logger->set_pattern("%v");
        logger->set_level(spdlog::level::trace);
        // One write() a line into the page cache: whoever follows the file sees it at once. Debug lines are buffered.
        logger->flush_on(spdlog::level::info);
        return logger;
    }
    Logger current() {
        const std::lock_guard lock(mutex_);
        return logger_;
    }
    void swap_logger(Logger logger, std::string path) {
        const std::lock_guard lock(mutex_);
        logger_->flush();
        logger_ = std::move(logger);
        path_ = std::move(path);
    }

    std::mutex mutex_;
    Logger logger_;
    std::string path_;
    std::atomic<void (*)(std::string_view)> function_{nullptr};
};

// Never destroyed: threads and destructors may still log while the process ends.
Output& output() {
    static Output& only = *new Output;
    return only;
}

std::atomic<LogLevel> level_shown{LogLevel::info};

}  // namespace

bool log_enabled(LogLevel level) {
    return level != LogLevel::none && level >= level_shown.load(std::memory_order_relaxed);
}
void set_log_level(LogLevel level) { level_shown.store(level, std::memory_order_relaxed); }
LogLevel log_level() { return level_shown.load(std::memory_order_relaxed); }

void log_write(LogLevel level, std::string_view event, LogFields fields) {
    if (log_enabled(level)) output().write(level, format_line(level, event, fields));
}

void log_to_file(std::string_view path) { output().to_file(std::string(path)); }
void log_reopen() { output().reopen(); }
void log_to_function(void (*sink)(std::string_view line)) { output().to_function(sink); }

}  // namespace rookery
