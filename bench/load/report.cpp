#include "bench/load/report.h"

#include <cmath>
#include <cstdio>

namespace rookery::bench {

namespace {

std::string quote(std::string_view text) {
    std::string quoted = "\"";
    for (const char c : text) {
        if (c == '"' || c == '\\') quoted += '\\';
        quoted += static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
    }
    return quoted + "\"";
}

std::string two_digits(double number) {
    if (!std::isfinite(number)) return "null";  // divided by nothing: there was no result
    char digits[64];
    std::snprintf(digits, sizeof digits, "%.2f", number);
    return digits;
}

}  // namespace

void Report::add(std::string name, std::string_view text) {
    values_.push_back({std::move(name), std::string(text), true});
}

void Report::add(std::string name, std::int64_t number) {
    values_.push_back({std::move(name), std::to_string(number), false});
}

void Report::add(std::string name, double number) {
    values_.push_back({std::move(name), two_digits(number), false});
}

void Report::add(std::string name, const std::vector<double>& numbers) {
    std::string list = "[";
    for (const double number : numbers) list += (list.size() > 1 ? ", " : "") + two_digits(number);
    values_.push_back({std::move(name), list + "]", false});
}

void Report::add_flag(std::string name, bool flag) {
    values_.push_back({std::move(name), flag ? "true" : "false", false});
}

std::string Report::json() const {
    std::string text = "{";
    for (const Value& value : values_) {
        if (text.size() > 1) text += ", ";
        text += quote(value.name) + ": " + (value.quoted ? quote(value.text) : value.text);
    }
    return text + "}";
}

std::string Report::line() const {
    std::string text;
    for (const Value& value : values_) {
        if (!text.empty()) text += "  ";
        text += value.name + "=" + value.text;
    }
    return text;
}

}  // namespace rookery::bench
