#include "core/account_admin.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

#include "tests/modules/contacts.h"
#include "tests/support/test_client.h"

namespace rookery::test {
namespace {

using testing::HasSubstr;

const std::string header =
    "<stream:stream to='localhost' version='1.0' xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>";
constexpr ErrorCode no_error = static_cast<ErrorCode>(-1);

class AccountAdmin : public testing::TestWithParam<unsigned> {
protected:
    static TestServerOptions options() {
        TestServerOptions wanted;
        wanted.shards = GetParam();
        return wanted;
    }
    Shards& shards() { return server.assembly().shards(); }
    static ErrorCode code(const Result<void>& result) { return result.ok() ? no_error : result.error().code; }
    bool exists(std::string_view account) {
        return server.wait(server.storage().stores().accounts.exists(jid(account))).value();
    }

    TestServer server{options()};
};

TEST_P(AccountAdmin, CreatesAccountsThatCanLogIn) {
    ASSERT_TRUE(server.wait(create_account(shards(), jid("juliet@localhost"), "secret")).ok());
    TestClient juliet(server, "juliet@localhost/balcony");
    EXPECT_EQ(code(server.wait(create_account(shards(), jid("juliet@localhost"), "other"))), ErrorCode::conflict);
}

TEST_P(AccountAdmin, KnowsAnAccountStrangersWroteToBeforeItWasThere) {
    TestClient romeo(server, "romeo@localhost/orchard");
    EXPECT_THAT(romeo.ask("<message to='juliet@localhost' id='1'><body>x</body></message>"), HasSubstr("service-unavailable"));
    ASSERT_TRUE(server.wait(create_account(shards(), jid("juliet@localhost"), "secret")).ok());
    EXPECT_EQ(romeo.ask("<message to='juliet@localhost' id='2'><body>x</body></message>"), "");
}

TEST_P(AccountAdmin, RefusesBadNamesPasswordsAndHosts) {
    EXPECT_EQ(code(server.wait(create_account(shards(), jid("juliet@elsewhere.example"), "secret"))), ErrorCode::not_found);
    EXPECT_EQ(code(server.wait(create_account(shards(), jid("juliet@localhost"), ""))), ErrorCode::invalid);
    EXPECT_EQ(code(server.wait(create_account(shards(), jid("localhost"), "secret"))), ErrorCode::invalid);
    EXPECT_EQ(code(server.wait(create_account(shards(), jid("juliet@localhost/x"), "secret"))), ErrorCode::invalid);
    EXPECT_EQ(code(server.wait(change_password(shards(), jid("juliet@localhost"), "secret"))), ErrorCode::not_found);
    EXPECT_EQ(code(server.wait(disable_account(shards(), jid("juliet@localhost"), "why"))), ErrorCode::not_found);
    EXPECT_EQ(code(server.wait(enable_account(shards(), jid("juliet@localhost")))), ErrorCode::not_found);
    EXPECT_EQ(code(server.wait(remove_account(shards(), jid("juliet@localhost")))), ErrorCode::not_found);
    EXPECT_FALSE(exists("juliet@localhost"));
}

TEST_P(AccountAdmin, NewPasswordEndsSessionsButTheOneThatAsked) {
    TestClient balcony(server, "juliet@localhost/balcony");
    TestClient chamber(server, "juliet@localhost/chamber");
    std::uint64_t keep = 0;
    for (const SessionPtr& session : server.home("juliet@localhost").find_account("juliet@localhost")->sessions())
        if (session->jid().resource() == "balcony") keep = session->id();
    ASSERT_TRUE(server.wait(change_password(shards(), jid("juliet@localhost"), "another", keep)).ok());
    EXPECT_THAT(chamber.receive(), HasSubstr("<reset"));
    EXPECT_TRUE(chamber.closed());
    EXPECT_FALSE(balcony.closed());
    EXPECT_THROW(TestClient(server, "juliet@localhost/again"), std::runtime_error);
}

// A18
TEST_P(AccountAdmin, DisabledAccountsAreThrownOutAndStayOut) {
    TestClient juliet(server, "juliet@localhost/balcony");
    ASSERT_TRUE(server.wait(disable_account(shards(), jid("juliet@localhost"), "spam")).ok());
    EXPECT_THAT(juliet.receive(), HasSubstr("<not-authorized"));
    EXPECT_TRUE(juliet.closed());
    EXPECT_THROW(TestClient(server, "juliet@localhost/again"), std::runtime_error);
    ASSERT_TRUE(server.wait(enable_account(shards(), jid("juliet@localhost"))).ok());
    TestClient again(server, "juliet@localhost/again");
}

// The proof was right, the resource not bound yet: nothing to close, and nothing to come in with either.
TEST_P(AccountAdmin, WhoIsAboutToBindWhenTheAccountChangesStaysOut) {
    const std::vector<std::function<Task<Result<void>>()>> changes = {
        [this] { return disable_account(shards(), jid("juliet@localhost"), "spam"); },
        [this] { return change_password(shards(), jid("juliet@localhost"), "another"); },
        [this] { return remove_account(shards(), jid("juliet@localhost")); },
    };
    for (const auto& change : changes) {
        (void)server.make_account("juliet", "localhost", "secret");
        ASSERT_TRUE(server.wait(enable_account(shards(), jid("juliet@localhost"))).ok());
        ASSERT_TRUE(server.wait(change_password(shards(), jid("juliet@localhost"), "secret")).ok());
        const std::unique_ptr<Wire> wire = server.connect({});
        wire->send(header);
        wire->send("<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>AGp1bGlldABzZWNyZXQ=</auth>");
        wire->send(header);
        std::string got;
        wire->receive(got, Milliseconds(0));
        ASSERT_THAT(got, HasSubstr("xmpp-bind"));
        ASSERT_TRUE(server.wait(change()).ok());
        wire->send("<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>");
        got.clear();
        wire->receive(got, Milliseconds(0));
        EXPECT_THAT(got, HasSubstr("<not-authorized"));
        EXPECT_THAT(got, testing::Not(HasSubstr("<jid>")));
    }
}

TEST_P(AccountAdmin, RemovalEndsSessionsAndSubscriptionsAndTakesEverything) {
    befriend(server, "juliet@localhost", "romeo@localhost");
    TestClient romeo(server, "romeo@localhost/orchard");
    romeo.become_available();
    romeo.ask("<iq type='get' id='r'><query xmlns='jabber:iq:roster'/></iq>");  // wants to know of changes (RFC 6121 2.1.6)
    TestClient juliet(server, "juliet@localhost/balcony");
    juliet.become_available();
    romeo.receive();

    ASSERT_TRUE(server.wait(remove_account(shards(), jid("juliet@localhost"))).ok());
    EXPECT_THAT(juliet.receive(), HasSubstr("<not-authorized"));
    EXPECT_TRUE(juliet.closed());
    EXPECT_FALSE(exists("juliet@localhost"));
    const std::string told = romeo.receive();
    EXPECT_THAT(told, HasSubstr("type='unavailable'"));
    EXPECT_THAT(told, HasSubstr("type='unsubscribe'"));
    EXPECT_THAT(told, HasSubstr("type='unsubscribed'"));
    EXPECT_EQ(stored_roster(server, "romeo@localhost").items.front().subscription, Subscription::none);
    EXPECT_EQ(server.wait(server.storage().stores().roster.load(jid("juliet@localhost"))).error().code, ErrorCode::not_found);
    EXPECT_THAT(romeo.ask("<message to='juliet@localhost' id='1'><body>x</body></message>"), HasSubstr("service-unavailable"));
}

TEST_P(AccountAdmin, RemovalReachesContactsWhoAreAwayAndEndsRequestsOfBothSides) {
    befriend(server, "juliet@localhost", "romeo@localhost");
    TestClient juliet(server, "juliet@localhost/balcony");
    TestClient paris(server, "paris@localhost/hall");
    juliet_asks_nurse_and_paris_asks_juliet(server, juliet, paris);

    ASSERT_TRUE(server.wait(remove_account(shards(), jid("juliet@localhost"))).ok());
    EXPECT_EQ(stored_roster(server, "romeo@localhost").items.front().subscription, Subscription::none);
    EXPECT_TRUE(stored_roster(server, "nurse@localhost").requests.empty());
    EXPECT_FALSE(stored_roster(server, "paris@localhost").items.front().ask_subscribe);
}

TEST_P(AccountAdmin, RemovedNameMayBeMadeAgainAndIsNew) {
    befriend(server, "juliet@localhost", "romeo@localhost");
    TestClient juliet(server, "juliet@localhost/balcony");
    ASSERT_TRUE(server.wait(remove_account(shards(), jid("juliet@localhost"))).ok());
    TestClient again(server, "juliet@localhost/balcony");
    EXPECT_THAT(again.ask("<iq type='get' id='r'><query xmlns='jabber:iq:roster'/></iq>"), testing::Not(HasSubstr("<item")));
}

// Else what is left of the removal would say that the new account is none.
TEST_P(AccountAdmin, ANameIsMadeAgainOnlyWhenItsRemovalIsOver) {
    ASSERT_TRUE(server.wait(create_account(shards(), jid("juliet@localhost"), "secret")).ok());
    Shard& home = server.home("juliet@localhost");
    ASSERT_TRUE(home.begin_removal(jid("juliet@localhost")));
    EXPECT_EQ(code(server.wait(remove_account(shards(), jid("juliet@localhost")))), ErrorCode::conflict);
    EXPECT_EQ(code(server.wait(create_account(shards(), jid("juliet@localhost"), "secret"))), ErrorCode::conflict);
    home.end_removal(jid("juliet@localhost"));

    const auto remove_and_create = [](Shards& all, bool* created) -> Task<void> {
        (void)co_await remove_account(all, jid("juliet@localhost"), Farewell::after_reply);
        Result<void> again = co_await create_account(all, jid("juliet@localhost"), "secret");
        *created = again.ok();
    };
    bool created = false;
    server.loops().at(home.index()).run_here([&] { spawn(remove_and_create(shards(), &created)); });
    server.run_until_idle();
    EXPECT_TRUE(created);
    const AccountPtr account = home.find_account("juliet@localhost");
    EXPECT_TRUE(!account || account->exists());
}

TEST_P(AccountAdmin, RemovalAfterTheReplyComesATurnLater) {
    TestClient juliet(server, "juliet@localhost/balcony");
    bool open_at_answer = false;
    Shard& home = server.home("juliet@localhost");
    const auto remove = [](Shards& all, Shard& at, bool* still_open) -> Task<void> {
        Result<void> removed = co_await remove_account(all, jid("juliet@localhost"), Farewell::after_reply);
        const AccountPtr account = at.find_account("juliet@localhost");
        *still_open = removed.ok() && account && !account->sessions().empty();
    };
    server.loops().at(home.index()).run_here([&] { spawn(remove(shards(), home, &open_at_answer)); });
    server.run_until_idle();
    EXPECT_TRUE(open_at_answer);
    juliet.receive();
    EXPECT_TRUE(juliet.closed());
}

TEST_P(AccountAdmin, ClosesOneSessionOrAllOfAUser) {
    TestClient balcony(server, "juliet@localhost/balcony");
    TestClient chamber(server, "juliet@localhost/chamber");
    const StreamError kicked(StreamCondition::policy_violation, "kicked");
    EXPECT_EQ(server.wait(close_sessions(shards(), jid("juliet@localhost/nowhere"), kicked)), 0u);
    EXPECT_EQ(server.wait(close_sessions(shards(), jid("juliet@localhost/chamber"), kicked)), 1u);
    EXPECT_THAT(chamber.receive(), HasSubstr("<policy-violation"));
    EXPECT_FALSE(balcony.closed());
    EXPECT_EQ(server.wait(close_sessions(shards(), jid("juliet@localhost"), kicked)), 1u);
    EXPECT_EQ(server.wait(close_sessions(shards(), jid("nobody@localhost"), kicked)), 0u);
}

INSTANTIATE_TEST_SUITE_P(Shards, AccountAdmin, testing::Values(1u, 2u));

}  // namespace
}  // namespace rookery::test
