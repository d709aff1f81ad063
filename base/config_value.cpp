#include "base/config_value.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "base/number.h"

namespace rookery {
namespace {

constexpr std::size_t max_shown_bytes = 60;

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

std::string lowered(std::string_view text) {
    std::string out(text);
    std::transform(out.begin(), out.end(), out.begin(), lower);
    return out;
}

std::string quote(std::string_view text) {
    std::string out = "'";
    for (char c : text.substr(0, max_shown_bytes)) out.push_back(static_cast<unsigned char>(c) < 0x20 ? ' ' : c);
    if (text.size() > max_shown_bytes) out += "...";
    return out + "'";
}

std::string_view or_else(std::string_view example, std::string_view otherwise) {
    return example.empty() ? otherwise : example;
}

bool is_infinity(std::string_view text) { return text == "infinity" || text == "unlimited"; }

// "30 seconds" -> 30 and "seconds"; the unit may be missing.
struct Quantity {
    std::int64_t amount;
    std::string unit;
};
std::optional<Quantity> quantity_of(std::string_view text) {
    const std::size_t digits = std::min(text.find_first_not_of("0123456789"), text.size());
    const auto amount = parse_number<std::int64_t>(text.substr(0, digits));
    if (!amount) return std::nullopt;
    const std::size_t unit = std::min(text.find_first_not_of(' ', digits), text.size());
    return Quantity{*amount, lowered(text.substr(unit))};
}

struct Unit {
    std::initializer_list<std::string_view> names;
    std::int64_t factor;
};

std::optional<std::int64_t> in_units(const Quantity& quantity, std::span<const Unit> units) {
    for (const Unit& unit : units) {
        if (std::find(unit.names.begin(), unit.names.end(), quantity.unit) == unit.names.end()) continue;
        std::int64_t product = 0;
        if (__builtin_mul_overflow(quantity.amount, unit.factor, &product)) return std::nullopt;
        return product;
    }
    return std::nullopt;
}

constexpr std::int64_t second = 1000;

std::optional<Milliseconds> duration_of(std::string_view text) {
    static const std::array<Unit, 6> units{{
        {{"ms", "msec", "msecs", "millisec", "millisecs", "millisecond", "milliseconds"}, 1},
        {{"", "s", "sec", "secs", "second", "seconds"}, second},
        {{"m", "min", "mins", "minute", "minutes"}, 60 * second},
        {{"h", "hour", "hours"}, 3600 * second},
        {{"d", "day", "days"}, 86'400 * second},
        {{"week", "weeks"}, 7 * 86'400 * second},
    }};
    const auto quantity = quantity_of(text);
    const auto amount = quantity ? in_units(*quantity, units) : std::nullopt;
    return amount ? std::optional(Milliseconds(*amount)) : std::nullopt;
}

std::optional<std::int64_t> size_of(std::string_view text) {
    static const std::array<Unit, 4> units{{
        {{"", "b", "byte", "bytes"}, 1},
        {{"k", "kb", "kib"}, 1 << 10},
        {{"m", "mb", "mib"}, 1 << 20},
        {{"g", "gb", "gib"}, 1 << 30},
    }};
    const auto quantity = quantity_of(text);
    return quantity ? in_units(*quantity, units) : std::nullopt;
}

// "from 1 to 10", "of at least 1", "of at most 10" or "": what a range says in a message.
std::string range_words(std::string_view least, std::string_view most) {
    if (!least.empty() && !most.empty()) return " from " + std::string(least) + " to " + std::string(most);
    if (!least.empty()) return " of at least " + std::string(least);
    if (!most.empty()) return " of at most " + std::string(most);
    return "";
}

std::string or_infinity_words(bool allowed) { return allowed ? ", or infinity" : ""; }

template <class Show>
std::string wanted_amount(std::string_view what, const IntegerRange& range, Show show) {
    const bool bounded = range.most != unlimited;
    const bool floored = range.least != std::numeric_limits<std::int64_t>::min();
    return std::string(what) + range_words(floored ? show(range.least) : "", bounded ? show(range.most) : "") +
           or_infinity_words(range.or_infinity);
}

// A plausible value inside the range, for the cure.
std::int64_t example_in(const IntegerRange& range, std::int64_t usual) {
    return std::clamp(usual, range.least, range.most);
}

bool within(std::int64_t number, const IntegerRange& range) { return number >= range.least && number <= range.most; }

std::string plural(std::int64_t count, std::string_view unit) {
    return std::to_string(count) + " " + std::string(unit) + (count == 1 ? "" : "s");
}

// Optimal string alignment: a swap of neighbours counts as one edit.
std::size_t edit_distance(std::string_view a, std::string_view b) {
    std::vector<std::size_t> before(b.size() + 1), last(b.size() + 1), row(b.size() + 1);
    for (std::size_t j = 0; j <= b.size(); ++j) last[j] = j;
    for (std::size_t i = 1; i <= a.size(); ++i) {
        row[0] = i;
        for (std::size_t j = 1; j <= b.size(); ++j) {
            const std::size_t change = last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
            row[j] = std::min({last[j] + 1, row[j - 1] + 1, change});
            const bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
            if (swapped) row[j] = std::min(row[j], before[j - 2] + 1);
        }
        std::swap(before, last);
        std::swap(last, row);
    }
    return last[b.size()];
}

}  // namespace

std::string Mark::str() const {
    if (line == 0) return "";
    return file + ":" + std::to_string(line) + ":" + std::to_string(column);
}

ConfigValue ConfigValue::scalar(std::string_view text, Mark mark, bool quoted) {
    ConfigValue value;
    value.kind = Kind::scalar;
    value.text = text;
    value.quoted = quoted;
    value.mark = std::move(mark);
    return value;
}

ConfigValue ConfigValue::list(std::vector<ConfigValue> items, Mark mark) {
    ConfigValue value;
    value.kind = Kind::list;
    value.items = std::move(items);
    value.mark = std::move(mark);
    return value;
}

ConfigValue ConfigValue::map(std::vector<Entry> entries, Mark mark) {
    ConfigValue value;
    value.kind = Kind::map;
    value.entries = std::move(entries);
    value.mark = std::move(mark);
    return value;
}

const ConfigValue* ConfigValue::find(std::string_view key) const {
    const auto found =
        std::find_if(entries.begin(), entries.end(), [&](const Entry& entry) { return entry.key == key; });
    return found == entries.end() ? nullptr : &found->value;
}

std::string ConfigValue::shown() const {
    switch (kind) {
        case Kind::null:
            return "nothing";
        case Kind::scalar:
            return quote(text);
        case Kind::list:
            return items.empty() ? "an empty list" : "a list";
        case Kind::map:
            return "a map";
    }
    return "";
}

std::string config_message(const Mark& mark, std::string_view message) {
    const std::string place = mark.str();
    return place.empty() ? std::string(message) : place + ": " + std::string(message);
}

void ConfigProblems::error(const Mark& mark, std::string_view message) {
    errors.push_back(config_message(mark, message));
}
void ConfigProblems::warning(const Mark& mark, std::string_view message) {
    warnings.push_back(config_message(mark, message));
}

Error config_mismatch(std::string_view name, const ConfigValue& value, std::string_view wanted,
                      std::string_view example) {
    std::string message = quote(name) + " must be " + std::string(wanted) + ", not " + value.shown();
    message += "; write for example '" + std::string(name) + ": " + std::string(example) + "'";
    return Error(ErrorCode::invalid, config_message(value.mark, message));
}

Result<bool> read_bool(std::string_view name, const ConfigValue& value, std::string_view example) {
    const std::string word = value.is_scalar() && !value.quoted ? lowered(value.text) : "";
    if (word == "true" || word == "yes" || word == "on") return true;
    if (word == "false" || word == "no" || word == "off") return false;
    return config_mismatch(name, value, value.quoted ? "true or false, without quotes" : "true or false",
                           or_else(example, "true"));
}

Result<std::int64_t> read_integer(std::string_view name, const ConfigValue& value, IntegerRange range,
                                  std::string_view example) {
    if (value.is_scalar()) {
        if (range.or_infinity && is_infinity(value.text)) return unlimited;
        const auto number = parse_number<std::int64_t>(value.text);
        if (number && within(*number, range)) return *number;
    }
    const auto show = [](std::int64_t number) { return std::to_string(number); };
    return config_mismatch(name, value, wanted_amount("a whole number", range, show),
                           or_else(example, show(example_in(range, 10))));
}

Result<double> read_number(std::string_view name, const ConfigValue& value, double least, double most,
                           std::string_view example) {
    const std::optional<double> number = value.is_scalar() ? parse_number<double>(value.text) : std::nullopt;
    if (number && std::isfinite(*number) && *number >= least && *number <= most) return *number;
    const auto show = [](double each) {
        std::string out = std::to_string(each);
        out.erase(out.find_last_not_of('0') + 1);
        return out.back() == '.' ? out + '0' : out;
    };
    return config_mismatch(name, value, "a number" + range_words(show(least), show(most)),
                           or_else(example, show(least)));
}

Result<Milliseconds> read_duration(std::string_view name, const ConfigValue& value, DurationRange range,
                                   std::string_view example) {
    if (value.is_scalar()) {
        if (range.or_infinity && is_infinity(value.text)) return forever;
        const auto duration = duration_of(value.text);
        if (duration && *duration >= range.least && *duration <= range.most) return *duration;
    }
    const std::string wanted = "a time" + range_words(duration_text(range.least), duration_text(range.most)) +
                               or_infinity_words(range.or_infinity);
    const Milliseconds usual = std::clamp(Milliseconds(std::chrono::seconds(30)), range.least, range.most);
    return config_mismatch(name, value, wanted, or_else(example, duration_text(usual)));
}

Result<std::int64_t> read_size(std::string_view name, const ConfigValue& value, IntegerRange range,
                               std::string_view example) {
    if (value.is_scalar()) {
        if (range.or_infinity && is_infinity(value.text)) return unlimited;
        const auto size = size_of(value.text);
        if (size && within(*size, range)) return *size;
    }
    const std::string wanted = wanted_amount("a size in bytes", range, size_text);
    return config_mismatch(name, value, wanted, or_else(example, size_text(example_in(range, 64 << 10))));
}

Result<std::string> read_string(std::string_view name, const ConfigValue& value, std::string_view example) {
    if (value.is_scalar()) return value.text;
    return config_mismatch(name, value, "a text", or_else(example, "\"text\""));
}

Result<std::vector<std::string>> read_strings(std::string_view name, const ConfigValue& value,
                                              std::string_view example) {
    const auto refuse = [&](const ConfigValue& odd) {
        return config_mismatch(name, odd, "a list of texts", or_else(example, "[one, two]"));
    };
    std::vector<std::string> texts;
    if (value.is_scalar()) texts.push_back(value.text);
    if (value.is_map()) return refuse(value);
    for (const ConfigValue& item : value.items) {
        if (!item.is_scalar()) return refuse(item);
        texts.push_back(item.text);
    }
    return texts;
}

Result<std::size_t> read_choice(std::string_view name, const ConfigValue& value,
                                std::span<const std::string_view> allowed, std::string_view example) {
    if (value.is_scalar()) {
        const auto found = std::find(allowed.begin(), allowed.end(), std::string_view(value.text));
        if (found != allowed.end()) return static_cast<std::size_t>(found - allowed.begin());
    }
    std::string wanted = allowed.size() == 1 ? "" : "one of ";
    for (std::size_t i = 0; i < allowed.size(); ++i)
        wanted += std::string(i == 0 ? "" : i + 1 < allowed.size() ? ", " : " or ") + std::string(allowed[i]);
    const auto near = value.is_scalar() ? nearest(value.text, allowed) : std::nullopt;
    return config_mismatch(name, value, wanted, near ? *near : or_else(example, allowed.front()));
}

std::string duration_text(Milliseconds duration) {
    if (duration == forever) return "infinity";
    const std::int64_t ms = duration.count();
    const std::array<std::pair<std::int64_t, std::string_view>, 4> units{
        {{86'400 * second, "day"}, {3600 * second, "hour"}, {60 * second, "minute"}, {second, "second"}}};
    if (ms == 0) return "0 seconds";
    for (const auto& [factor, unit] : units)
        if (ms % factor == 0) return plural(ms / factor, unit);
    return std::to_string(ms) + " ms";
}

std::string size_text(std::int64_t bytes) {
    if (bytes == unlimited) return "infinity";
    const std::array<std::pair<std::int64_t, std::string_view>, 3> units{
        {{1 << 30, " GB"}, {1 << 20, " MB"}, {1 << 10, " KB"}}};
    for (const auto& [factor, unit] : units)
        if (bytes != 0 && bytes % factor == 0) return std::to_string(bytes / factor) + std::string(unit);
    return std::to_string(bytes);
}

std::optional<std::string_view> nearest(std::string_view name, std::span<const std::string_view> candidates) {
    constexpr std::size_t longest_compared = 100;
    if (name.size() > longest_compared) return std::nullopt;
    std::optional<std::string_view> best;
    std::size_t least = std::max<std::size_t>(name.size() / 3, 1) + 1;
    for (std::string_view candidate : candidates) {
        const std::size_t distance = edit_distance(lowered(name), lowered(candidate.substr(0, longest_compared)));
        if (distance >= least) continue;
        least = distance;
        best = candidate;
    }
    return best;
}

}  // namespace rookery
