// What the plays in tests/scenarios/registration do not show: forms, access, strength, watchers, the limit by network.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/modules/contacts.h"
#include "tests/support/test_client.h"

namespace rookery::test {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

TestServerOptions with(const std::string& options, const std::string& more = "", unsigned shards = 1) {
    TestServerOptions wanted;
    wanted.shards = shards;
    wanted.config_yaml = "modules: {mod_register: {" + options + "}}\n" + more;
    return wanted;
}

std::string request(const std::string& content, const char* type = "set") {
    return "<iq type='" + std::string(type) + "' id='r'><query xmlns='jabber:iq:register'>" + content + "</query></iq>";
}
std::string account(const std::string& name, const std::string& password) {
    return request("<username>" + name + "</username><password>" + password + "</password>");
}
std::string form(const std::string& name, const std::string& password) {
    return request("<x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE'><value>jabber:iq:register</value></field>"
                   "<field var='username'><value>" + name + "</value></field><field var='password'><value>" + password +
                   "</value></field></x>");
}

const std::string no_limit = "registration_timeout: infinity\n";
const std::string made = "type='result'";

TEST(Registration, OffersFieldsAndForm) {
    TestServer server(with(""));
    TestClient stranger = TestClient::stranger(server);
    EXPECT_THAT(stranger.features(), HasSubstr("<register xmlns='http://jabber.org/features/iq-register'/>"));
    EXPECT_THAT(stranger.ask(request("", "get")),
                AllOf(HasSubstr("<username/><password/>"), HasSubstr("type='form'"), HasSubstr("var='username'"),
                      HasSubstr("<value>jabber:iq:register</value>")));
}

TEST(Registration, TakesAForm) {
    TestServer server(with(""));
    EXPECT_THAT(TestClient::stranger(server).ask(form("juliet", "secret")), HasSubstr(made));
    TestClient juliet(server, "juliet@localhost/balcony");
    EXPECT_THAT(juliet.features(), Not(HasSubstr("iq-register")));
}

TEST(Registration, NamesAreNormalised) {
    TestServer server(with("", no_limit));
    EXPECT_THAT(TestClient::stranger(server).ask(account("JULIET", "secret")), HasSubstr(made));
    EXPECT_THAT(TestClient::stranger(server).ask(account("juliet", "secret")), HasSubstr("<conflict"));
    TestClient juliet(server, "juliet@localhost/balcony");
}

// R3
TEST(Registration, RefusesNamesThatAreNone) {
    TestServer server(with("", no_limit));
    for (const char* name : {"", " ", "a@b", "a/b", "\"", "ju\xE2\x80\x8Dliet", "\xEF\xBC\xA1lice\xEF\xBC\xA0"})
        EXPECT_THAT(TestClient::stranger(server).ask(account(name, "secret")), HasSubstr("type='error'")) << name;
    EXPECT_THAT(TestClient::stranger(server).ask(account(std::string(1'100, 'a'), "secret")), HasSubstr("type='error'"));
}

TEST(Registration, HeedsAccessRules) {
    TestServer server(with("access: names, ip_access: nobody",
                           "acl: {reserved: {user_regexp: '^admin'}}\n"
                           "access_rules: {names: [{deny: reserved}, allow], nobody: deny}\n"));
    EXPECT_THAT(TestClient::stranger(server).ask(account("admin1", "secret")), HasSubstr("<not-allowed"));
    EXPECT_THAT(TestClient::stranger(server).ask(account("juliet", "secret")), HasSubstr("<not-allowed"));
    TestServer open(with("access: names", "acl: {reserved: {user_regexp: '^admin'}}\naccess_rules: {names: [{deny: reserved}, allow]}\n"));
    EXPECT_THAT(TestClient::stranger(open).ask(account("admin1", "secret")), HasSubstr("<not-allowed"));
    EXPECT_THAT(TestClient::stranger(open).ask(account("juliet", "secret")), HasSubstr(made));
}

TEST(Registration, WantsStrongPasswords) {
    TestServer server(with("password_strength: 40"));
    EXPECT_THAT(TestClient::stranger(server).ask(account("juliet", "secret")), HasSubstr("<not-acceptable"));
    EXPECT_THAT(TestClient::stranger(server).ask(account("juliet", "S3cret, but long")), HasSubstr(made));
}

TEST(Registration, WelcomesAndTells) {
    TestServer server(with("welcome_message: {subject: Hi, body: Welcome}, registration_watchers: [admin@localhost]"));
    TestClient admin(server, "admin@localhost/desk");
    admin.become_available();
    EXPECT_THAT(TestClient::stranger(server).ask(account("juliet", "secret")), HasSubstr(made));
    EXPECT_THAT(admin.receive(), HasSubstr("The account juliet@localhost was registered from 192.0.2.1."));
    TestClient juliet(server, "juliet@localhost/balcony");
    EXPECT_THAT(juliet.ask("<presence/>"), HasSubstr("<subject>Hi</subject><body>Welcome</body>"));
}

// A15: whichever shard the connections come in on.
TEST(Registration, OneAddressMakesOneAccountAtATime) {
    TestServer server(with("", "", 2));
    EXPECT_THAT(TestClient::stranger(server).ask(account("one", "secret")), HasSubstr(made));
    EXPECT_THAT(TestClient::stranger(server).ask(account("two", "secret")), HasSubstr("<resource-constraint"));
    EXPECT_THAT(TestClient::stranger(server).ask(account("two", "secret")), HasSubstr("<resource-constraint"));
    ASSERT_TRUE(server.advance(std::chrono::minutes(10)).ok());
    EXPECT_THAT(TestClient::stranger(server).ask(account("two", "secret")), HasSubstr(made));
}

// A customer has an IPv4 address or, of IPv6, usually all of a /64.
TEST(Registration, NeighboursOfOneNetworkShareTheTurn) {
    TestServer server(with("", "", 2));
    const auto from = [&server](const char* address, const char* name) {
        return TestClient::stranger(server, "localhost", address).ask(account(name, "secret"));
    };
    EXPECT_THAT(from("2001:db8::1", "one"), HasSubstr(made));
    EXPECT_THAT(from("2001:db8::2:3", "two"), HasSubstr("<resource-constraint"));
    EXPECT_THAT(from("2001:db8:0:1::1", "three"), HasSubstr(made));
    EXPECT_THAT(from("192.0.2.1", "four"), HasSubstr(made));
    EXPECT_THAT(from("192.0.2.2", "five"), HasSubstr(made));
}

TEST(Registration, ATakenNameCostsNoTurn) {
    TestServer server(with(""));
    (void)server.make_account("juliet", "localhost", "secret");
    TestClient stranger = TestClient::stranger(server);
    EXPECT_THAT(stranger.ask(account("juliet", "secret")), HasSubstr("<conflict"));
    EXPECT_THAT(stranger.ask(account("juliet2", "secret")), HasSubstr(made));
}

TEST(Registration, UsersChangeTheirOwnPasswordOnly) {
    TestServer server(with(""));
    TestClient juliet(server, "juliet@localhost/balcony");
    TestClient chamber(server, "juliet@localhost/chamber");
    (void)server.make_account("romeo", "localhost", "secret");
    EXPECT_THAT(juliet.ask(account("romeo", "new")), HasSubstr("<not-allowed"));
    EXPECT_THAT(juliet.ask(account("juliet", "")), HasSubstr("<bad-request"));
    EXPECT_THAT(juliet.ask(request("<password>new</password>")), HasSubstr("<bad-request"));
    EXPECT_FALSE(chamber.closed());
    EXPECT_THAT(juliet.ask(account("juliet", "new")), HasSubstr(made));
    EXPECT_FALSE(juliet.closed());
    chamber.receive();
    EXPECT_TRUE(chamber.closed());
}

TEST(Registration, UsersOfOtherDomainsAreNotOurs) {
    TestServer server(with(""));
    TestClient paris(server, "paris@other.localhost/hall");
    const std::string to_us = "<iq type='set' id='r' to='localhost'><query xmlns='jabber:iq:register'>";
    EXPECT_THAT(paris.ask(to_us + "<username>paris</username><password>x</password></query></iq>"), HasSubstr("<not-allowed"));
    EXPECT_THAT(paris.ask(to_us + "<remove/></query></iq>"), HasSubstr("<not-allowed"));
}

TEST(Registration, RemovalIsAskedForAlone) {
    TestServer server(with(""));
    TestClient juliet(server, "juliet@localhost/balcony");
    EXPECT_THAT(juliet.ask(request("<remove/><username>juliet</username>")), HasSubstr("<bad-request"));
    const std::string farewell = juliet.ask(request("<remove/>"));
    EXPECT_LT(farewell.find("type='result'"), farewell.find("<not-authorized"));
    EXPECT_TRUE(juliet.closed());
    EXPECT_FALSE(server.wait(server.storage().stores().accounts.exists(jid("juliet@localhost"))).value());
}

TEST(Registration, RemovalMayBeDenied) {
    TestServer server(with("access_remove: none"));
    TestClient juliet(server, "juliet@localhost/balcony");
    EXPECT_THAT(juliet.ask(request("<remove/>")), HasSubstr("<forbidden"));
    EXPECT_THAT(TestClient::stranger(server).ask(request("<remove/>")), HasSubstr("<unexpected-request"));
}

}  // namespace
}  // namespace rookery::test
