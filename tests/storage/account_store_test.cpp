#include "storage/account_store.h"

#include "tests/storage/contract.h"

namespace rookery {
namespace {

class AccountStoreTest : public Contract {
protected:
    std::vector<ScramKeys> two_keys() {
        std::vector<ScramKeys> keys;
        keys.emplace_back(HashAlgorithm::sha256, std::string("salt\0\xff", 6), 10'000, "stored256", "server256");
        keys.emplace_back(HashAlgorithm::sha1, "salt1", 4'096, "stored1", "server1");
        return keys;
    }
    const Jid carol = jid("carol@example.org");
};
INSTANTIATE_TEST_SUITE_P(engines, AccountStoreTest, testing::ValuesIn(engines), engine_name);

TEST_P(AccountStoreTest, GivesBackTheKeysBitForBit) {
    wait(accounts().create(carol, two_keys(), at_second(5))).value();
    const Login login = wait(accounts().load_login(carol)).value();
    EXPECT_EQ(login.created, at_second(5));
    EXPECT_FALSE(login.disabled);
    ASSERT_EQ(login.keys.size(), 2u);
    EXPECT_EQ(login.keys[0].algorithm, HashAlgorithm::sha1);
    EXPECT_EQ(login.keys[0].iterations, 4'096);
    EXPECT_EQ(login.keys[1].algorithm, HashAlgorithm::sha256);
    EXPECT_EQ(login.keys[1].salt, std::string("salt\0\xff", 6));
    EXPECT_EQ(login.keys[1].stored_key, "stored256");
    EXPECT_EQ(login.keys[1].server_key, "server256");
}

// A13: for a missing name the next account's keys are read, so that both take the same time; they are never given out.
TEST_P(AccountStoreTest, AMissingNameHasNoKeysWhoeverIsNextToIt) {
    wait(accounts().create(carol, two_keys(), at_second(5))).value();
    for (const char* missing : {"a@example.org", "carola@example.org", "caro@example.org", "zoe@example.org"})
        EXPECT_EQ(error_of(accounts().load_login(jid(missing))), ErrorCode::not_found) << missing;
    EXPECT_EQ(error_of(accounts().load_login(jid("carol@example.com"))), ErrorCode::not_found);
}

TEST_P(AccountStoreTest, CreatesAnAccountOnce) {
    EXPECT_EQ(error_of(accounts().create(alice, two_keys(), at_second(9))), ErrorCode::conflict);
    const Login login = wait(accounts().load_login(alice)).value();
    EXPECT_EQ(login.created, at_second(1'000));
    EXPECT_TRUE(login.keys.empty());
}

TEST_P(AccountStoreTest, TellsWhoExists) {
    EXPECT_TRUE(wait(accounts().exists(alice)).value());
    EXPECT_FALSE(wait(accounts().exists(nobody)).value());
    EXPECT_FALSE(wait(accounts().exists(jid("alice@example.com"))).value());
    EXPECT_EQ(error_of(accounts().load_login(nobody)), ErrorCode::not_found);
}

TEST_P(AccountStoreTest, RefusesAddressesThatAreNoAccounts) {
    EXPECT_EQ(error_of(accounts().create(domain, {}, at_second(1))), ErrorCode::invalid);
    EXPECT_EQ(error_of(accounts().create(jid("alice@example.org/phone"), {}, at_second(1))), ErrorCode::invalid);
    EXPECT_EQ(error_of(accounts().exists(Jid())), ErrorCode::invalid);
}

TEST_P(AccountStoreTest, ReplacesAllKeys) {
    wait(accounts().create(carol, two_keys(), at_second(5))).value();
    std::vector<ScramKeys> one;
    one.emplace_back(HashAlgorithm::sha512, "s", 1, "new", "new");
    wait(accounts().set_keys(carol, one)).value();
    const Login login = wait(accounts().load_login(carol)).value();
    ASSERT_EQ(login.keys.size(), 1u);
    EXPECT_EQ(login.keys[0].algorithm, HashAlgorithm::sha512);
    EXPECT_EQ(error_of(accounts().set_keys(nobody, one)), ErrorCode::not_found);
}

TEST_P(AccountStoreTest, RefusesTwoKeysForOneHashAsAWhole) {
    std::vector<ScramKeys> twice;
    twice.emplace_back(HashAlgorithm::sha1, "s", 1, "a", "a");
    twice.emplace_back(HashAlgorithm::sha1, "s", 1, "b", "b");
    EXPECT_EQ(error_of(accounts().create(carol, twice, at_second(5))), ErrorCode::conflict);
    EXPECT_FALSE(wait(accounts().exists(carol)).value());
    wait(accounts().create(carol, two_keys(), at_second(5))).value();
    EXPECT_EQ(error_of(accounts().set_keys(carol, twice)), ErrorCode::conflict);
    EXPECT_EQ(wait(accounts().load_login(carol)).value().keys.size(), 2u);
}

TEST_P(AccountStoreTest, DisablesAndEnables) {
    wait(accounts().disable(alice, "spam")).value();
    wait(accounts().disable(alice, "")).value();
    Login login = wait(accounts().load_login(alice)).value();
    EXPECT_TRUE(login.disabled);
    EXPECT_EQ(login.disabled_reason, "");
    wait(accounts().disable(alice, "spam'); DROP TABLE account;--")).value();
    login = wait(accounts().load_login(alice)).value();
    EXPECT_EQ(login.disabled_reason, "spam'); DROP TABLE account;--");
    wait(accounts().enable(alice)).value();
    EXPECT_FALSE(wait(accounts().load_login(alice)).value().disabled);
    EXPECT_EQ(error_of(accounts().disable(nobody, "x")), ErrorCode::not_found);
    EXPECT_EQ(error_of(accounts().enable(nobody)), ErrorCode::not_found);
}

TEST_P(AccountStoreTest, ListsInPages) {
    for (const char* name : {"dave@example.org", "carol@example.org", "zoe@example.com"}) {
        wait(accounts().create(jid(name), {}, at_second(1))).value();
    }
    const DocumentLimits limits(10, 1'000);
    wait(documents().put(domain, "motd", "<x/>", std::nullopt, limits)).value();  // the domain's row is no account
    using Names = std::vector<std::string>;
    EXPECT_EQ(wait(accounts().list("example.org", "", 3)).value(), (Names{"alice", "bob", "carol"}));
    EXPECT_EQ(wait(accounts().list("example.org", "carol", 3)).value(), (Names{"dave"}));
    EXPECT_EQ(wait(accounts().list("example.org", "dave", 3)).value(), Names());
    EXPECT_EQ(wait(accounts().list("example.net", "", 3)).value(), Names());
    EXPECT_EQ(wait(accounts().count("example.org")).value(), 4u);
    EXPECT_EQ(wait(accounts().count("example.net")).value(), 0u);
}

TEST_P(AccountStoreTest, RemembersTheLastActivity) {
    EXPECT_EQ(error_of(accounts().load_last(alice)), ErrorCode::not_found);
    EXPECT_EQ(error_of(accounts().set_last(nobody, at_second(1), "")), ErrorCode::not_found);
    const WallTime when = at_second(77) + std::chrono::microseconds(5);
    wait(accounts().set_last(alice, when, "gone <fishing>")).value();
    const LastActivity last = wait(accounts().load_last(alice)).value();
    EXPECT_EQ(last.at, when);
    EXPECT_EQ(last.status, "gone <fishing>");
}

TEST_P(AccountStoreTest, RemovesEverythingOfAnAccountAndNothingOfOthers) {
    for (const Jid& owner : {alice, bob}) {
        wait(accounts().set_keys(owner, two_keys())).value();
        wait(roster().put(owner, RosterItem(jid("friend@example.net")), 10)).value();
        PendingRequest request(jid("stranger@example.net"), "<presence/>");
        wait(roster().put_request(owner, request, 10)).value();
        const DocumentLimits limits(10, 1'000);
        wait(documents().put(owner, "vcard", "<vCard/>", std::nullopt, limits)).value();
        NewLogEntry message(LogCopy(owner, jid("friend@example.net")), "<message/>");
        message.first.waiting = true;
        wait(log().append(std::move(message))).value();
    }
    wait(accounts().remove(alice)).value();
    EXPECT_EQ(error_of(accounts().remove(alice)), ErrorCode::not_found);
    EXPECT_EQ(error_of(log().load_delivery(alice)), ErrorCode::not_found);
    EXPECT_EQ(error_of(roster().load(alice)), ErrorCode::not_found);

    wait(accounts().create(alice, {}, at_second(2))).value();
    EXPECT_TRUE(wait(accounts().load_login(alice)).value().keys.empty());
    EXPECT_TRUE(wait(roster().load(alice)).value().items.empty());
    EXPECT_TRUE(wait(roster().load(alice)).value().requests.empty());
    EXPECT_TRUE(wait(documents().list(alice, "")).value().empty());
    EXPECT_TRUE(wait(log().load_waiting(alice, 0, 10)).value().empty());
    EXPECT_EQ(wait(log().load_delivery(alice)).value().messages, 0u);

    EXPECT_EQ(wait(accounts().load_login(bob)).value().keys.size(), 2u);
    EXPECT_EQ(wait(roster().load(bob)).value().items.size(), 1u);
    EXPECT_EQ(wait(documents().list(bob, "")).value().size(), 1u);
    EXPECT_EQ(wait(log().load_waiting(bob, 0, 10)).value().size(), 1u);
}

}  // namespace
}  // namespace rookery
