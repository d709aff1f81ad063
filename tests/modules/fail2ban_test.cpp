// A15 of the bad inputs: guessing passwords.
#include <gtest/gtest.h>

#include "base/bytes.h"
#include "tests/support/test_server.h"

namespace rookery::test {
namespace {

// What the server says to one attempt on a fresh connection.
std::string attempt(TestServer& server, const std::string& password) {
    const std::unique_ptr<Wire> wire = server.connect({});
    const std::string nul(1, '\0');
    wire->send("<stream:stream to='localhost' version='1.0' xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>");
    wire->send("<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>" +
               base64_encode(nul + "juliet" + nul + password) + "</auth>");
    std::string text;
    wire->receive(text, Milliseconds(0));
    return text;
}

TEST(Fail2ban, TenthWrongPasswordBansTheAddressForTenMinutes) {
    TestServerOptions options;
    options.shards = 2;
    TestServer server(options);
    ASSERT_TRUE(server.make_account("juliet", "localhost", "secret").ok());
    for (int i = 0; i < 9; ++i) EXPECT_NE(attempt(server, "wrong").find("<not-authorized/>"), std::string::npos);
    EXPECT_NE(attempt(server, "secret").find("<success"), std::string::npos) << "nine are no ban";
    attempt(server, "wrong");
    EXPECT_NE(attempt(server, "secret").find("policy-violation"), std::string::npos);
    ASSERT_TRUE(server.advance(Seconds(601)).ok());
    EXPECT_NE(attempt(server, "secret").find("<success"), std::string::npos);
}

TEST(Fail2ban, BansAndFailuresOutliveALiveUpgrade) {
    TestServerOptions options;
    options.shards = 3;
    TestServer server(options);
    ASSERT_TRUE(server.make_account("juliet", "localhost", "secret").ok());
    for (int i = 0; i < 9; ++i) attempt(server, "wrong");
    ASSERT_TRUE(server.change_program());
    attempt(server, "wrong");
    for (int i = 0; i < 3; ++i) EXPECT_NE(attempt(server, "secret").find("policy-violation"), std::string::npos);
    ASSERT_TRUE(server.change_program());
    for (int i = 0; i < 3; ++i) EXPECT_NE(attempt(server, "secret").find("policy-violation"), std::string::npos);
    ASSERT_TRUE(server.advance(Seconds(601)).ok());
    EXPECT_NE(attempt(server, "secret").find("<success"), std::string::npos);
}

TEST(Fail2ban, FailuresFarApartDoNotAddUp) {
    TestServer server;
    ASSERT_TRUE(server.make_account("juliet", "localhost", "secret").ok());
    for (int i = 0; i < 30; ++i) {
        attempt(server, "wrong");
        ASSERT_TRUE(server.advance(Seconds(10)).ok());
    }
    EXPECT_NE(attempt(server, "secret").find("<success"), std::string::npos);
}

// Whoever has one address of an IPv6 network has them all.
TEST(Fail2ban, CountsAnIpv6NetworkAsOneAddress) {
    TestServer server;
    Host& host = *server.home("juliet@localhost").find_host("localhost");
    server.loops().at(0).run_here([&] {
        for (int i = 0; i < 10; ++i) {
            LoginEvent failed{"2001:db8::" + std::to_string(i), "2001:db8::", Jid(), "wrong password"};
            (void)host.hooks.login_failed.run(failed);
        }
    });
    server.run_until_idle();
    LoginEvent neighbour{"2001:db8::77", "2001:db8::", Jid(), {}};
    LoginEvent stranger{"2001:db8:1::1", "2001:db8:1::", Jid(), {}};
    server.loops().at(0).run_here([&] {
        EXPECT_EQ(host.hooks.login_attempt.run(neighbour).kind(), Outcome::Kind::refuse);
        EXPECT_TRUE(host.hooks.login_attempt.run(stranger).passed());
    });
}

}  // namespace
}  // namespace rookery::test
