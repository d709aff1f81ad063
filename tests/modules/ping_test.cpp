// XEP-0199 over whole streams, with the clock moved by hand.
#include <gtest/gtest.h>

#include "tests/modules/contacts.h"

namespace rookery::test {
namespace {

constexpr const char* ping = "<ping xmlns='urn:xmpp:ping'/>";

std::string ask(TestClient& client, const std::string& attributes) {
    client.send("<iq type='get' id='p'" + attributes + ">" + ping + "</iq>");
    return client.receive();
}

TEST(Ping, ServerAnswersForItselfAndTheAccount) {
    TestServer server;
    TestClient juliet(server, "juliet@localhost/balcony");
    for (const char* to : {"", " to='localhost'", " to='juliet@localhost'"})
        EXPECT_TRUE(has(ask(juliet, to), "id='p' type='result'/>")) << to;
}

TEST(Ping, OthersAccountsAreNotTold) {
    TestServer server;
    TestClient juliet(server, "juliet@localhost/balcony");
    TestClient romeo(server, "romeo@localhost/orchard");
    for (const char* to : {" to='romeo@localhost'", " to='nobody@localhost'"})
        EXPECT_TRUE(has(ask(juliet, to), "<service-unavailable ")) << to;
}

TEST(Ping, FriendsPingEachOther) {
    TestServer server;
    befriend(server, "juliet@localhost", "romeo@localhost");
    TestClient juliet(server, "juliet@localhost/balcony");
    TestClient romeo(server, "romeo@localhost/orchard");
    ask(juliet, " to='romeo@localhost/orchard'");
    EXPECT_TRUE(has(romeo.receive(), ping));
}

TEST(Ping, SilentClientsAreLeftAloneByDefault) {
    TestServer server;
    TestClient juliet(server, "juliet@localhost/balcony");
    ASSERT_TRUE(server.advance(std::chrono::hours(1)).ok());
    EXPECT_EQ(juliet.receive(), "");
}

class SilentClients : public testing::Test {
protected:
    static TestServerOptions options(const std::string& action) {
        TestServerOptions wanted;
        wanted.modules.emplace_back("ping", "send_pings: true\nping_interval: 60\nping_ack_timeout: 30\ntimeout_action: " + action);
        return wanted;
    }
    void pass(Duration time) { ASSERT_TRUE(server.advance(time).ok()); }

    TestServer server{options("kill")};
    TestClient juliet{server, "juliet@localhost/balcony"};
};

TEST_F(SilentClients, ArePingedOnce) {
    pass(Seconds(55));
    EXPECT_EQ(juliet.receive(), "");
    pass(Seconds(20));
    const std::string came = juliet.receive();
    EXPECT_EQ(count_of(came, ping), 1u) << came;
    EXPECT_TRUE(has(came, "<iq from='localhost' to='juliet@localhost/balcony' id='ping1' type='get'>")) << came;
}

TEST_F(SilentClients, AreClosedWhenTheyDoNotAnswer) {
    pass(Seconds(120));
    EXPECT_TRUE(has(juliet.receive(), "connection-timeout"));
    EXPECT_TRUE(juliet.closed());
}

TEST_F(SilentClients, StayWhenTheyAnswer) {
    for (int minute = 0; minute < 5; ++minute) {
        pass(Seconds(70));
        ASSERT_EQ(count_of(juliet.receive(), ping), 1u) << minute;
        juliet.send("<iq type='result' to='localhost' id='ping'/>");
    }
    EXPECT_FALSE(juliet.closed());
}

TEST_F(SilentClients, StayWhenAnythingComes) {
    pass(Seconds(70));
    juliet.receive();
    juliet.send(" ");
    pass(Seconds(40));
    EXPECT_FALSE(juliet.closed());
}

// Not by their fault: what they said waits in the kernel. The time counts from when it is read again.
TEST_F(SilentClients, StayWhileTheyAreNotRead) {
    FakeLoop& loop = server.loops().at(0);
    const SessionPtr session = server.home("juliet@localhost").find_account("juliet@localhost")->find_session("balcony");
    loop.run_here([&] { session->hold(); });
    juliet.send(" ");
    pass(Seconds(300));
    EXPECT_EQ(juliet.receive(), "");
    loop.run_here([&] { session->release(); });
    pass(Seconds(55));
    EXPECT_EQ(juliet.receive(), "");
    pass(Seconds(60));
    EXPECT_TRUE(has(juliet.receive(), "connection-timeout"));
}

TEST(SilentClient, StaysWhenThatIsTheAction) {
    TestServerOptions wanted;
    wanted.modules.emplace_back("ping", "send_pings: true\nping_interval: 60\nping_ack_timeout: 30");
    TestServer server(wanted);
    TestClient juliet(server, "juliet@localhost/balcony");
    ASSERT_TRUE(server.advance(std::chrono::minutes(10)).ok());
    EXPECT_GE(count_of(juliet.receive(), ping), 2u);
    EXPECT_FALSE(juliet.closed());
}

}  // namespace
}  // namespace rookery::test
