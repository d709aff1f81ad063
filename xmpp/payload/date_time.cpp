#include "xmpp/payload/date_time.h"

#include <array>
#include <cstdio>

namespace rookery {
namespace {

using std::chrono::microseconds;

// What system_clock holds on either side of 1970 is 292 years.
constexpr int first_year = 1'678;
constexpr int last_year = 2'261;

// Reads fixed-width fields from the front; after a mismatch everything fails.
class Scanner {
public:
    explicit Scanner(std::string_view text) : rest_(text) {}

    int number(std::size_t digits) {
        int value = 0;
        for (std::size_t i = 0; i < digits; ++i) value = value * 10 + digit();
        return value;
    }

    void expect(char wanted) {
        if (!accept(wanted)) failed_ = true;
    }

    bool accept(char wanted) {
        if (rest_.empty() || rest_.front() != wanted) return false;
        rest_.remove_prefix(1);
        return true;
    }

    // Digits behind the dot, as millionths.
    microseconds fraction() {
        int scale = 100'000;
        int value = digit() * scale;
        while (!rest_.empty() && rest_.front() >= '0' && rest_.front() <= '9') value += digit() * (scale /= 10);
        return microseconds(value);
    }

    std::chrono::minutes offset() {
        if (accept('Z')) return {};
        const bool west = accept('-');
        if (!west) expect('+');
        const auto hours = number(2);
        expect(':');
        const auto minutes = number(2);
        if (hours > 23 || minutes > 59) failed_ = true;
        const std::chrono::minutes total(hours * 60 + minutes);
        return west ? -total : total;
    }

    bool finished() const { return !failed_ && rest_.empty(); }

private:
    int digit() {
        if (rest_.empty() || rest_.front() < '0' || rest_.front() > '9') {
            failed_ = true;
            return 0;
        }
        const auto value = rest_.front() - '0';
        rest_.remove_prefix(1);
        return value;
    }

    std::string_view rest_;
    bool failed_ = false;
};

}  // namespace

std::string format_date_time(WallTime time) {
    const auto instant = std::chrono::floor<microseconds>(time);
    const auto midnight = std::chrono::floor<std::chrono::days>(instant);
    const std::chrono::year_month_day date(midnight);
    const std::chrono::hh_mm_ss clock(instant - midnight);
    std::array<char, 40> text;
    auto size = std::snprintf(text.data(), text.size(), "%04d-%02u-%02uT%02d:%02d:%02d", static_cast<int>(date.year()),
                              static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                              static_cast<int>(clock.hours().count()), static_cast<int>(clock.minutes().count()),
                              static_cast<int>(clock.seconds().count()));
    std::string result(text.data(), static_cast<std::size_t>(size));
    if (clock.subseconds().count() != 0) {
        size = std::snprintf(text.data(), text.size(), ".%06d", static_cast<int>(clock.subseconds().count()));
        result.append(text.data(), static_cast<std::size_t>(size));
    }
    return result + "Z";
}

std::optional<WallTime> parse_date_time(std::string_view text) {
    Scanner scanner(text);
    const auto year = scanner.number(4);
    scanner.expect('-');
    const auto month = scanner.number(2);
    scanner.expect('-');
    const auto day = scanner.number(2);
    scanner.expect('T');
    const auto hour = scanner.number(2);
    scanner.expect(':');
    const auto minute = scanner.number(2);
    scanner.expect(':');
    const auto second = scanner.number(2);
    const auto fraction = scanner.accept('.') ? scanner.fraction() : microseconds(0);
    const auto offset = scanner.offset();
    if (!scanner.finished()) return std::nullopt;
    const std::chrono::year_month_day date{std::chrono::year(year), std::chrono::month(static_cast<unsigned>(month)),
                                           std::chrono::day(static_cast<unsigned>(day))};
    if (!date.ok() || year < first_year || year > last_year) return std::nullopt;
    if (hour > 23 || minute > 59 || second > 59) return std::nullopt;
    return WallTime(std::chrono::sys_days(date)) + std::chrono::hours(hour) + std::chrono::minutes(minute) +
           Seconds(second) + fraction - offset;
}

}  // namespace rookery
