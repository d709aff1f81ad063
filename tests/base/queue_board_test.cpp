// What a shard's board of queues reports, and in which order.
#include "base/queue_board.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace rookery {
namespace {

using testing::ElementsAre;

constexpr SteadyTime start{Seconds(1'000)};

QueueReport report_of(std::string name, QueueKind kind, QueueMember member) {
    return {.name = std::move(name), .unit = "things", .kind = kind, .where = "here", .now = member, .counted = true};
}

TEST(QueueLook, AddsUpAndNamesTheLongest) {
    QueueLook look;
    for (std::size_t i = 0; i < 20; ++i) look.add({i, 100, Seconds(i % 7)}, "member " + std::to_string(i));
    EXPECT_EQ(look.length, 190u);
    EXPECT_EQ(look.bound, 100u);
    EXPECT_DOUBLE_EQ(look.fullness, 0.19);
    EXPECT_EQ(look.oldest, Duration(Seconds(6)));
    std::vector<std::string> names;
    for (const QueueLook::Long& one : look.longest) names.push_back(one.name);
    EXPECT_THAT(names, ElementsAre("member 19", "member 18", "member 17", "member 16", "member 15"));
}

TEST(QueueLook, EmptyMembersAreNotNamed) {
    QueueLook look;
    look.add({0, 100, {}}, "idle");
    EXPECT_TRUE(look.longest.empty());
    EXPECT_EQ(look.bound, 100u);
    EXPECT_EQ(look.oldest, std::nullopt);
}

TEST(QueueBoard, ReportsRatesAndTimeToDrain) {
    QueueCounts counts;
    QueueBoard board("shard 7");
    board.add({.name = "letters", .unit = "stanzas", .kind = QueueKind::queue, .where = {},
               .counts = [&] { return counts; },
               .look = [&] { return QueueMember{counts.in - counts.out, 1'000, Seconds(3)}; }});
    board.sample(start);
    counts = {600, 100, 4};
    const QueueReport growing = board.report(start + Seconds(10)).at(0);
    EXPECT_EQ(growing.where, "shard 7");
    EXPECT_EQ(growing.now.length, 500u);
    EXPECT_NEAR(growing.in[1], 60, 1e-6);
    EXPECT_NEAR(growing.out[2], 10, 1e-6);
    EXPECT_EQ(growing.refused, 4u);
    EXPECT_TRUE(growing.stuck());
    counts.out = 400;
    const QueueReport shrinking = board.report(start + Seconds(1'000)).at(0);
    EXPECT_FALSE(shrinking.stuck());
    EXPECT_GT(shrinking.time_to_drain, Duration(Seconds(600)));
}

TEST(QueueBoard, WhatNobodyCountsIsNotStuck) {
    QueueBoard board("shard 0");
    board.add({.name = "output", .unit = "bytes", .kind = QueueKind::queue, .where = "elsewhere", .counts = nullptr,
               .look = [] { return QueueMember{5, 0, {}}; }});
    const QueueReport report = board.report(start).at(0);
    EXPECT_FALSE(report.counted);
    EXPECT_FALSE(report.stuck());
    EXPECT_EQ(report.where, "elsewhere");
    EXPECT_EQ(report.now.fullness, 0);
}

QueueSpec letters(QueueCounts& counts, std::string who) {
    return {.name = "letters", .unit = "stanzas", .kind = QueueKind::queue, .where = {},
            .counts = [&counts] { return counts; },
            .look = [&counts, who = std::move(who)] {
                QueueLook look;
                look.add({counts.in - counts.out, 100, {}}, who);
                return look;
            }};
}

TEST(QueueBoard, PartsUnderOneNameAreOneQueue) {
    QueueBoard board("shard 0");
    QueueCounts first{0, 0, 1}, second{0, 0, 2};
    board.add(letters(first, "first"));
    board.add(letters(second, "second"));
    board.sample(start);
    first = {50, 40, 1};
    second = {50, 0, 2};
    const std::vector<QueueReport> reports = board.report(start + Seconds(10));
    ASSERT_EQ(reports.size(), 1u);
    EXPECT_EQ(reports[0].now.length, 60u);
    EXPECT_EQ(reports[0].now.fullness, 0.5);
    EXPECT_EQ(reports[0].now.longest.at(0).name, "second");
    EXPECT_NEAR(reports[0].in[1], 10, 1e-6);
    EXPECT_NEAR(reports[0].out[1], 4, 1e-6);
    EXPECT_EQ(reports[0].refused, 3u);
}

TEST(QueueBoard, NothingIsAskedOfWhoHasLeft) {
    QueueBoard board("shard 0");
    QueueCounts stays{}, leaves{};
    board.add(letters(stays, "stays"));
    {
        const QueuePlace place(board, letters(leaves, "leaves"));
        leaves = {1'000, 0, 0};
        EXPECT_EQ(board.report(start).at(0).now.length, 1'000u);
    }
    stays = {10, 0, 0};
    const QueueReport left = board.report(start + Seconds(10)).at(0);
    EXPECT_EQ(left.now.length, 10u);
    EXPECT_EQ(left.in[1], 0);  // the sum has shrunk: nothing came
    stays = {20, 0, 0};
    EXPECT_GT(board.report(start + Seconds(20)).at(0).in[0], 0.9);
}

TEST(QueueBoard, AQueueWithoutPartsIsGone) {
    QueueBoard board("shard 0");
    QueueCounts counts;
    QueuePlace place(board, letters(counts, "only"));
    place = QueuePlace(board, letters(counts, "next"));
    EXPECT_EQ(board.report(start).size(), 1u);
    place = QueuePlace();
    EXPECT_TRUE(board.report(start).empty());
}

TEST(QueueBoard, TheWorstComesFirst) {
    std::vector<QueueReport> reports;
    reports.push_back(report_of("full cache", QueueKind::cache, {100, 100, {}}));
    reports.push_back(report_of("empty", QueueKind::queue, {0, 100, {}}));
    reports.back().time_to_drain = Duration(0);
    reports.push_back(report_of("old", QueueKind::queue, {500, 1'000, Seconds(60)}));
    reports.back().time_to_drain = Seconds(5);
    reports.push_back(report_of("young", QueueKind::queue, {504, 1'000, Seconds(1)}));
    reports.back().time_to_drain = Seconds(5);
    reports.push_back(report_of("growing", QueueKind::queue, {500, 1'000, {}}));
    reports.push_back(report_of("pool", QueueKind::pool, {99, 100, {}}));
    sort_worst_first(reports);
    std::vector<std::string> names;
    for (const QueueReport& report : reports) names.push_back(report.name);
    EXPECT_THAT(names, ElementsAre("pool", "growing", "old", "young", "empty", "full cache"));
}

}  // namespace
}  // namespace rookery
