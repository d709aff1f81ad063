#include "storage/roster_store.h"

#include "tests/storage/contract.h"

namespace rookery {
namespace {

class RosterStoreTest : public Contract {
protected:
    static constexpr std::size_t many = 1'000;

    RosterItem full_item() {
        RosterItem item(jid("friend@example.net"));
        item.name = "Fr. \"O'Brian\" <\xf0\x9f\x90\xa6>";
        item.subscription = Subscription::to;
        item.ask_subscribe = true;
        item.approved = true;
        item.groups = {"Friends & family", "line\nbreak", "' OR 1=1--"};
        return item;
    }
    std::uint64_t put(const std::string& contact) {
        return wait(roster().put(alice, RosterItem(jid(contact)), many)).value();
    }
    std::uint64_t remove(const std::string& contact) { return wait(roster().remove(alice, jid(contact))).value(); }
    std::optional<RosterChanges> since(std::uint64_t version) {
        return wait(roster().load_since(alice, version)).value();
    }
};
INSTANTIATE_TEST_SUITE_P(engines, RosterStoreTest, testing::ValuesIn(engines), engine_name);

TEST_P(RosterStoreTest, GivesBackAnItemAsItWas) {
    wait(roster().put(alice, full_item(), many)).value();
    const Roster loaded = wait(roster().load(alice)).value();
    ASSERT_EQ(loaded.items.size(), 1u);
    EXPECT_EQ(loaded.items[0], full_item());
    EXPECT_TRUE(wait(roster().load(bob)).value().items.empty());
}

TEST_P(RosterStoreTest, ReplacesAnItem) {
    wait(roster().put(alice, full_item(), many)).value();
    RosterItem plain(jid("friend@example.net"));
    wait(roster().put(alice, plain, many)).value();
    const Roster loaded = wait(roster().load(alice)).value();
    ASSERT_EQ(loaded.items.size(), 1u);
    EXPECT_EQ(loaded.items[0], plain);
}

TEST_P(RosterStoreTest, RefusesOwnersWithoutAccountAndGroupsItCannotKeep) {
    EXPECT_EQ(error_of(roster().load(nobody)), ErrorCode::not_found);
    EXPECT_EQ(error_of(roster().load_since(nobody, 0)), ErrorCode::not_found);
    EXPECT_EQ(error_of(roster().put(nobody, full_item(), many)), ErrorCode::not_found);
    EXPECT_EQ(error_of(roster().put(domain, full_item(), many)), ErrorCode::invalid);
    EXPECT_EQ(error_of(roster().put_request(nobody, PendingRequest(bob, "<presence/>"), 10)), ErrorCode::not_found);
    RosterItem bad = full_item();
    bad.groups = {
        "a\x1f"
        "b"};
    EXPECT_EQ(error_of(roster().put(alice, bad, many)), ErrorCode::invalid);
    bad.groups = {""};
    EXPECT_EQ(error_of(roster().put(alice, bad, many)), ErrorCode::invalid);
}

TEST_P(RosterStoreTest, KeepsAtMostSoManyItemsButChangesThemStill) {
    wait(roster().put(alice, RosterItem(jid("a@x.example")), 2)).value();
    wait(roster().put(alice, RosterItem(jid("b@x.example")), 2)).value();
    const std::uint64_t before = wait(roster().load(alice)).value().version;
    EXPECT_EQ(error_of(roster().put(alice, RosterItem(jid("c@x.example")), 2)), ErrorCode::limit);
    EXPECT_EQ(wait(roster().load(alice)).value().version, before);
    RosterItem named(jid("b@x.example"));
    named.name = "B";
    wait(roster().put(alice, named, 2)).value();
    wait(roster().remove(alice, jid("a@x.example"))).value();
    wait(roster().put(alice, RosterItem(jid("c@x.example")), 2)).value();  // a tombstone is no item
    EXPECT_EQ(wait(roster().load(alice)).value().items.size(), 2u);
}

TEST_P(RosterStoreTest, VersionsGrowAndTellWhatChanged) {
    const std::uint64_t start = wait(roster().load(alice)).value().version;
    const std::uint64_t first = put("a@x.example");
    const std::uint64_t second = put("b@x.example");
    EXPECT_LT(start, first);
    EXPECT_LT(first, second);
    const std::uint64_t third = remove("a@x.example");
    EXPECT_EQ(wait(roster().load(alice)).value().version, third);

    std::optional<RosterChanges> changes = since(first);
    ASSERT_TRUE(changes);
    EXPECT_EQ(changes->version, third);
    ASSERT_EQ(changes->changed.size(), 1u);
    EXPECT_EQ(changes->changed[0].contact, jid("b@x.example"));
    ASSERT_EQ(changes->removed.size(), 1u);
    EXPECT_EQ(changes->removed[0], jid("a@x.example"));
    EXPECT_EQ(changes->removal_next, (std::vector<bool>{false, true}));

    changes = since(third);
    ASSERT_TRUE(changes);
    EXPECT_TRUE(changes->changed.empty() && changes->removed.empty());
}

TEST_P(RosterStoreTest, AContactAddedAgainIsNoLongerRemoved) {
    const std::uint64_t start = put("a@x.example");
    remove("a@x.example");
    put("a@x.example");
    const std::optional<RosterChanges> changes = since(start);
    ASSERT_TRUE(changes);
    EXPECT_EQ(changes->changed.size(), 1u);
    EXPECT_TRUE(changes->removed.empty());
}

TEST_P(RosterStoreTest, SendsAllForVersionsItCannotKnow) {
    const std::uint64_t version = put("a@x.example");
    EXPECT_FALSE(since(0));
    EXPECT_FALSE(since(version + 1));
    EXPECT_FALSE(since(~std::uint64_t{0}));
}

TEST_P(RosterStoreTest, ForgetsOldTombstones) {
    put("first@x.example");
    const std::uint64_t before_removal = wait(roster().load(alice)).value().version;
    const std::uint64_t after_removal = remove("first@x.example");
    for (int i = 0; i < RosterStore::max_tombstones; ++i) {
        EXPECT_TRUE(since(before_removal)) << i;
        put("c" + std::to_string(i) + "@x.example");
        remove("c" + std::to_string(i) + "@x.example");
    }
    EXPECT_FALSE(since(before_removal));
    const std::optional<RosterChanges> changes = since(after_removal);
    ASSERT_TRUE(changes);
    EXPECT_EQ(changes->removed.size(), static_cast<std::size_t>(RosterStore::max_tombstones));
}

TEST_P(RosterStoreTest, ANewAccountOfTheSameNameDoesNotFitAnOldVersion) {
    put("a@x.example");
    const std::uint64_t old_version = put("b@x.example");
    wait(accounts().remove(alice)).value();
    wait(accounts().create(alice, {}, at_second(1))).value();
    put("c@x.example");
    put("d@x.example");
    EXPECT_FALSE(since(old_version));
    EXPECT_GT(put("e@x.example"), old_version);
}

TEST_P(RosterStoreTest, RemovesOnlyWhatIsThere) {
    const std::uint64_t before = wait(roster().load(alice)).value().version;
    EXPECT_EQ(error_of(roster().remove(alice, jid("a@x.example"))), ErrorCode::not_found);
    EXPECT_EQ(error_of(roster().remove(nobody, jid("a@x.example"))), ErrorCode::not_found);
    EXPECT_EQ(wait(roster().load(alice)).value().version, before);
    put("a@x.example");
    remove("a@x.example");
    EXPECT_EQ(error_of(roster().remove(alice, jid("a@x.example"))), ErrorCode::not_found);
}

TEST_P(RosterStoreTest, KeepsRequestsWithoutItemInTheirOrder) {
    wait(roster().put_request(alice, PendingRequest(jid("z@x.example"), "<presence id='1'/>"), 2)).value();
    wait(roster().put_request(alice, PendingRequest(jid("a@x.example"), "<presence id='2'/>"), 2)).value();
    EXPECT_EQ(error_of(roster().put_request(alice, PendingRequest(jid("m@x.example"), "<presence/>"), 2)),
              ErrorCode::limit);
    wait(roster().put_request(alice, PendingRequest(jid("z@x.example"), "<presence id='3'/>"), 2)).value();
    const Roster loaded = wait(roster().load(alice)).value();
    EXPECT_TRUE(loaded.items.empty());
    ASSERT_EQ(loaded.requests.size(), 2u);
    EXPECT_EQ(loaded.requests[0], PendingRequest(jid("z@x.example"), "<presence id='3'/>"));
    EXPECT_EQ(loaded.requests[1].from, jid("a@x.example"));
    EXPECT_TRUE(wait(roster().remove_request(alice, jid("z@x.example"))).value());
    EXPECT_FALSE(wait(roster().remove_request(alice, jid("z@x.example"))).value());
    EXPECT_EQ(wait(roster().load(alice)).value().requests.size(), 1u);
}

TEST_P(RosterStoreTest, AContactThatSeesUsHasNoRequestLeft) {
    const Jid friend_jid = jid("friend@example.net");
    wait(roster().put_request(alice, PendingRequest(friend_jid, "<presence/>"), 10)).value();
    RosterItem item(friend_jid);
    item.subscription = Subscription::to;
    wait(roster().put(alice, item, many)).value();
    EXPECT_EQ(wait(roster().load(alice)).value().requests.size(), 1u);
    item.subscription = Subscription::both;
    wait(roster().put(alice, item, many)).value();
    EXPECT_TRUE(wait(roster().load(alice)).value().requests.empty());
}

TEST_P(RosterStoreTest, RemovingAnItemRemovesItsRequest) {
    const Jid friend_jid = jid("friend@example.net");
    wait(roster().put(alice, RosterItem(friend_jid), many)).value();
    wait(roster().put_request(alice, PendingRequest(friend_jid, "<presence/>"), 10)).value();
    wait(roster().remove(alice, friend_jid)).value();
    EXPECT_TRUE(wait(roster().load(alice)).value().requests.empty());
}

}  // namespace
}  // namespace rookery
