// ConfigValue: what a configuration file becomes, each piece with its place in the file, and the readers that turn
// a piece into a typed value or into a message that names place, fault and cure:
//   conf/rookery.yml:12:5: 'max_user_sessions' must be a whole number from 1 to 1000, not 'ten'; write for example
//   'max_user_sessions: 10'
#pragma once

#include <cstdint>
#include <initializer_list>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/result.h"

namespace rookery {

// A place in a file; lines and columns count from 1. Line 0: not from a file (a default, a test).
struct Mark {
    std::string file;
    int line = 0;
    int column = 0;

    Mark() = default;
    Mark(std::string file_name, int line_number, int column_number)
        : file(std::move(file_name)), line(line_number), column(column_number) {}
    std::string str() const;  // "file:line:column"; empty without a line
};

struct ConfigValue {
    enum class Kind { null, scalar, list, map };
    struct Entry;

    Kind kind = Kind::null;
    std::string text;      // scalar: as written, without quotes
    bool quoted = false;   // scalar: "yes" in quotes is a string, never a boolean
    std::vector<ConfigValue> items;  // list
    std::vector<Entry> entries;      // map, in the order of the file; keys are unique
    Mark mark;

    ConfigValue() = default;
    static ConfigValue scalar(std::string_view text, Mark mark = {}, bool quoted = false);
    static ConfigValue list(std::vector<ConfigValue> items, Mark mark = {});
    static ConfigValue map(std::vector<Entry> entries, Mark mark = {});

    bool is_null() const { return kind == Kind::null; }
    bool is_scalar() const { return kind == Kind::scalar; }
    bool is_list() const { return kind == Kind::list; }
    bool is_map() const { return kind == Kind::map; }

    // Value of a key of a map; nullptr: no such key, or not a map.
    const ConfigValue* find(std::string_view key) const;
    // For messages: 'ten', a list, a map, nothing. Long text is cut.
    std::string shown() const;
};

struct ConfigValue::Entry {
    std::string key;
    Mark mark;  // of the key
    ConfigValue value;

    Entry(std::string key_text, Mark key_mark, ConfigValue key_value)
        : key(std::move(key_text)), mark(std::move(key_mark)), value(std::move(key_value)) {}
    Entry(std::string_view key_text, ConfigValue key_value) : key(key_text), value(std::move(key_value)) {}
};

// What a reading found: finished messages, each beginning with its place. Errors refuse the file, warnings do not.
struct ConfigProblems {
    std::vector<std::string> errors;
    std::vector<std::string> warnings;
    bool lenient = false;  // names nobody knows are warned of, not refused: a file written for another server is judged

    void error(const Mark& mark, std::string_view message);
    void warning(const Mark& mark, std::string_view message);
    void unknown(const Mark& mark, std::string_view message) { lenient ? warning(mark, message) : error(mark, message); }
    bool ok() const { return errors.empty(); }
};

// "place: message", the form of all messages.
std::string config_message(const Mark& mark, std::string_view message);

// The error every reader gives: 'name' must be <wanted>, not <value>; write for example 'name: <example>'.
Error config_mismatch(std::string_view name, const ConfigValue& value, std::string_view wanted, std::string_view example);

// Infinity, where a reader allows it.
inline constexpr Milliseconds forever = Milliseconds::max();
inline constexpr std::int64_t unlimited = std::numeric_limits<std::int64_t>::max();

// Each reader is given the option's name for its message, and what to write instead as an example (empty: something that
// would do). Error code: invalid.
Result<bool> read_bool(std::string_view name, const ConfigValue& value, std::string_view example = {});  // yes, off, ...

struct IntegerRange {
    std::int64_t least = 0;
    std::int64_t most = std::numeric_limits<std::int64_t>::max();
    bool or_infinity = false;  // `infinity` reads as `unlimited`
};
Result<std::int64_t> read_integer(std::string_view name, const ConfigValue& value, IntegerRange range = {},
                                  std::string_view example = {});
Result<double> read_number(std::string_view name, const ConfigValue& value, double least, double most,
                           std::string_view example = {});

// ejabberd's forms: `30` (seconds), `500 ms`, `30 seconds`, `5 minutes`, `1 hour`, `2 days`, `infinity`.
struct DurationRange {
    Milliseconds least{0};
    Milliseconds most = std::chrono::hours(24 * 365 * 100);
    bool or_infinity = false;  // `infinity` reads as `forever`
};
Result<Milliseconds> read_duration(std::string_view name, const ConfigValue& value, DurationRange range = {},
                                   std::string_view example = {});

// Bytes: `65536`, `64 KB`, `64KiB`, `10 MB`, `1 GB` (of 1024), `infinity`.
Result<std::int64_t> read_size(std::string_view name, const ConfigValue& value, IntegerRange range = {},
                               std::string_view example = {});

Result<std::string> read_string(std::string_view name, const ConfigValue& value, std::string_view example = {});
// A scalar is a list of one; null is an empty list.
Result<std::vector<std::string>> read_strings(std::string_view name, const ConfigValue& value,
                                              std::string_view example = {});
// Index into `allowed`. The example is the nearest of them, if one is near.
Result<std::size_t> read_choice(std::string_view name, const ConfigValue& value,
                                std::span<const std::string_view> allowed, std::string_view example = {});

// As text, in the form the readers accept: for defaults and ranges in messages and in the manual.
std::string duration_text(Milliseconds duration);
std::string size_text(std::int64_t bytes);

// The candidate most like `name` (edit distance, bounded by a third of its length), for "did you mean"; nullopt: none is near.
std::optional<std::string_view> nearest(std::string_view name, std::span<const std::string_view> candidates);

}  // namespace rookery
