// O7: the wall clock is set to another day while the server runs. What has passed is counted by another clock, so nobody
// is timed out; and the order of an archive is that in which messages came, whatever their time says.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/modules/contacts.h"
#include "tests/support/text_between.h"

namespace rookery::test {
namespace {

using testing::ElementsAreArray;
using testing::HasSubstr;

using Texts = std::vector<std::string>;

const std::string enable = "<enable xmlns='urn:xmpp:sm:3' resume='true'/>";

std::string chat(std::string_view body) {
    return "<message to='romeo@localhost' type='chat'><body>" + std::string(body) + "</body></message>";
}

// How far the clock is set back each time.
class ClockJumps : public testing::TestWithParam<Seconds> {
protected:
    ClockJumps() : server({.modules = {{"mam", "default: always"}}}) {}

    void say(TestClient& juliet, const std::string& body) {
        said.push_back(body);
        juliet.send(chat(body));
        server.run_until_idle();
    }
    void jump() {
        server.loops().clock().set_back(GetParam());
        server.loops().advance(Milliseconds(10));
    }
    // Bodies in the order of the archive, whose ids ascend.
    Texts archived(TestClient& client) {
        client.send("<iq type='set' id='q'><query xmlns='urn:xmpp:mam:2' queryid='f'/></iq>");
        server.run_until_idle();
        const std::string answer = client.receive();
        const Texts ids = all_between(answer, "queryid='f' id='", "'");
        EXPECT_TRUE(std::ranges::is_sorted(ids)) << answer;
        EXPECT_EQ(ids.size(), said.size());
        return all_between(answer, "<body>", "</body>");
    }

    TestServer server;
    Texts said;
};

TEST_P(ClockJumps, TheArchiveKeepsItsOrder) {
    TestClient juliet(server, "juliet@localhost/balcony");
    TestClient romeo(server, "romeo@localhost/orchard");
    romeo.become_available();
    say(juliet, "before");
    jump();
    say(juliet, "after the first jump");
    server.loops().advance(Seconds(2));
    jump();
    say(juliet, "after the second");
    EXPECT_THAT(all_between(romeo.receive(), "<body>", "</body>"), ElementsAreArray(said));
    EXPECT_THAT(archived(romeo), ElementsAreArray(said));
    EXPECT_THAT(archived(juliet), ElementsAreArray(said));
}

// Ids made before the restart are known to the next process only from the database.
TEST_P(ClockJumps, AlsoOverARestart) {
    {
        TestClient juliet(server, "juliet@localhost/balcony");
        TestClient romeo(server, "romeo@localhost/orchard");
        say(juliet, "before");
    }
    jump();
    server.restart();
    TestClient juliet(server, "juliet@localhost/balcony");
    say(juliet, "after");
    TestClient romeo(server, "romeo@localhost/orchard");
    romeo.become_available();
    EXPECT_THAT(archived(romeo), ElementsAreArray(said));
}

TEST_P(ClockJumps, NobodyIsTimedOut) {
    TestClient juliet(server, "juliet@localhost/balcony");
    TestClient romeo(server, "romeo@localhost/orchard");
    const std::string enabled = romeo.ask(enable);
    const Texts ids = all_between(enabled, " id='", "'");
    ASSERT_EQ(ids.size(), 1u) << enabled;
    romeo.drop();
    jump();
    server.loops().advance(Seconds(60));
    EXPECT_FALSE(juliet.closed());
    EXPECT_THAT(juliet.ask("<iq type='get' id='p' to='localhost'><ping xmlns='urn:xmpp:ping'/></iq>"), HasSubstr("type='result'"));
    TestClient back = TestClient::logged_in(server, "romeo@localhost");
    EXPECT_THAT(back.ask("<resume xmlns='urn:xmpp:sm:3' previd='" + ids[0] + "' h='0'/>"), HasSubstr("<resumed "));
}

// The session's patience is 300 s, as before.
TEST_P(ClockJumps, NorWaitedForLonger) {
    TestClient romeo(server, "romeo@localhost/orchard");
    const Texts ids = all_between(romeo.ask(enable), " id='", "'");
    romeo.drop();
    jump();
    server.loops().advance(Seconds(310));
    TestClient back = TestClient::logged_in(server, "romeo@localhost");
    EXPECT_THAT(back.ask("<resume xmlns='urn:xmpp:sm:3' previd='" + ids.at(0) + "' h='0'/>"), HasSubstr("<failed "));
}

// What waits for a user below a message that has been received already would never be handed out.
TEST_P(ClockJumps, WhatComesAfterwardsIsDelivered) {
    TestClient juliet(server, "juliet@localhost/balcony");
    {
        TestClient romeo(server, "romeo@localhost/orchard");
        romeo.become_available();
        romeo.send(enable);
        say(juliet, "received");
        romeo.send("<a xmlns='urn:xmpp:sm:3' h='1'/>");
        server.loops().advance(Seconds(2));
        romeo.leave();
    }
    server.run_until_idle();
    jump();
    say(juliet, "waits");
    server.loops().advance(Seconds(2));
    TestClient romeo(server, "romeo@localhost/garden");
    romeo.send("<presence/>");
    server.run_until_idle();
    EXPECT_THAT(all_between(romeo.receive(), "<body>", "</body>"), testing::ElementsAre("waits"));
}

INSTANTIATE_TEST_SUITE_P(ToAnotherDay, ClockJumps, testing::Values(Seconds(86'400), Seconds(-86'400), Seconds(1), Seconds(-1)));

}  // namespace
}  // namespace rookery::test
