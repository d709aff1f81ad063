#include "admin/queue_table.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <set>
#include <vector>

#include "admin/cli.h"
#include "base/utf8.h"

namespace rookery {
namespace {

constexpr std::size_t max_line = 100;  // of the names that are folded
constexpr const char* unknown = "-";

double number(const Value& value) { return value.as_double().value_or(static_cast<double>(value.as_int().value_or(0))); }

std::string with_digits(double value, int digits, const char* unit) {
    std::array<char, 32> text{};
    std::snprintf(text.data(), text.size(), "%.*f%s", digits, value, unit);
    return text.data();
}

struct Unit {
    double size;
    const char* name;
};

// The largest unit of which there is at least one; the last is the smallest.
template <std::size_t Count>
std::string in_units(double value, const std::array<Unit, Count>& units, int digits_of_smallest) {
    for (const Unit& unit : units)
        if (value >= unit.size) return with_digits(value / unit.size, unit.size == units.back().size ? digits_of_smallest : 1, unit.name);
    return with_digits(value, digits_of_smallest, units.back().name);
}

std::string bytes(double value) {
    static constexpr std::array<Unit, 4> units{{{1u << 30, " GiB"}, {1u << 20, " MiB"}, {1u << 10, " KiB"}, {1, " B"}}};
    return in_units(value, units, 0);
}

std::string things(double value) {
    if (value < 100'000) return with_digits(value, value < 10 && value > 0 && value != static_cast<int>(value) ? 1 : 0, "");
    static constexpr std::array<Unit, 2> units{{{1e6, " M"}, {1e3, " k"}}};
    return in_units(value, units, 1);
}

std::string amount(const Value& value, bool of_bytes) {
    if (value.is_null()) return unknown;
    return of_bytes ? bytes(number(value)) : things(number(value));
}

std::string time(const Value& value) {
    if (value.is_null()) return unknown;
    if (const std::string* text = value.as_string()) return *text;
    static constexpr std::array<Unit, 4> units{{{2 * 86'400, " d"}, {2 * 3'600, " h"}, {120, " min"}, {1, " s"}}};
    static constexpr std::array<double, 4> sizes{86'400, 3'600, 60, 1};
    const double seconds = number(value);
    for (std::size_t i = 0; i < units.size(); ++i)
        if (seconds >= units[i].size) return with_digits(seconds / sizes[i], seconds / sizes[i] < 10 ? 1 : 0, units[i].name);
    return with_digits(seconds, seconds > 0 ? 1 : 0, " s");
}

std::string longest(const Value& list) {
    std::string text;
    for (const Value& one : *list.as_list()) text += (text.empty() ? "" : ", ") + shown(one);
    return text;
}

struct Column {
    const char* title;
    bool right = true;
};
constexpr std::array<Column, 14> columns{{{"queue", false}, {"where", false}, {"full"}, {"length"}, {"unit", false}, {"bound"},
                                          {"oldest"}, {"drains in"}, {"in/s: 1s"}, {"10s"}, {"100s"}, {"out/s: 1s"}, {"10s"},
                                          {"100s"}}};
using Line = std::vector<std::string>;

Line line_of(const Value& row) {
    const bool of_bytes = row["unit"] == Value("bytes");
    Line line{shown(row["queue"]), shown(row["where"])};
    line.push_back(row["percent"].is_null() ? unknown : things(number(row["percent"])) + "%");
    line.push_back(amount(row["length"], of_bytes));
    line.push_back(of_bytes ? "" : shown(row["unit"]));
    line.push_back(amount(row["bound"], of_bytes));
    line.push_back(time(row["oldest"]));
    line.push_back(time(row["drain"]));
    for (const char* rate : {"in_1s", "in_10s", "in_100s", "out_1s", "out_10s", "out_100s"}) line.push_back(amount(row[rate], of_bytes));
    return line;
}

// What stands behind the columns, where there is something to say.
std::string remarks(const Value& row) {
    std::string text;
    if (number(row["refused"]) > 0) text += "  refused " + things(number(row["refused"]));
    if (const std::string names = longest(row["longest"]); !names.empty()) text += "  " + names;
    return text;
}

bool is_idle(const Value& row) {
    for (const char* one : {"length", "refused", "in_1s", "in_10s", "in_100s", "out_1s", "out_10s", "out_100s"})
        if (number(row[one]) > 0) return false;
    return true;
}

std::size_t characters(const std::string& text) {
    return static_cast<std::size_t>(std::ranges::count_if(text, begins_character));
}

std::string aligned(const Line& line, const std::vector<std::size_t>& widths) {
    std::string text;
    for (std::size_t i = 0; i < line.size(); ++i) {
        const std::string padding(widths[i] - characters(line[i]), ' ');
        text += (i > 0 ? "  " : "") + (columns[i].right ? padding + line[i] : line[i] + padding);
    }
    return text;
}

std::string trimmed(std::string text) {
    text.erase(text.find_last_not_of(' ') + 1);
    return text + "\n";
}

std::string lines_of(const std::vector<Value>& rows) {
    Line titles;
    for (const Column& column : columns) titles.emplace_back(column.title);
    std::vector<Line> lines;
    for (const Value& row : rows) lines.push_back(line_of(row));
    std::vector<std::size_t> widths;
    for (std::size_t i = 0; i < columns.size(); ++i) {
        widths.push_back(titles[i].size());
        for (const Line& line : lines) widths[i] = std::max(widths[i], characters(line[i]));
    }
    std::string text = trimmed(aligned(titles, widths));
    for (std::size_t i = 0; i < rows.size(); ++i) text += trimmed(aligned(lines[i], widths) + remarks(rows[i]));
    return text;
}

std::string folded(const std::set<std::string>& names) {
    std::string text, line = "nothing in:";
    for (const std::string& name : names) {
        if (line.size() + name.size() > max_line) text += std::exchange(line, "           ") + "\n";
        line += " " + name;
    }
    return text + line + "\n";
}

}  // namespace

std::string queue_table(const Value& rows) {
    std::set<std::string> idle, all;
    std::vector<Value> busy;
    for (const Value& row : *rows.as_list()) {
        all.insert(shown(row["queue"]));
        if (!is_idle(row)) busy.push_back(row);
    }
    if (all.size() == 1) return lines_of(*rows.as_list());  // one was asked for
    idle = all;
    for (const Value& row : busy) idle.erase(shown(row["queue"]));
    const std::string table = busy.empty() ? std::string() : lines_of(busy);
    return idle.empty() ? table : table + folded(idle);
}

}  // namespace rookery
