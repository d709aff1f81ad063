#include "base/stamped_id.h"

#include <gtest/gtest.h>

#include <set>

namespace rookery {
namespace {

struct HandClock final : Clock {
    WallTime wall{std::chrono::seconds(1'800'000'000)};
    SteadyTime steady_now() const override { return {}; }
    WallTime wall_now() const override { return wall; }
};

TEST(StampedIds, GrowWithTimeAndWithin) {
    HandClock clock;
    StampedIds ids(clock, 3);
    const std::uint64_t first = ids.next();
    const std::uint64_t second = ids.next();
    clock.wall += Milliseconds(1);
    const std::uint64_t third = ids.next();
    EXPECT_LT(first, second);
    EXPECT_LT(second, third);
}

TEST(StampedIds, GoOnGrowingWhenTheClockStepsBack) {
    HandClock clock;
    StampedIds ids(clock, 0);
    const std::uint64_t before = ids.next();
    clock.wall -= std::chrono::hours(24);
    EXPECT_GT(ids.next(), before);
}

TEST(StampedIds, AreUniqueWhenAMillisecondBringsTooMany) {
    HandClock clock;
    StampedIds ids(clock, 0);
    std::set<std::uint64_t> seen;
    std::uint64_t last = 0;
    for (int i = 0; i < 10'000; ++i) {
        const std::uint64_t id = ids.next();
        EXPECT_GT(id, last);
        last = id;
        seen.insert(id);
    }
    clock.wall += Milliseconds(1);
    seen.insert(ids.next());
    EXPECT_EQ(seen.size(), 10'001u);
}

TEST(StampedIds, OfTwoLanesAreDifferent) {
    HandClock clock;
    StampedIds a(clock, 1), b(clock, 2);
    EXPECT_NE(a.next(), b.next());
}

TEST(StampedIds, TextSortsLikeTheNumber) {
    EXPECT_EQ(stamped_id_text(0), "0000000000000");
    EXPECT_EQ(stamped_id_text(33), "0000000000011");
    EXPECT_EQ(stamped_id_text(~std::uint64_t{0}).size(), 13u);
    EXPECT_LT(stamped_id_text(31), stamped_id_text(32));
    EXPECT_LT(stamped_id_text(1u << 31), stamped_id_text(std::uint64_t{1} << 63));
}

TEST(StampedIds, StartAboveWhatWasMadeBefore) {
    HandClock clock;
    StampedIds before(clock, 3);
    std::uint64_t last = 0;
    for (int i = 0; i < 5'000; ++i) last = before.next();
    StampedIds after(clock, 3, last);
    EXPECT_GT(after.next(), last);
    clock.wall -= std::chrono::hours(1);
    StampedIds later(clock, 1, last);
    EXPECT_GT(later.next(), last);
    EXPECT_EQ(stamped_id_time(StampedIds(clock, 1, 1).next()), clock.wall);
}

TEST(StampedIds, TextIsReadBack) {
    for (const std::uint64_t id : {std::uint64_t{0}, std::uint64_t{33}, std::uint64_t{1} << 63, ~std::uint64_t{0}}) {
        EXPECT_EQ(parse_stamped_id(stamped_id_text(id)), id);
    }
    for (const char* text : {"", "000000000000", "00000000000000", "g000000000000", "000000000000w", "00000000000 0",
                             "000000000000V", "-000000000001"}) {
        EXPECT_EQ(parse_stamped_id(text), std::nullopt) << text;
    }
}

TEST(StampedIds, HoldTheTime) {
    HandClock clock;
    clock.wall += Milliseconds(7);
    StampedIds ids(clock, 9);
    const std::uint64_t id = ids.next();
    EXPECT_EQ(stamped_id_time(id), clock.wall);
    EXPECT_LE(first_stamped_id(clock.wall), id);
    EXPECT_GT(first_stamped_id(clock.wall + Milliseconds(1)), id);
    EXPECT_EQ(first_stamped_id(clock.wall + Seconds(1)) - first_stamped_id(clock.wall), stamped_id_span(Seconds(1)));
    EXPECT_EQ(first_stamped_id(WallTime()), 0u);
    EXPECT_GT(first_stamped_id(WallTime(std::chrono::hours(24 * 365 * 250))), id);  // 2219: later than ids can say
}

}  // namespace
}  // namespace rookery
