// Presence over whole streams: what the plays do not say, above all bounds and who learns nothing.
#include <gtest/gtest.h>

#include "tests/modules/contacts.h"
#include "tests/support/reload.h"

namespace rookery::test {
namespace {

constexpr const char* from_juliet = "<presence from='juliet@localhost/balcony'";

class PresenceTest : public testing::Test {
protected:
    PresenceTest() { befriend(server, "juliet@localhost", "romeo@localhost"); }

    TestClient online(std::string_view full_jid) {
        TestClient client(server, full_jid);
        client.become_available();
        return client;
    }

    TestServer server;
};

TEST_F(PresenceTest, FriendsSeeEachOtherWhoeverComesFirst) {
    TestClient romeo = online("romeo@localhost/orchard");
    TestClient juliet(server, "juliet@localhost/balcony");
    juliet.send("<presence><show>away</show></presence>");
    EXPECT_EQ(count_of(juliet.receive(), "<presence from='romeo@localhost/orchard' to='juliet@localhost/balcony'/>"), 1u);
    EXPECT_EQ(romeo.receive(), "<presence from='juliet@localhost/balcony' to='romeo@localhost'><show>away</show></presence>");
}

TEST_F(PresenceTest, OneDirectionIsOneDirection) {
    put_contact(server, "juliet@localhost", "romeo@localhost", Subscription::to);
    put_contact(server, "romeo@localhost", "juliet@localhost", Subscription::from);
    TestClient romeo = online("romeo@localhost/orchard");
    TestClient juliet(server, "juliet@localhost/balcony");
    juliet.send("<presence/>");
    EXPECT_TRUE(has(juliet.receive(), "<presence from='romeo@localhost/orchard'"));
    EXPECT_EQ(romeo.receive(), "");
}

TEST_F(PresenceTest, OwnResourcesSeeEachOther) {
    TestClient balcony = online("juliet@localhost/balcony");
    TestClient chamber(server, "juliet@localhost/chamber");
    chamber.send("<presence/>");
    const std::string came = chamber.receive();
    EXPECT_TRUE(has(came, "<presence from='juliet@localhost/chamber' to='juliet@localhost/chamber'/>")) << came;
    EXPECT_TRUE(has(came, "<presence from='juliet@localhost/balcony' to='juliet@localhost/chamber'/>")) << came;
    EXPECT_EQ(balcony.receive(), "<presence from='juliet@localhost/chamber' to='juliet@localhost/balcony'/>");
}

TEST_F(PresenceTest, LostConnectionIsTold) {
    TestClient juliet = online("juliet@localhost/balcony");
    TestClient romeo = online("romeo@localhost/orchard");
    juliet.drop();
    EXPECT_EQ(romeo.receive(), "<presence from='juliet@localhost/balcony' to='romeo@localhost' type='unavailable'/>");
}

TEST_F(PresenceTest, LateComerLearnsWhyAFriendLeft) {
    TestClient juliet = online("juliet@localhost/balcony");
    juliet.send("<presence type='unavailable'><status>asleep</status></presence>");
    juliet.leave();
    TestClient romeo(server, "romeo@localhost/orchard");
    romeo.send("<presence/>");
    EXPECT_TRUE(has(romeo.receive(), "<presence from='juliet@localhost' to='romeo@localhost/orchard' type='unavailable'>"
                                     "<status>asleep</status><delay xmlns='urn:xmpp:delay' from='juliet@localhost'"));
}

TEST_F(PresenceTest, LargeFarewellIsKeptWithoutItsContent) {
    TestClient juliet = online("juliet@localhost/balcony");
    juliet.send("<presence type='unavailable'><status>" + std::string(10'000, 'x') + "</status></presence>");
    juliet.leave();
    TestClient romeo(server, "romeo@localhost/orchard");
    romeo.send("<presence/>");
    EXPECT_TRUE(has(romeo.receive(), "<presence from='juliet@localhost' to='romeo@localhost/orchard' type='unavailable'>"
                                     "<delay "));
}

// --- the bounds (R13) ---------------------------------------------------------------------------------------------

TEST_F(PresenceTest, FloodIsThinnedAndTheLatestWins) {
    TestClient juliet = online("juliet@localhost/balcony");
    TestClient romeo = online("romeo@localhost/orchard");
    juliet.receive();
    for (int i = 1; i <= 1'000; ++i) juliet.send("<presence><status>" + std::to_string(i) + "</status></presence>");
    const std::string at_once = romeo.receive();
    EXPECT_EQ(count_of(at_once, from_juliet), 10u);
    EXPECT_TRUE(has(at_once, "<status>10</status>")) << at_once;
    ASSERT_TRUE(server.advance(Seconds(5)).ok());
    EXPECT_EQ(romeo.receive(), "<presence from='juliet@localhost/balcony' to='romeo@localhost'><status>1000</status></presence>");
}

TEST_F(PresenceTest, FloodOfComingAndGoingEndsInTheLatestToo) {
    TestClient juliet = online("juliet@localhost/balcony");
    TestClient romeo = online("romeo@localhost/orchard");
    for (int i = 0; i < 100; ++i) {
        juliet.send("<presence type='unavailable'/>");
        juliet.send("<presence/>");
    }
    juliet.send("<presence type='unavailable'/>");
    EXPECT_LE(count_of(romeo.receive(), from_juliet), 20u);
    ASSERT_TRUE(server.advance(Seconds(5)).ok());
    EXPECT_EQ(count_of(romeo.receive(), "type='unavailable'"), 1u);
}

// The presence that waits is the session's, not the module's.
TEST_F(PresenceTest, WhatWaitsOutlivesAReload) {
    TestClient juliet = online("juliet@localhost/balcony");
    TestClient romeo = online("romeo@localhost/orchard");
    for (int i = 0; i < 20; ++i) juliet.send("<presence/>");
    juliet.send("<presence><show>xa</show></presence>");
    romeo.receive();
    reload(server, "presence", Reload::changed);
    ASSERT_TRUE(server.advance(Seconds(5)).ok());
    EXPECT_TRUE(has(romeo.receive(), "<show>xa</show>"));
}

TEST_F(PresenceTest, WhatWaitsEndsWithTheSession) {
    TestClient juliet = online("juliet@localhost/balcony");
    TestClient romeo = online("romeo@localhost/orchard");
    for (int i = 0; i < 20; ++i) juliet.send("<presence/>");
    juliet.drop();
    romeo.receive();
    ASSERT_TRUE(server.advance(Seconds(5)).ok());
    EXPECT_EQ(romeo.receive(), "");
}

TEST_F(PresenceTest, DirectedPresenceIsBounded) {
    TestClient juliet = online("juliet@localhost/balcony");
    for (int i = 0; i < 1'000; ++i) juliet.send("<presence to='nobody" + std::to_string(i) + "@localhost'/>");
    EXPECT_EQ(juliet.receive(), "");
    juliet.send("<presence to='nobody0@localhost'><show>dnd</show></presence>");
    EXPECT_EQ(juliet.receive(), "");
    juliet.send("<presence to='one-too-many@localhost'/>");
    EXPECT_TRUE(has(juliet.receive(), "<resource-constraint "));
    juliet.send("<presence to='nobody0@localhost' type='unavailable'/>");
    juliet.send("<presence to='one-too-many@localhost'/>");
    EXPECT_EQ(juliet.receive(), "");
}

// --- who learns nothing (R16) -------------------------------------------------------------------------------------

TEST_F(PresenceTest, ProbesOfStrangersTellNothing) {
    TestClient juliet = online("juliet@localhost/balcony");
    TestClient tybalt = online("tybalt@localhost/street");
    for (const std::string to : {"juliet@localhost", "juliet@localhost/balcony", "nobody@localhost"}) {
        tybalt.send("<presence type='probe' to='" + to + "'/>");
        EXPECT_EQ(tybalt.receive(), "") << to;
    }
    EXPECT_EQ(juliet.receive(), "");
}

// The rosters disagree: who thinks he sees her is put right, and shown nothing.
TEST_F(PresenceTest, ProbeOfOneWhoDoesNotShareIsAnsweredUnsubscribed) {
    put_contact(server, "juliet@localhost", "romeo@localhost", Subscription::none);
    TestClient juliet = online("juliet@localhost/balcony");
    TestClient romeo(server, "romeo@localhost/orchard");
    romeo.send("<presence/>");
    EXPECT_FALSE(has(romeo.receive(), "juliet@localhost/balcony"));
    EXPECT_EQ(find_item(stored_roster(server, "romeo@localhost"), jid("juliet@localhost"))->subscription, Subscription::from);
}

TEST_F(PresenceTest, FriendMayProbe) {
    TestClient juliet = online("juliet@localhost/balcony");
    TestClient romeo(server, "romeo@localhost/orchard");
    romeo.send("<presence type='probe' to='juliet@localhost'/>");
    EXPECT_EQ(romeo.receive(), "<presence from='juliet@localhost/balcony' to='romeo@localhost/orchard'/>");
}

TEST_F(PresenceTest, BouncedDirectedPresenceIsNotTakenBack) {
    TestClient juliet = online("juliet@localhost/balcony");
    TestClient tybalt = online("tybalt@localhost/street");
    juliet.send("<presence to='tybalt@localhost/street'/>");
    tybalt.receive();
    tybalt.send("<presence type='error' to='juliet@localhost/balcony'/>");
    juliet.drop();
    EXPECT_EQ(tybalt.receive(), "");
}

// What an account knows of its subscribers follows its roster, also while that is not in memory.
TEST_F(PresenceTest, ProbesFollowTheRoster) {
    TestClient juliet = online("juliet@localhost/balcony");
    TestClient romeo = online("romeo@localhost/orchard");
    TestClient tybalt = online("tybalt@localhost/street");
    const auto sees_juliet = [](TestClient& client) {
        client.receive();
        client.send("<presence type='unavailable'/>");
        client.send("<presence/>");
        return has(client.receive(), from_juliet);
    };
    const auto forget = [this] { server.home("juliet@localhost").find_account("juliet@localhost")->forget_roster(); };
    forget();
    EXPECT_TRUE(sees_juliet(romeo));
    juliet.send("<presence type='unsubscribed' to='romeo@localhost'/>");
    tybalt.send("<presence type='subscribe' to='juliet@localhost'/>");
    juliet.send("<presence type='subscribed' to='tybalt@localhost'/>");
    forget();
    EXPECT_FALSE(sees_juliet(romeo));
    EXPECT_TRUE(sees_juliet(tybalt));
}

// RFC 6121 8.5.3.1.
TEST_F(PresenceTest, RequestsReachAResourceOnlyFromWhoMaySeeIt) {
    TestClient juliet = online("juliet@localhost/balcony");
    TestClient romeo = online("romeo@localhost/orchard");
    TestClient tybalt = online("tybalt@localhost/street");
    juliet.receive();
    const std::string request = "<iq type='get' id='q' to='juliet@localhost/balcony'><query xmlns='x'/></iq>";
    tybalt.send(request);
    const std::string refused = tybalt.receive();
    EXPECT_TRUE(has(refused, "<service-unavailable ")) << refused;
    EXPECT_EQ(juliet.receive(), "");
    romeo.send(request);
    EXPECT_TRUE(has(juliet.receive(), "<query xmlns='x'/>"));
    juliet.send("<presence to='tybalt@localhost/street'/>");
    tybalt.send(request);
    EXPECT_TRUE(has(juliet.receive(), "<query xmlns='x'/>"));
}

TEST_F(PresenceTest, BadPriorityIsRefused) {
    TestClient juliet(server, "juliet@localhost/balcony");
    for (const char* priority : {"128", "-129", "high", "", "1.5", " 1"}) {
        juliet.send("<presence id='p'><priority>" + std::string(priority) + "</priority></presence>");
        EXPECT_TRUE(has(juliet.receive(), "<bad-request ")) << priority;
    }
    juliet.send("<presence><priority>-128</priority></presence>");
    EXPECT_FALSE(has(juliet.receive(), "error"));
}

TEST_F(PresenceTest, AcrossDomainsAndShards) {
    TestServerOptions options;
    options.shards = 2;
    TestServer two(options);
    befriend(two, "juliet@localhost", "romeo@other.localhost");
    TestClient juliet(two, "juliet@localhost/balcony");
    juliet.become_available();
    TestClient romeo(two, "romeo@other.localhost/orchard");
    romeo.send("<presence/>");
    EXPECT_TRUE(has(romeo.receive(), "<presence from='juliet@localhost/balcony'"));
    EXPECT_TRUE(has(juliet.receive(), "<presence from='romeo@other.localhost/orchard'"));
    romeo.drop();
    EXPECT_TRUE(has(juliet.receive(), "type='unavailable'"));
}

}  // namespace
}  // namespace rookery::test
