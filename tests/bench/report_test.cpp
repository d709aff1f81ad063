#include "bench/load/report.h"

#include <gtest/gtest.h>

#include "bench/load/histogram.h"

namespace rookery::bench {
namespace {

TEST(Histogram, percentiles_are_good_to_an_eighth) {
    Histogram histogram;
    for (int us = 1; us <= 10'000; ++us) histogram.add(std::chrono::microseconds(us));
    EXPECT_NEAR(static_cast<double>(histogram.percentile_us(0.5)), 5'000, 5'000 / 8);
    EXPECT_NEAR(static_cast<double>(histogram.percentile_us(0.99)), 9'900, 9'900 / 8);
}

TEST(Report, is_json) {
    Report report;
    report.add("name", "a \"quoted\"\nline");
    report.add("count", std::int64_t{3});
    report.add("share", 0.256);
    report.add("nothing", 1.0 / 0.0);
    report.add("rounds", std::vector<double>{1, 2.5});
    report.add_flag("ok", true);
    EXPECT_EQ(report.json(), R"({"name": "a \"quoted\" line", "count": 3, "share": 0.26, "nothing": null, )"
                             R"("rounds": [1.00, 2.50], "ok": true})");
}

}  // namespace
}  // namespace rookery::bench
