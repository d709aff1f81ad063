// Any bytes as a date and time (XEP-0082). Oracles: what is read is written in UTC and read back as the same instant;
// the same instant in another zone is the same; the written form is as long as it must be.
#include "xmpp/payload/date_time.h"

#include <cstdint>
#include <cstdlib>
#include <string>

using namespace rookery;

namespace {

void require(bool holds) {
    if (!holds) std::abort();
}

// An offset may carry over the years that can be read.
bool is_readable_year(const std::string& written) { return written >= "1678" && written < "2262"; }

void check(WallTime time) {
    const std::string written = format_date_time(time);
    require(written.size() == 20 || written.size() == 27);
    require(written.back() == 'Z');
    if (!is_readable_year(written)) return;
    require(parse_date_time(written) == time);
    const std::string local = written.substr(0, written.size() - 1);
    require(parse_date_time(local + "+00:00") == time && parse_date_time(local + "-00:00") == time);
    require(parse_date_time(local + "+01:30") == time - std::chrono::minutes(90));
    require(!parse_date_time(local) && !parse_date_time(written + "Z") && !parse_date_time(" " + written));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    if (const auto time = parse_date_time(text)) check(*time);
    return 0;
}
