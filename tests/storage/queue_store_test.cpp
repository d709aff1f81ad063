#include "storage/queue_store.h"

#include "tests/storage/contract.h"

namespace rookery {
namespace {

class QueueStoreTest : public Contract {
protected:
    static constexpr std::size_t many = 1'000'000;

    std::uint64_t append(const Jid& owner, int second, std::string stanza) {
        return wait(queue().append(owner, at_second(second), std::move(stanza), many, many)).value();
    }
    std::vector<std::string> stanzas(const Jid& owner, std::uint64_t after = 0, std::size_t max = many) {
        std::vector<std::string> all;
        std::vector<QueuedMessage> messages = wait(queue().load(owner, after, max)).value();
        for (QueuedMessage& message : messages) {
            all.push_back(std::move(message.stanza_xml));
        }
        return all;
    }
    void expect_total(const Jid& owner, std::uint64_t messages, std::uint64_t bytes) {
        const QueueSize size = wait(queue().count(owner)).value();
        EXPECT_EQ(size.messages, messages);
        EXPECT_EQ(size.bytes, bytes);
    }
    using Texts = std::vector<std::string>;
};
INSTANTIATE_TEST_SUITE_P(engines, QueueStoreTest, testing::ValuesIn(engines), engine_name);

TEST_P(QueueStoreTest, GivesBackInOrderAndInPages) {
    const std::uint64_t first = append(alice, 30, "<message id='1'/>");  // by id, whatever the clock did
    const std::uint64_t second = append(alice, 10, "<message id='2'/>");
    append(bob, 20, "<message id='b'/>");
    append(alice, 20, "<message id='3'/>");
    EXPECT_LT(first, second);
    EXPECT_EQ(stanzas(alice), (Texts{"<message id='1'/>", "<message id='2'/>", "<message id='3'/>"}));
    EXPECT_EQ(stanzas(alice, 0, 2), (Texts{"<message id='1'/>", "<message id='2'/>"}));
    EXPECT_EQ(stanzas(alice, second), (Texts{"<message id='3'/>"}));
    EXPECT_EQ(wait(queue().load(alice, 0, 1)).value()[0].stamp, at_second(30));
    EXPECT_EQ(wait(queue().load(alice, 0, 1)).value()[0].id, first);
}

TEST_P(QueueStoreTest, RefusesOwnersWithoutAccount) {
    EXPECT_EQ(error_of(queue().append(nobody, at_second(1), "<message/>", many, many)), ErrorCode::not_found);
    EXPECT_EQ(error_of(queue().append(domain, at_second(1), "<message/>", many, many)), ErrorCode::invalid);
    EXPECT_EQ(error_of(queue().count(nobody)), ErrorCode::not_found);
    EXPECT_EQ(error_of(queue().remove_all(nobody)), ErrorCode::not_found);
    EXPECT_TRUE(stanzas(nobody).empty());
}

TEST_P(QueueStoreTest, HoldsItsLimitsExactly) {
    wait(queue().append(alice, at_second(1), "12345", 2, 100)).value();
    wait(queue().append(alice, at_second(1), "12345", 2, 100)).value();
    EXPECT_EQ(error_of(queue().append(alice, at_second(1), "1", 2, 100)), ErrorCode::limit);
    expect_total(alice, 2, 10);
    EXPECT_EQ(error_of(queue().append(alice, at_second(1), "123456", 100, 15)), ErrorCode::limit);
    wait(queue().append(alice, at_second(1), "12345", 100, 15)).value();
    expect_total(alice, 3, 15);
    EXPECT_EQ(error_of(queue().append(bob, at_second(1), "", 0, 100)), ErrorCode::limit);
    expect_total(bob, 0, 0);
}

TEST_P(QueueStoreTest, RemovesAndKeepsItsTotals) {
    const std::uint64_t first = append(alice, 1, "1");
    const std::uint64_t second = append(alice, 1, "22");
    const std::uint64_t third = append(alice, 1, "333");
    append(alice, 1, "4444");
    const std::uint64_t bobs = append(bob, 1, "b");

    EXPECT_EQ(wait(queue().remove(alice, {second, bobs, 999'999})).value(), 1u);
    expect_total(alice, 3, 8);
    expect_total(bob, 1, 1);
    EXPECT_EQ(wait(queue().remove_through(alice, first)).value(), 1u);
    expect_total(alice, 2, 7);
    EXPECT_EQ(stanzas(alice), (Texts{"333", "4444"}));
    EXPECT_EQ(wait(queue().remove(alice, {})).value(), 0u);
    EXPECT_EQ(wait(queue().remove_through(alice, third)).value(), 1u);
    EXPECT_EQ(wait(queue().remove_all(alice)).value(), 1u);
    EXPECT_EQ(wait(queue().remove_all(alice)).value(), 0u);
    expect_total(alice, 0, 0);
    EXPECT_EQ(stanzas(bob), Texts{"b"});
}

TEST_P(QueueStoreTest, RefusesTooManyIdsInOneCall) {
    const std::vector<std::uint64_t> ids(QueueStore::max_ids + 1, 1);
    EXPECT_EQ(error_of(queue().remove(alice, ids)), ErrorCode::invalid);
}

TEST_P(QueueStoreTest, NeverGivesAnIdTwice) {
    append(alice, 1, "1");
    const std::uint64_t last = append(alice, 1, "2");
    wait(queue().remove_all(alice)).value();
    EXPECT_GT(append(bob, 1, "3"), last);
}

TEST_P(QueueStoreTest, RemovesOldOnesOfEverybodyInSlices) {
    const std::size_t old = QueueStore::max_slice + 7;
    for (std::size_t i = 0; i < old; ++i) append(i % 2 ? alice : bob, 100, "old");
    append(alice, 300, "young");
    append(alice, 100, "old");
    EXPECT_EQ(wait(queue().remove_older(at_second(100))).value(), 0u);
    EXPECT_EQ(wait(queue().remove_older(at_second(200))).value(), QueueStore::max_slice);
    EXPECT_EQ(wait(queue().remove_older(at_second(200))).value(), 8u);
    EXPECT_EQ(wait(queue().remove_older(at_second(200))).value(), 0u);
    EXPECT_EQ(stanzas(alice), Texts{"young"});
    expect_total(alice, 1, 5);
    expect_total(bob, 0, 0);
}

TEST_P(QueueStoreTest, KeepsOrderAndLimitsWhenManyAppendAtOnce) {
    constexpr int calls = 1'200;
    constexpr std::size_t room = 1'000;
    int stored = 0, refused = 0, answered = 0;
    std::uint64_t last_id = 0;
    bool ascending = true;
    auto append_one = [&](int number) -> Task<void> {
        std::string stanza = std::to_string(number);
        Result<std::uint64_t> id = co_await queue().append(alice, at_second(1), std::move(stanza), room, many);
        ++answered;
        if (!id) {
            if (id.error().code == ErrorCode::limit) ++refused;
            co_return;
        }
        ++stored;
        ascending = ascending && *id > last_id;
        last_id = *id;
    };
    for (int i = 0; i < calls; ++i) spawn(append_one(i));
    ASSERT_TRUE(loop_.run_until([&] { return answered == calls; }));
    EXPECT_EQ(stored, static_cast<int>(room));
    EXPECT_EQ(refused, calls - static_cast<int>(room));
    EXPECT_TRUE(ascending);
    const Texts all = stanzas(alice);
    ASSERT_EQ(all.size(), room);
    for (std::size_t i = 0; i < room; ++i) EXPECT_EQ(all[i], std::to_string(i));
}

}  // namespace
}  // namespace rookery
