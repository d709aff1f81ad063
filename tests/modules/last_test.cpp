// XEP-0012 over whole streams.
#include <gtest/gtest.h>

#include "tests/modules/contacts.h"

namespace rookery::test {
namespace {

class LastTest : public testing::Test {
protected:
    LastTest() { befriend(server, "juliet@localhost", "romeo@localhost"); }

    static std::string ask(TestClient& client, const std::string& to) {
        client.send("<iq type='get' id='l' to='" + to + "'><query xmlns='jabber:iq:last'/></iq>");
        return client.receive();
    }
    void pass(Duration time) { ASSERT_TRUE(server.advance(time).ok()); }

    TestServer server;
};

TEST_F(LastTest, ServerTellsItsUptime) {
    TestClient romeo(server, "romeo@localhost/orchard");
    pass(std::chrono::hours(1));
    EXPECT_TRUE(has(ask(romeo, "localhost"), "<query xmlns='jabber:iq:last' seconds='3600'/>"));
}

TEST_F(LastTest, FriendIsToldHowLongAndWhy) {
    TestClient juliet(server, "juliet@localhost/balcony");
    juliet.become_available();
    juliet.send("<presence type='unavailable'><status>Heading Home</status></presence>");
    juliet.leave();
    pass(Seconds(903));
    TestClient romeo(server, "romeo@localhost/orchard");
    EXPECT_TRUE(has(ask(romeo, "juliet@localhost"), "<query xmlns='jabber:iq:last' seconds='903'>Heading Home</query>"));
}

TEST_F(LastTest, ConnectedIsZero) {
    TestClient juliet(server, "juliet@localhost/balcony");
    TestClient romeo(server, "romeo@localhost/orchard");
    pass(Seconds(60));
    EXPECT_TRUE(has(ask(romeo, "juliet@localhost"), "seconds='0'/>"));
}

TEST_F(LastTest, OnlyTheLastSessionCounts) {
    TestClient romeo(server, "romeo@localhost/orchard");
    {
        TestClient balcony(server, "juliet@localhost/balcony");
        TestClient chamber(server, "juliet@localhost/chamber");
        balcony.drop();
        pass(Seconds(100));
        EXPECT_TRUE(has(ask(romeo, "juliet@localhost"), "seconds='0'/>"));
    }
    pass(Seconds(10));
    EXPECT_TRUE(has(ask(romeo, "juliet@localhost"), "seconds='10'/>"));
}

TEST_F(LastTest, OldFarewellIsNotRepeated) {
    TestClient juliet(server, "juliet@localhost/balcony");
    juliet.become_available();
    juliet.send("<presence type='unavailable'><status>brb</status></presence>");
    juliet.become_available();
    juliet.drop();
    TestClient romeo(server, "romeo@localhost/orchard");
    EXPECT_TRUE(has(ask(romeo, "juliet@localhost"), "seconds='0'/>"));
}

TEST_F(LastTest, NeverSeenIsNotFound) {
    TestClient romeo(server, "romeo@localhost/orchard");
    EXPECT_TRUE(has(ask(romeo, "juliet@localhost"), "<item-not-found "));
}

TEST_F(LastTest, OneselfMayAsk) {
    TestClient juliet(server, "juliet@localhost/balcony");
    juliet.send("<iq type='get' id='l'><query xmlns='jabber:iq:last'/></iq>");
    EXPECT_TRUE(has(juliet.receive(), "seconds='0'/>"));
}

// Nobody else learns anything, not even who exists.
TEST_F(LastTest, StrangersAreForbiddenWhoeverTheyAskFor) {
    TestClient juliet(server, "juliet@localhost/balcony");
    TestClient tybalt(server, "tybalt@localhost/street");
    const std::string yes = ask(tybalt, "juliet@localhost");
    EXPECT_TRUE(has(yes, "<forbidden ")) << yes;
    for (const std::string to : {"juliet@localhost/balcony", "juliet@localhost/nowhere", "nobody@localhost",
                                 "nobody@localhost/x", "romeo@localhost"}) {
        EXPECT_TRUE(has(ask(tybalt, to), "<forbidden ")) << to;
    }
    EXPECT_EQ(juliet.receive(), "");
}

TEST_F(LastTest, FriendsRequestReachesAResource) {
    TestClient juliet(server, "juliet@localhost/balcony");
    TestClient romeo(server, "romeo@localhost/orchard");
    EXPECT_EQ(ask(romeo, "juliet@localhost/balcony"), "");
    EXPECT_TRUE(has(juliet.receive(), "jabber:iq:last"));
}

TEST_F(LastTest, Commands) {
    const Value::Object juliet{{"user", "juliet"}, {"host", "localhost"}};
    EXPECT_FALSE(server.run_command("get_last", juliet).ok());
    ASSERT_TRUE(server.run_command("set_last", {{"user", "juliet"}, {"host", "localhost"}, {"timestamp", 1'000'000'000},
                                                {"status", "away"}}).ok());
    for (const std::int64_t never : {std::int64_t{-1}, std::int64_t{32'503'680'000}, std::int64_t{INT64_MAX}})
        EXPECT_EQ(server.run_command("set_last", {{"user", "juliet"}, {"host", "localhost"}, {"timestamp", never},
                                                  {"status", ""}}).error().code, ErrorCode::invalid) << never;
    Result<Value> last = server.run_command("get_last", juliet);
    ASSERT_TRUE(last.ok());
    EXPECT_EQ((*last)["timestamp"], Value("2001-09-09T01:46:40Z"));
    EXPECT_EQ((*last)["status"], Value("away"));
    TestClient here(server, "juliet@localhost/balcony");
    EXPECT_EQ(server.run_command("get_last", juliet).value()["status"], Value("ONLINE"));
    EXPECT_FALSE(server.run_command("get_last", {{"user", "juliet"}, {"host", "example.net"}}).ok());
}

}  // namespace
}  // namespace rookery::test
