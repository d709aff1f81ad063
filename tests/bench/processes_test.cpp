// Shares of users, and several real processes that run scenarios made up here.
#include "bench/load/processes.h"

#include <gtest/gtest.h>
#include <unistd.h>

namespace rookery::bench {
namespace {

Result<void> count_users(const Options& options, Team& team, Figures& figures) {
    figures.count("users", options.users);
    figures.text("run", team.run());
    team.publish(0, 7);
    team.arrive();
    while (!team.all_arrived()) usleep(100);
    team.add_progress();
    team.arrive();
    while (!team.all_arrived()) usleep(100);
    figures.count("progress_seen", team.progress());
    return {};
}

Result<void> fail_unless_leading(const Options&, Team& team, Figures&) {
    if (!team.leads()) return Error(ErrorCode::unavailable, "the server is away");
    while (!team.has_failed()) usleep(100);
    return Error(ErrorCode::unavailable, kOthersFailed);
}

Result<void> die_unless_leading(const Options&, Team& team, Figures&) {
    if (!team.leads()) _exit(1);
    while (!team.has_failed()) usleep(100);
    return Error(ErrorCode::unavailable, kOthersFailed);
}

void describe_nothing(const Options&, const Figures&, Report&) {}

Scenario made_up(Result<void> (*run)(const Options&, Team&, Figures&)) {
    return {.name = "made up",
            .meaning = "",
            .relay = false,
            .users = all_users,
            .at_once = all_users,
            .together = group_of_contacts,
            .run = run,
            .describe = describe_nothing};
}

Options three_processes() {
    Options options;
    options.contacts = 3;
    options.users = 4 * 5;
    options.first_user = 100;
    options.processes = 3;
    return options;
}

TEST(Shares, are_whole_groups_one_behind_the_other) {
    const Scenario scenario = made_up(count_users);
    Options options = three_processes();
    options.rate = 10;
    options.logins_in_flight = 2;
    std::uint32_t next = options.first_user;
    std::uint32_t rate = 0;
    for (std::uint32_t i = 0; i < options.processes; ++i) {
        const Options share = share_of(options, scenario, i);
        EXPECT_EQ(share.first_user, next);
        EXPECT_EQ(share.users % 4, 0U);
        EXPECT_GE(share.logins_in_flight, 1U);
        next += share.users;
        rate += share.rate;
    }
    EXPECT_EQ(next, options.first_user + options.users);
    EXPECT_EQ(rate, 10U);
}

TEST(Shares, of_a_storm_leave_one_process_to_those_who_chat) {
    Options options;
    options.users = 10;
    options.pairs = 4;
    options.rate = 100;
    options.processes = 3;
    const Options chat = share_of(options, kStorm, 0);
    EXPECT_EQ(chat.pairs, 4U);
    EXPECT_EQ(chat.rate, 100U);
    EXPECT_EQ(chat.users, 0U);
    const Options first = share_of(options, kStorm, 1);
    const Options second = share_of(options, kStorm, 2);
    EXPECT_EQ(first.pairs + second.pairs, 0U);
    EXPECT_EQ(first.users + second.users, 10U);
    EXPECT_EQ(first.first_user, 8U);
    EXPECT_EQ(second.first_user, 8U + first.users);
}

TEST(Shares, hold_so_many_connections) {
    const Scenario scenario = made_up(count_users);
    Options options;
    options.contacts = 0;
    options.users = kMaxConnections;
    EXPECT_TRUE(check_shares(options, scenario).ok());
    options.users = 2 * kMaxConnections + 1;
    ASSERT_FALSE(check_shares(options, scenario).ok());
    EXPECT_NE(check_shares(options, scenario).error().message.find("--processes 3"), std::string::npos);
    options.processes = 3;
    EXPECT_TRUE(check_shares(options, scenario).ok());
    options.users = 2;
    EXPECT_FALSE(check_shares(options, scenario).ok()) << "one of them would have nothing to do";
}

TEST(Processes, step_together_and_are_told_as_one) {
    const Figures figures = perform(three_processes(), made_up(count_users));
    EXPECT_EQ(figures.text("error"), "");
    EXPECT_EQ(figures.counted("users"), 20U);
    EXPECT_EQ(figures.counted("progress_seen"), 9U) << "three processes have each seen all three";
    EXPECT_EQ(figures.text("run").size(), 8U);
    EXPECT_GT(figures.counted("own_bytes"), 0U);
}

TEST(Processes, the_reason_is_that_of_the_one_that_failed) {
    EXPECT_EQ(perform(three_processes(), made_up(fail_unless_leading)).text("error"), "the server is away");
}

TEST(Processes, nobody_waits_for_the_dead) {
    EXPECT_EQ(perform(three_processes(), made_up(die_unless_leading)).text("error"), "a process of the generator died");
}

}  // namespace
}  // namespace rookery::bench
