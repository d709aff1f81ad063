#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/modules/admin_client.h"
#include "tests/modules/contacts.h"

namespace rookery::test {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

const std::string completed = "status='completed'";

class Configure : public testing::TestWithParam<unsigned> {
protected:
    TestServer server{administered("", GetParam())};
    AdminClient admin{server};
};

TEST_P(Configure, AddsUsers) {
    EXPECT_THAT(admin.execute("add-user", {{"accountjid", {"juliet@localhost"}}, {"password", {"secret"}}, {"password-verify", {"secret"}}}),
                HasSubstr(completed));
    TestClient juliet(server, "juliet@localhost/balcony");
}

TEST_P(Configure, RefusesUsersThatCannotBe) {
    const auto add = [this](const std::string& address, const std::string& password, const std::string& again) {
        return admin.execute("add-user", {{"accountjid", {address}}, {"password", {password}}, {"password-verify", {again}}});
    };
    EXPECT_THAT(add("admin@localhost", "x", "x"), HasSubstr("<conflict"));
    EXPECT_THAT(add("juliet@elsewhere.example", "x", "x"), HasSubstr("<not-acceptable"));
    EXPECT_THAT(add("juliet@other.localhost", "x", "x"), HasSubstr("<not-acceptable"));
    EXPECT_THAT(add("localhost", "x", "x"), HasSubstr("<not-acceptable"));
    EXPECT_THAT(add("juliet@localhost", "x", "y"), HasSubstr("<not-acceptable"));
    EXPECT_THAT(add("juliet@localhost", "", ""), HasSubstr("type='error'"));
    EXPECT_THAT(add("@", "x", "x"), HasSubstr("type='error'"));
    EXPECT_THAT(add("ju\xE2\x80\x8Dliet@localhost", "x", "x"), HasSubstr("<not-acceptable"));  // R3: zero-width joiner
}

TEST_P(Configure, DeletesSeveralUsers) {
    (void)server.make_account("juliet", "localhost", "secret");
    TestClient romeo(server, "romeo@localhost/orchard");
    EXPECT_THAT(admin.execute("delete-user", {{"accountjids", {"juliet@localhost", "romeo@localhost"}}}), HasSubstr(completed));
    romeo.receive();
    EXPECT_TRUE(romeo.closed());
    EXPECT_THAT(admin.execute("delete-user", {{"accountjids", {"juliet@localhost"}}}), HasSubstr("<item-not-found"));
}

TEST_P(Configure, ChangesNothingUnlessAllAccountsExist) {
    TestClient romeo(server, "romeo@localhost/orchard");
    for (const char* node : {"delete-user", "disable-user"})
        EXPECT_THAT(admin.execute(node, {{"accountjids", {"romeo@localhost", "ghost@localhost"}}}), HasSubstr("<item-not-found")) << node;
    EXPECT_FALSE(romeo.closed());
    TestClient again(server, "romeo@localhost/chamber");
    EXPECT_THAT(admin.execute("delete-user", {{"accountjids", {"romeo@localhost", "romeo@localhost"}}}), HasSubstr(completed));
}

TEST_P(Configure, DisablesAndLetsInAgain) {
    TestClient romeo(server, "romeo@localhost/orchard");
    EXPECT_THAT(admin.execute("disable-user", {{"accountjids", {"romeo@localhost"}}}), HasSubstr(completed));
    romeo.receive();
    EXPECT_TRUE(romeo.closed());
    EXPECT_THROW(TestClient(server, "romeo@localhost/orchard"), std::runtime_error);
    EXPECT_THAT(admin.execute("reenable-user", {{"accountjids", {"romeo@localhost"}}}), HasSubstr(completed));
    TestClient again(server, "romeo@localhost/orchard");
    EXPECT_THAT(admin.execute("disable-user", {{"accountjids", {"nobody@localhost"}}}), HasSubstr("<item-not-found"));
}

TEST_P(Configure, ChangingOnesOwnPasswordKeepsTheSession) {
    EXPECT_THAT(admin.execute("change-user-password", {{"accountjid", {"admin@localhost"}}, {"password", {"new"}}}), HasSubstr(completed));
    EXPECT_FALSE(admin.client.closed());
}

TEST_P(Configure, CountsAndListsUsers) {
    (void)server.make_account("paris", "localhost", "secret");
    (void)server.make_account("other", "other.localhost", "secret");
    TestClient juliet(server, "juliet@localhost/balcony");
    TestClient chamber(server, "juliet@localhost/chamber");
    TestClient elsewhere(server, "juliet@other.localhost/x");
    EXPECT_THAT(admin.execute("get-registered-users-num"), HasSubstr("<field var='registeredusersnum' type='text-single' label='Registered users'><value>3</value>"));
    EXPECT_THAT(admin.execute("get-online-users-num"), HasSubstr("<value>2</value>"));
    EXPECT_THAT(admin.execute("get-registered-users-list", {{"max_items", {"25"}}}),
                AllOf(HasSubstr("<value>admin@localhost</value>"), HasSubstr("<value>juliet@localhost</value>"),
                      HasSubstr("<value>paris@localhost</value>"), Not(HasSubstr("other.localhost"))));
    EXPECT_THAT(admin.execute("get-online-users-list", {{"max_items", {"none"}}}),
                AllOf(HasSubstr("<value>admin@localhost</value>"), HasSubstr("<value>juliet@localhost</value>"), Not(HasSubstr("paris"))));
}

TEST_P(Configure, TellsIdleFromActiveUsers) {
    TestClient juliet(server, "juliet@localhost/balcony");
    ASSERT_TRUE(server.advance(std::chrono::minutes(6)).ok());
    EXPECT_THAT(admin.execute("get-active-users-num"), HasSubstr("<value>1</value>"));
    EXPECT_THAT(admin.execute("get-idle-users-num"), HasSubstr("<value>1</value>"));
    EXPECT_THAT(admin.execute("get-idle-users", {{"max_items", {"100"}}}), HasSubstr("<value>juliet@localhost</value>"));
    EXPECT_THAT(admin.execute("get-active-users", {{"max_items", {"100"}}}), HasSubstr("<value>admin@localhost</value>"));
}

TEST_P(Configure, KnowsWhatIsKnownOfAUser) {
    put_contact(server, "juliet@localhost", "romeo@localhost", Subscription::both);
    TestClient juliet(server, "juliet@localhost/balcony");
    EXPECT_THAT(admin.execute("user-stats", {{"accountjid", {"juliet@localhost"}}}),
                AllOf(HasSubstr("<value>192.0.2.1</value>"), HasSubstr("var='rostersize' type='text-single' label='Contacts'><value>1</value>"),
                      HasSubstr("<value>balcony</value>")));
    EXPECT_THAT(admin.execute("get-user-roster", {{"accountjids", {"juliet@localhost"}}}),
                HasSubstr("<query xmlns='jabber:iq:roster'><item jid='romeo@localhost' subscription='both'/></query>"));
    for (const char* node : {"get-user-roster", "get-user-lastlogin"})
        EXPECT_THAT(admin.execute(node, {{"accountjids", {"nobody@localhost"}}}), HasSubstr("<item-not-found"));
    EXPECT_THAT(admin.execute("user-stats", {{"accountjid", {"nobody@localhost"}}}), HasSubstr("<item-not-found"));
}

TEST_P(Configure, KnowsWhenAUserWasHere) {
    (void)server.make_account("paris", "localhost", "secret");
    TestClient juliet(server, "juliet@localhost/balcony");
    EXPECT_THAT(admin.execute("get-user-lastlogin", {{"accountjids", {"juliet@localhost"}}}), HasSubstr("<value>2026-11-"));
    EXPECT_THAT(admin.execute("get-user-lastlogin", {{"accountjids", {"paris@localhost"}}}), HasSubstr("<value>never</value>"));
}

TEST_P(Configure, OffersNoPasswords) {
    EXPECT_THAT(admin.execute("get-user-password"), HasSubstr("<item-not-found"));
}

TEST_P(Configure, IsForAdministratorsOnly) {
    TestClient juliet(server, "juliet@localhost/balcony");
    EXPECT_THAT(juliet.ask(AdminClient::command("get-registered-users-num", "", "")), HasSubstr("<forbidden"));
}

INSTANTIATE_TEST_SUITE_P(Shards, Configure, testing::Values(1u, 2u));

}  // namespace
}  // namespace rookery::test
