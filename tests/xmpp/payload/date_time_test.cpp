#include "xmpp/payload/date_time.h"

#include <gtest/gtest.h>

namespace rookery {
namespace {

std::string again(std::string_view text) {
    const auto time = parse_date_time(text);
    return time ? format_date_time(*time) : "refused";
}

TEST(DateTime, what_is_written_is_read) {
    EXPECT_EQ(again("1969-07-21T02:56:15Z"), "1969-07-21T02:56:15Z");
    EXPECT_EQ(again("1969-07-20T21:56:15-05:00"), "1969-07-21T02:56:15Z");
    EXPECT_EQ(again("2024-02-29T23:59:59+00:30"), "2024-02-29T23:29:59Z");
    EXPECT_EQ(again("2026-11-22T01:02:03.5Z"), "2026-11-22T01:02:03.500000Z");
    EXPECT_EQ(again("2026-11-22T01:02:03.000001999Z"), "2026-11-22T01:02:03.000001Z");
    EXPECT_EQ(again("1970-01-01T00:00:00.00Z"), "1970-01-01T00:00:00Z");
    EXPECT_EQ(format_date_time(WallTime()), "1970-01-01T00:00:00Z");
    EXPECT_EQ(format_date_time(WallTime() - Milliseconds(1)), "1969-12-31T23:59:59.999000Z");
}

TEST(DateTime, the_rest_is_refused) {
    for (const auto* text : {"",
                             "2026-11-22",
                             "2026-11-22T01:02:03",
                             "2026-11-22 01:02:03Z",
                             "2026-11-22T01:02:03z",
                             "2026-13-01T00:00:00Z",
                             "2026-02-29T00:00:00Z",
                             "2026-00-01T00:00:00Z",
                             "2026-01-01T24:00:00Z",
                             "2026-01-01T00:60:00Z",
                             "2026-01-01T00:00:60Z",
                             "2026-01-01T00:00:00.Z",
                             "2026-01-01T00:00:00Zx",
                             "2026-01-01T00:00:00+24:00",
                             "2026-01-01T00:00:00+0100",
                             "20260101T00:00:00",
                             "0001-01-01T00:00:00Z",
                             "9999-12-31T23:59:59Z",
                             "-026-01-01T00:00:00Z",
                             "2026-1-01T00:00:00Z",
                             " 2026-01-01T00:00:00Z"}) {
        EXPECT_EQ(again(text), "refused") << text;
    }
    EXPECT_EQ(again("2026-01-01T00:00:00." + std::string(100'000, '9') + "Z"), "2026-01-01T00:00:00.999999Z");
}

}  // namespace
}  // namespace rookery
