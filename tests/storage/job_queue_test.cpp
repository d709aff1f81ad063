#include "storage/sql/job_queue.h"

#include <gtest/gtest.h>

namespace rookery {
namespace {

void push(JobQueue& queue, int jobs) {
    for (int i = 0; i < jobs; ++i) ASSERT_TRUE(queue.push(Job({}, std::make_shared<ReplyState>(Rank::in))));
}

SteadyTime now() { return SteadyTime::clock::now(); }

TEST(JobQueue, AfterACrowdGroupsBeginApart) {
    JobQueue queue(100, 1000);
    push(queue, 4);
    const SteadyTime begin = now();
    EXPECT_EQ(queue.take_group(100, 1000).size(), 4u);
    push(queue, 1);
    EXPECT_EQ(queue.take_group(100, 1000).size(), 1u);
    EXPECT_GE(now() - begin, Milliseconds(4));
}

TEST(JobQueue, WhoIsAloneDoesNotWait) {
    JobQueue queue(100, 1000);
    const SteadyTime begin = now();
    for (int i = 0; i < 500; ++i) {
        push(queue, 1);
        EXPECT_EQ(queue.take_group(100, 1000).size(), 1u);
    }
    EXPECT_LT(now() - begin, Milliseconds(500 * 4));
}

TEST(JobQueue, TakesNoMoreThanAskedFor) {
    JobQueue queue(3, 1000);
    push(queue, 3);
    EXPECT_FALSE(queue.push(Job({}, std::make_shared<ReplyState>(Rank::in))));
    EXPECT_EQ(queue.take(2, 1000).size(), 2u);
    queue.close();
    EXPECT_EQ(queue.take(2, 1000).size(), 1u);
    EXPECT_TRUE(queue.take(2, 1000).empty());
    EXPECT_FALSE(queue.push(Job({}, std::make_shared<ReplyState>(Rank::in))));
}

}  // namespace
}  // namespace rookery
