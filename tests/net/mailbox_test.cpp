#include "net/mailbox.h"

#include <gtest/gtest.h>

#include <deque>
#include <memory>

#include "tests/net/support.h"

namespace rookery {
namespace {

// A loop the test turns by hand: several shards in one thread.
class HandLoop final : public Loop {
public:
    void post(Callback work) override { posts.push_back(std::move(work)); }
    TimerId after(Duration, Callback) override { return 0; }
    void cancel(TimerId) override {}
    void at_turn_end(Callback work) override { turn_end.push_back(std::move(work)); }
    const Clock& clock() const override { return clock_; }

    void turn() {
        for (Callback& work : std::exchange(posts, {})) work();
        for (Callback& work : std::exchange(turn_end, {})) work();
    }

    std::vector<Callback> posts, turn_end;

private:
    SystemClock clock_;
};

class MailboxTest : public testing::Test {
protected:
    using Message = std::unique_ptr<int>;

    MailboxTest() {
        boxes.set_receiver(1, [this](unsigned from, Message message) { got.push_back({from, *message}); });
    }
    bool send(int value, unsigned from = 0) {
        Message message = std::make_unique<int>(value);
        const bool sent = boxes.try_send(from, 1, message);
        EXPECT_EQ(sent, message == nullptr);
        return sent;
    }

    HandLoop loops[3];
    Mailboxes<Message> boxes{{&loops[0], &loops[1], &loops[2]}, 4};
    std::vector<std::pair<unsigned, int>> got;
};

TEST_F(MailboxTest, TellsTheTargetOnceATurn) {
    send(1);
    send(2);
    EXPECT_TRUE(loops[1].posts.empty());
    loops[0].turn();
    EXPECT_EQ(loops[1].posts.size(), 1u);
    send(3);
    send(4, 2);
    loops[0].turn();
    loops[2].turn();
    EXPECT_EQ(loops[1].posts.size(), 1u);  // it knows already
    loops[1].turn();
    EXPECT_EQ(got, (std::vector<std::pair<unsigned, int>>{{0, 1}, {0, 2}, {0, 3}, {2, 4}}));
    EXPECT_TRUE(loops[1].posts.empty());
}

TEST_F(MailboxTest, AFullRingRefusesAndTellsWhenThereIsRoom) {
    for (int i = 0; i < 4; ++i) EXPECT_TRUE(send(i));
    EXPECT_FALSE(send(4));
    EXPECT_EQ(boxes.length(0, 1), 4u);
    EXPECT_TRUE(send(9, 2));  // another pair has its own ring
    int room = 0;
    boxes.on_room(0, 1, [&] { ++room; });
    boxes.on_room(0, 1, [&] { ++room; });
    loops[0].turn();
    loops[2].turn();
    EXPECT_EQ(room, 0);
    loops[1].turn();
    EXPECT_EQ(room, 0);  // it is for the sender's loop to run it
    loops[0].turn();
    EXPECT_EQ(room, 2);
    EXPECT_EQ(boxes.length(0, 1), 0u);
    EXPECT_TRUE(send(5));
    loops[0].turn();
    loops[1].turn();
    loops[0].turn();
    EXPECT_EQ(room, 2);
    EXPECT_EQ(got.size(), 6u);
}

TEST_F(MailboxTest, OnRoomWithRoomAlreadyRunsInTheNextTurn) {
    int room = 0;
    boxes.on_room(0, 1, [&] { ++room; });
    EXPECT_EQ(room, 0);
    loops[0].turn();
    EXPECT_EQ(room, 1);
}

TEST_F(MailboxTest, MessagesNobodyReceivedAreDestroyed) {
    const auto watched = std::make_shared<int>(1);
    {
        HandLoop a, b;
        Mailboxes<std::shared_ptr<int>> short_lived({&a, &b}, 2);
        auto copy = watched;
        EXPECT_TRUE(short_lived.try_send(0, 1, copy));
        EXPECT_EQ(watched.use_count(), 2);
    }
    EXPECT_EQ(watched.use_count(), 1);
}

// Three loops in threads send to each other as fast as the rings let them; every pair keeps its order.
TEST(MailboxStress, KeepsTheOrderOfEveryPair) {
    constexpr unsigned shards = 3;
    constexpr std::uint32_t count = 20000;
    test::LoopThread threads[shards];
    Mailboxes<std::uint32_t> boxes({&threads[0].loop, &threads[1].loop, &threads[2].loop}, 64);
    std::uint32_t expected[shards][shards] = {};
    std::atomic<std::uint32_t> wrong{0}, received{0}, refused{0};
    for (unsigned to = 0; to < shards; ++to) {
        boxes.set_receiver(to, [&, to](unsigned from, std::uint32_t value) {
            if (value != expected[from][to]++) ++wrong;
            ++received;
        });
    }
    struct Sender {
        Mailboxes<std::uint32_t>& boxes;
        std::atomic<std::uint32_t>& refused;
        unsigned from, to;
        std::uint32_t next = 0;

        void send() {
            while (next < count) {
                std::uint32_t value = next;
                if (!boxes.try_send(from, to, value)) {
                    ++refused;
                    boxes.on_room(from, to, [this] { send(); });
                    return;
                }
                ++next;
            }
        }
    };
    std::deque<Sender> senders;
    for (unsigned from = 0; from < shards; ++from) {
        for (unsigned to = 0; to < shards; ++to) {
            Sender& sender = senders.emplace_back(Sender{boxes, refused, from, to});
            threads[from].loop.post([&sender] { sender.send(); });
        }
    }
    EXPECT_TRUE(test::eventually([&] { return received == count * shards * shards; }, Seconds(60)));
    EXPECT_EQ(wrong, 0u);
    EXPECT_GT(refused, 0u);
    for (test::LoopThread& thread : threads) thread.stop();
}

}  // namespace
}  // namespace rookery
