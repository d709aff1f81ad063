#include "storage/log_store.h"

#include "base/stamped_id.h"
#include "tests/storage/contract.h"

namespace rookery {
namespace {

class LogStoreTest : public Contract {
protected:
    using Ids = std::vector<std::uint64_t>;
    using Texts = std::vector<std::string>;

    enum Kind { archived_only, waiting_only, archived_and_waiting };

    NewLogEntry incoming(const Jid& owner, std::string xml, Kind kind) {
        LogCopy copy(owner, juliet);
        copy.archived = kind != waiting_only;
        copy.waiting = kind != archived_only;
        return NewLogEntry(copy, std::move(xml));
    }
    // From alice to bob, with a row for each.
    NewLogEntry between(std::string xml, std::optional<std::uint64_t> origin = {}) {
        NewLogEntry entry = incoming(bob, std::move(xml), archived_and_waiting);
        entry.first.peer = phone;
        entry.second.emplace(alice, bob);
        entry.second->outgoing = entry.second->archived = true;
        entry.origin = origin;
        return entry;
    }
    Appended append(NewLogEntry entry) { return wait(log().append(std::move(entry))).value(); }
    std::uint64_t append(const Jid& owner, std::string xml, Kind kind = waiting_only) {
        return append(incoming(owner, std::move(xml), kind)).id;
    }
    void acknowledge(std::uint64_t through, Ids beyond = {}) {
        ASSERT_TRUE(wait(log().acknowledge(bob, through, std::move(beyond))));
    }
    Texts waiting(const Jid& owner, std::uint64_t after = 0, std::size_t max = 1'000) {
        Texts all;
        std::vector<WaitingMessage> messages = wait(log().load_waiting(owner, after, max)).value();
        for (WaitingMessage& one : messages) all.push_back(std::move(one.stanza_xml));
        return all;
    }
    DeliveryState state(const Jid& owner) { return wait(log().load_delivery(owner)).value(); }
    std::int64_t rows_there() {
        return wait(database().query(Statement("SELECT count(*) FROM log"))).value().at(0, 0).integer();
    }
    std::uint64_t archived(const Jid& owner) { return wait(archive().count(owner)).value(); }

    const Jid phone = jid("alice@example.org/phone");
    const Jid juliet = jid("juliet@elsewhere.example/balcony");
};
INSTANTIATE_TEST_SUITE_P(engines, LogStoreTest, testing::ValuesIn(engines), engine_name);

// --- append --------------------------------------------------------------------------------------------------------

TEST_P(LogStoreTest, WritesBothRowsWithIdsThatHoldTheTime) {
    const Appended done = append(between("<message/>"));
    EXPECT_FALSE(done.duplicate);
    EXPECT_LT(done.id, done.second_id);
    EXPECT_EQ(stamped_id_time(done.id), clock_.wall);
    EXPECT_EQ(waiting(bob), Texts{"<message/>"});
    EXPECT_TRUE(waiting(alice).empty());
    EXPECT_EQ(archived(alice), 1u);
    EXPECT_EQ(archived(bob), 1u);
}

TEST_P(LogStoreTest, WritesBothRowsOrNone) {
    NewLogEntry entry = between("<message/>");
    entry.second->owner = nobody;
    EXPECT_EQ(error_of(log().append(entry)), ErrorCode::not_found);
    entry = between("<message/>", 7);
    entry.first.owner = nobody;
    EXPECT_EQ(error_of(log().append(entry)), ErrorCode::not_found);
    entry.origin.reset();
    EXPECT_EQ(error_of(log().append(entry)), ErrorCode::not_found);
    EXPECT_EQ(rows_there(), 0);
}

TEST_P(LogStoreTest, RefusesWhatMakesNoSense) {
    NewLogEntry entry = between("<message/>");
    entry.first.archived = entry.first.waiting = false;
    EXPECT_EQ(error_of(log().append(entry)), ErrorCode::invalid);
    entry = between("<message/>");
    entry.second->owner = phone;
    EXPECT_EQ(error_of(log().append(entry)), ErrorCode::invalid);
    EXPECT_EQ(error_of(log().append(incoming(domain, "<message/>", archived_only))), ErrorCode::invalid);
    EXPECT_EQ(error_of(log().load_waiting(phone, 0, 1)), ErrorCode::invalid);
    EXPECT_EQ(error_of(log().acknowledge(bob, 1, Ids(LogStore::max_beyond + 1, 2))), ErrorCode::invalid);
}

TEST_P(LogStoreTest, AnswersForAccountsThatAreNotThere) {
    EXPECT_TRUE(waiting(nobody).empty());
    EXPECT_EQ(error_of(log().load_delivery(nobody)), ErrorCode::not_found);
    EXPECT_EQ(error_of(log().acknowledge(nobody, 1, {})), ErrorCode::not_found);
    EXPECT_EQ(error_of(log().replace(nobody, 1, "")), ErrorCode::not_found);
    EXPECT_EQ(error_of(log().find_origin(nobody, 1)), ErrorCode::not_found);
}

TEST_P(LogStoreTest, GivesAscendingIdsWhateverTheClockDoes) {
    const std::uint64_t first = append(bob, "1");
    clock_.wall -= std::chrono::hours(48);
    const std::uint64_t second = append(alice, "2");
    clock_.wall += std::chrono::hours(96);
    EXPECT_LT(first, second);
    EXPECT_LT(second, append(bob, "3"));
}

TEST_P(LogStoreTest, GoesWithItsAccount) {
    append(between("<message/>"));
    acknowledge(1);
    ASSERT_TRUE(wait(accounts().remove(bob)));
    EXPECT_EQ(rows_there(), 1);
    ASSERT_TRUE(wait(accounts().create(bob, {}, at_second(1))));
    EXPECT_TRUE(waiting(bob).empty());
}

TEST_P(LogStoreTest, ManyAppendsAtOnceKeepTheirOrder) {
    constexpr int calls = 500;
    int answered = 0;
    bool ascending = true;
    std::uint64_t last = 0;
    auto append_one = [&](int number) -> Task<void> {
        NewLogEntry entry = between(std::to_string(number), static_cast<std::uint64_t>(number));
        Result<Appended> done = co_await log().append(std::move(entry));
        ++answered;
        ascending = ascending && done && done->id > last;
        if (done) last = done->second_id;
    };
    for (int i = 0; i < calls; ++i) spawn(append_one(i));
    ASSERT_TRUE(loop_.run_until([&] { return answered == calls; }));
    EXPECT_TRUE(ascending);
    const Texts all = waiting(bob);
    ASSERT_EQ(all.size(), static_cast<std::size_t>(calls));
    for (int i = 0; i < calls; ++i) EXPECT_EQ(all[static_cast<std::size_t>(i)], std::to_string(i));
}

// --- duplicates ----------------------------------------------------------------------------------------------------

TEST_P(LogStoreTest, WritesAMessageOnceWithinTheWindow) {
    const Appended first = append(between("<message/>", 7));
    clock_.wall += LogStore::duplicate_window;
    const Appended again = append(between("<message/>", 7));
    EXPECT_TRUE(again.duplicate);
    EXPECT_EQ(again.id, first.id);
    EXPECT_EQ(again.second_id, 0u);
    EXPECT_EQ(rows_there(), 2);
    clock_.wall += Milliseconds(1);
    EXPECT_FALSE(append(between("<message/>", 7)).duplicate);
    EXPECT_EQ(rows_there(), 4);
}

TEST_P(LogStoreTest, OtherOriginsAndOwnersAreNoDuplicates) {
    append(between("<message/>", 7));
    EXPECT_FALSE(append(between("<message/>", 8)).duplicate);
    EXPECT_FALSE(append(between("<message/>")).duplicate);
    EXPECT_FALSE(append(between("<message/>")).duplicate);
    NewLogEntry to_alice = incoming(alice, "<message/>", archived_only);
    to_alice.origin = 7;
    EXPECT_FALSE(append(to_alice).duplicate);
}

TEST_P(LogStoreTest, FindsADuplicateOfOneCommittedTogether) {
    int answered = 0, duplicates = 0;
    auto append_one = [&]() -> Task<void> {
        NewLogEntry entry = between("<message/>", 7);
        Result<Appended> done = co_await log().append(std::move(entry));
        ++answered;
        if (done && done->duplicate) ++duplicates;
    };
    for (int i = 0; i < 10; ++i) spawn(append_one());
    ASSERT_TRUE(loop_.run_until([&] { return answered == 10; }));
    EXPECT_EQ(duplicates, 9);
    EXPECT_EQ(rows_there(), 2);
}

TEST_P(LogStoreTest, RemembersWhatWasReceivedAndRemoved) {
    NewLogEntry entry = incoming(bob, "secret", waiting_only);
    entry.origin = 7;
    const std::uint64_t id = append(entry).id;
    acknowledge(id);
    EXPECT_TRUE(append(entry).duplicate);
    EXPECT_TRUE(waiting(bob).empty());
    const Rows rows = wait(database().query(Statement("SELECT stanza FROM log"))).value();
    EXPECT_EQ(rows.at(0, 0).text(), "");  // nothing of its content
    EXPECT_EQ(error_of(log().find_origin(bob, 7)), ErrorCode::not_found);
    EXPECT_EQ(error_of(log().replace(bob, id, "tombstone")), ErrorCode::not_found);
}

TEST_P(LogStoreTest, AnOriginIsOfBareAddressesAndItsId) {
    const std::uint64_t origin = message_origin(phone, "id", bob);
    EXPECT_EQ(origin, message_origin(alice, "id", jid("bob@example.org/x")));
    EXPECT_NE(origin, message_origin(alice, "id2", bob));
    EXPECT_NE(origin, message_origin(bob, "id", alice));
    EXPECT_EQ(origin, 8'161'866'559'993'722'773u) << "kept in databases: never to be changed";
}

// --- what waits ----------------------------------------------------------------------------------------------------

TEST_P(LogStoreTest, GivesWhatWaitsInOrderAndInPages) {
    const std::uint64_t first = append(bob, "1");
    append(bob, "archived", archived_only);
    append(bob, "22", archived_and_waiting);
    append(alice, "alice's");
    const std::uint64_t last = append(bob, "333");
    EXPECT_EQ(waiting(bob), (Texts{"1", "22", "333"}));
    EXPECT_EQ(waiting(bob, 0, 2), (Texts{"1", "22"}));
    EXPECT_EQ(waiting(bob, first), (Texts{"22", "333"}));
    EXPECT_TRUE(waiting(bob, last).empty());
    EXPECT_TRUE(waiting(bob, ~std::uint64_t{0}).empty());
    EXPECT_EQ(state(bob).messages, 3u);
    EXPECT_EQ(state(bob).bytes, 6u);
    EXPECT_EQ(state(bob).delivered_through, 0u);
}

TEST_P(LogStoreTest, BoundsThePageInBytes) {
    const std::string large(LogStore::max_page_bytes / 2 + 1, 'x');
    for (int i = 0; i < 3; ++i) append(bob, large);
    EXPECT_EQ(waiting(bob).size(), 2u);
    append(alice, std::string(LogStore::max_page_bytes + 1, 'x'));
    append(alice, "small");
    EXPECT_EQ(waiting(alice).size(), 1u);  // one always
}

TEST_P(LogStoreTest, BoundsThePageInMessages) {
    for (std::size_t i = 0; i <= LogStore::max_page; ++i) append(bob, "x");
    EXPECT_EQ(waiting(bob).size(), LogStore::max_page);
}

TEST_P(LogStoreTest, AcknowledgesInAndOutOfOrder) {
    Ids ids;
    for (const char* text : {"1", "2", "3", "4", "5"}) ids.push_back(append(bob, text));
    acknowledge(ids[0], {ids[2], ids[4]});
    EXPECT_EQ(waiting(bob), (Texts{"2", "4"}));
    EXPECT_EQ(state(bob).delivered_through, ids[0]);
    EXPECT_EQ(state(bob).delivered_beyond, (Ids{ids[2], ids[4]}));
    EXPECT_EQ(state(bob).messages, 2u);
    EXPECT_EQ(waiting(bob, ids[1]), Texts{"4"});

    acknowledge(ids[2], {ids[4], ids[4], ids[1]});  // the last one is below the mark: nothing to remember
    EXPECT_EQ(waiting(bob), Texts{"4"});
    EXPECT_EQ(state(bob).delivered_beyond, Ids{ids[4]});
    acknowledge(ids[4]);
    EXPECT_TRUE(waiting(bob).empty());
    EXPECT_TRUE(state(bob).delivered_beyond.empty());
    EXPECT_EQ(rows_there(), 0);
    acknowledge(ids[1]);  // never back
    EXPECT_EQ(state(bob).delivered_through, ids[4]);
}

TEST_P(LogStoreTest, KeepsWhatAnArchiveKeeps) {
    const std::uint64_t kept = append(bob, "kept", archived_and_waiting);
    const std::uint64_t gone = append(bob, "gone");
    acknowledge(gone);
    EXPECT_TRUE(waiting(bob).empty());
    EXPECT_EQ(archived(bob), 1u);
    EXPECT_EQ(rows_there(), 1);
    EXPECT_EQ(wait(archive().load_bounds(bob)).value().newest, kept);
}

TEST_P(LogStoreTest, AcknowledgesOnlyTheOwners) {
    append(alice, "alice's");
    const std::uint64_t id = append(bob, "bob's");
    acknowledge(id);
    EXPECT_EQ(waiting(alice), Texts{"alice's"});
    EXPECT_EQ(rows_there(), 1);
}

TEST_P(LogStoreTest, TakesIdsFromAnywhere) {
    append(bob, "1");
    acknowledge(~std::uint64_t{0}, Ids{~std::uint64_t{0}, 0});
    EXPECT_TRUE(waiting(bob).empty());
}

// --- retraction ----------------------------------------------------------------------------------------------------

TEST_P(LogStoreTest, FindsBothRowsOfAMessage) {
    append(between("other", 6));
    const Appended sent = append(between("<message/>", 7));
    append(between("other", 8));
    const SentMessage found = wait(log().find_sent(bob, alice, 7)).value();
    EXPECT_EQ(found.recipients_id, sent.id);
    EXPECT_EQ(found.senders_id, sent.second_id);
    EXPECT_EQ(wait(log().find_origin(bob, 7)).value(), sent.id);
    EXPECT_EQ(error_of(log().find_sent(alice, bob, 7)), ErrorCode::not_found);
    EXPECT_EQ(error_of(log().find_sent(bob, alice, 9)), ErrorCode::not_found);
}

TEST_P(LogStoreTest, FindsNoSendersRowWhereThereIsNone) {
    NewLogEntry entry = between("<message/>", 7);
    entry.second.reset();
    append(entry);
    EXPECT_EQ(wait(log().find_sent(bob, alice, 7)).value().senders_id, 0u);
    NewLogEntry to_others = incoming(alice, "to another", archived_only);
    to_others.first.outgoing = true;
    append(to_others);
    EXPECT_EQ(wait(log().find_sent(bob, alice, 7)).value().senders_id, 0u);
}

TEST_P(LogStoreTest, ReplacesAMessageWhereverItIs) {
    const Appended sent = append(between("<message/>"));
    ASSERT_TRUE(wait(log().replace(bob, sent.id, "<retracted/>")));
    EXPECT_EQ(waiting(bob), Texts{"<retracted/>"});
    EXPECT_EQ(state(bob).bytes, std::string("<retracted/>").size());
    EXPECT_EQ(error_of(log().replace(alice, sent.id, "")), ErrorCode::not_found);
    EXPECT_EQ(error_of(log().replace(bob, sent.id + 77, "")), ErrorCode::not_found);
}

// --- removal -------------------------------------------------------------------------------------------------------

TEST_P(LogStoreTest, RemovesWhatNobodyNeedsAfterTheWindow) {
    NewLogEntry entry = incoming(bob, "received", waiting_only);
    entry.origin = 7;
    const std::uint64_t received = append(entry).id;
    append(bob, "received, archived", archived_and_waiting);
    acknowledge(received);
    append(bob, "waits");
    const auto remove = [&](WallTime waiting_before, std::uint64_t after) {
        return wait(log().remove_unarchived(clock_.wall, waiting_before, after)).value();
    };
    EXPECT_EQ(remove(WallTime(), 0).removed, 0u);
    clock_.wall += LogStore::duplicate_window + Milliseconds(1);
    EXPECT_EQ(remove(WallTime(), 0).removed, 1u);
    EXPECT_EQ(rows_there(), 2);
    EXPECT_EQ(remove(clock_.wall, 0).removed, 1u);  // it waited too long
    EXPECT_TRUE(waiting(bob).size() == 1);          // the archived one waits until it is received
    EXPECT_EQ(archived(bob), 1u);
}

TEST_P(LogStoreTest, RemovesInSlices) {
    const std::size_t all = LogStore::max_slice + 3;
    for (std::size_t i = 0; i < all; ++i) append(i % 2 ? alice : bob, "x");
    clock_.wall += LogStore::duplicate_window + Milliseconds(1);
    const RemovedSlice first = wait(log().remove_unarchived(clock_.wall, clock_.wall, 0)).value();
    EXPECT_EQ(first.removed, LogStore::max_slice);
    EXPECT_GT(first.next, 0u);
    const RemovedSlice second = wait(log().remove_unarchived(clock_.wall, clock_.wall, first.next)).value();
    EXPECT_EQ(second.removed, 3u);
    EXPECT_EQ(second.next, 0u);
    EXPECT_EQ(rows_there(), 0);
}

}  // namespace
}  // namespace rookery
