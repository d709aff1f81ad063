// A client logs in, binds, and two of them talk: the whole path in process.
#include <gtest/gtest.h>

#include "base/bytes.h"
#include "tests/support/test_server.h"

namespace rookery::test {
namespace {

const std::string header =
    "<?xml version='1.0'?><stream:stream to='localhost' version='1.0' xmlns='jabber:client' "
    "xmlns:stream='http://etherx.jabber.org/streams'>";

std::string read(Wire& wire) {
    std::string text;
    wire.receive(text, Milliseconds(0));
    return text;
}

std::string plain(const std::string& user, const std::string& password) {
    return "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>" +
           base64_encode(std::string("\0", 1) + user + std::string("\0", 1) + password) + "</auth>";
}

std::unique_ptr<Wire> log_in(TestServer& server, const std::string& user, const std::string& resource) {
    std::unique_ptr<Wire> wire = server.connect({});
    wire->send(header);
    EXPECT_NE(read(*wire).find("<mechanism>PLAIN</mechanism>"), std::string::npos);
    wire->send(plain(user, "secret"));
    EXPECT_NE(read(*wire).find("<success"), std::string::npos);
    wire->send(header);
    EXPECT_NE(read(*wire).find("xmpp-bind"), std::string::npos);
    wire->send("<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>" + resource +
               "</resource></bind></iq>");
    EXPECT_NE(read(*wire).find("<jid>" + user + "@localhost/" + resource + "</jid>"), std::string::npos);
    return wire;
}

class Login : public testing::TestWithParam<std::pair<unsigned, bool>> {
protected:
    TestServerOptions options() const {
        TestServerOptions wanted;
        wanted.shards = GetParam().first;
        wanted.dribble = GetParam().second;
        return wanted;
    }
};

TEST_P(Login, TwoClientsTalkByFullAddress) {
    TestServer server(options());
    ASSERT_TRUE(server.make_account("juliet", "localhost", "secret").ok());
    ASSERT_TRUE(server.make_account("romeo", "localhost", "secret").ok());
    const auto juliet = log_in(server, "juliet", "balcony");
    const auto romeo = log_in(server, "romeo", "orchard");
    juliet->send("<message to='romeo@localhost/orchard' type='headline' id='m1'><body>Wherefore &amp; why</body></message>");
    EXPECT_EQ(read(*romeo),
              "<message from='juliet@localhost/balcony' to='romeo@localhost/orchard' id='m1' type='headline'>"
              "<body>Wherefore &amp; why</body></message>");
}

// c2s/login_gate: the others wait, and who gave up meanwhile holds nobody up.
TEST_P(Login, ManyLogInWhileOneAtATimeAsksStorage) {
    TestServerOptions wanted = options();
    wanted.assembly.c2s.max_logins = 1;
    TestServer server(wanted);
    ASSERT_TRUE(server.make_account("juliet", "localhost", "secret").ok());
    std::vector<std::unique_ptr<Wire>> wires;
    for (int i = 0; i < 8; ++i) wires.push_back(server.connect({}));
    for (const auto& wire : wires) wire->send(header + plain("juliet", "secret"));
    wires[1].reset();
    wires[6].reset();
    std::erase(wires, nullptr);
    for (const auto& wire : wires) EXPECT_NE(read(*wire).find("<success"), std::string::npos);
    const std::string bind = "<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>";
    for (const auto& wire : wires) wire->send(header + bind);
    for (const auto& wire : wires) EXPECT_NE(read(*wire).find("<jid>juliet@localhost/"), std::string::npos);
}

TEST_P(Login, WrongPasswordFailsAndMayBeTriedAgain) {
    TestServer server(options());
    ASSERT_TRUE(server.make_account("juliet", "localhost", "secret").ok());
    std::unique_ptr<Wire> wire = server.connect({});
    wire->send(header);
    read(*wire);
    wire->send(plain("juliet", "wrong"));
    EXPECT_EQ(read(*wire), "<failure xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><not-authorized/></failure>");
    wire->send(plain("juliet", "secret"));
    EXPECT_NE(read(*wire).find("<success"), std::string::npos);
}

// RFC 6120 6.4.2 lets a second <auth/> discard the attempt before it, but not for ever.
TEST_P(Login, AttemptsBegunOverAndOverEndTheStream) {
    TestServer server(options());
    const auto wire = server.connect({});
    wire->send(header);
    read(*wire);
    const std::string begin = "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'/>";
    for (int i = 0; i < 10; ++i) {
        wire->send(begin);
        EXPECT_EQ(read(*wire), "<challenge xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>");
    }
    wire->send(begin);
    EXPECT_NE(read(*wire).find("policy-violation"), std::string::npos);
}

TEST_P(Login, SilenceEndsAfterTenSeconds) {
    TestServer server(options());
    std::unique_ptr<Wire> wire = server.connect({});
    ASSERT_TRUE(server.advance(Seconds(11)).ok());
    std::string text;
    wire->receive(text, Milliseconds(0));
    EXPECT_NE(text.find("connection-timeout"), std::string::npos) << text;
}

// T3: 30 seconds are for the whole login, wherever it goes on: TLS, SASL, the move to the account's shard, binding.
TEST_P(Login, TheTimeForTheLoginDoesNotStartAnewAfterSasl) {
    TestServer server(options());
    for (const std::string user : {"juliet", "romeo", "nurse"}) {  // at home on either shard
        ASSERT_TRUE(server.make_account(user, "localhost", "secret").ok());
        std::unique_ptr<Wire> wire = server.connect({});
        wire->send(header);
        ASSERT_TRUE(server.advance(Seconds(9)).ok());
        wire->send(" ");
        ASSERT_TRUE(server.advance(Seconds(9)).ok());
        wire->send(plain(user, "secret"));
        wire->send(header);
        EXPECT_NE(read(*wire).find("xmpp-bind"), std::string::npos);
        ASSERT_TRUE(server.advance(Seconds(9)).ok());
        wire->send(" ");
        EXPECT_EQ(read(*wire), "");
        ASSERT_TRUE(server.advance(Seconds(4)).ok());
        EXPECT_NE(read(*wire).find("connection-timeout"), std::string::npos);
    }
}

INSTANTIATE_TEST_SUITE_P(Ways, Login,
                         testing::Values(std::pair(1u, false), std::pair(1u, true), std::pair(2u, false)));

}  // namespace
}  // namespace rookery::test
