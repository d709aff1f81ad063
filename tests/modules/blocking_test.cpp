// XEP-0191 over whole streams.
#include <gtest/gtest.h>

#include "tests/modules/contacts.h"

namespace rookery::test {
namespace {

class BlockingTest : public testing::Test {
protected:
    BlockingTest() {
        befriend(server, "juliet@localhost", "romeo@localhost");
        juliet = std::make_unique<TestClient>(server, "juliet@localhost/balcony");
        romeo = std::make_unique<TestClient>(server, "romeo@localhost/orchard");
        juliet->become_available();
        romeo->become_available();
        juliet->receive();
    }

    static std::string ask(TestClient& client, const std::string& stanza) {
        client.send(stanza);
        return client.receive();
    }
    static std::string command(TestClient& client, const std::string& verb, const std::string& items) {
        return ask(client, "<iq type='set' id='c'><" + verb + " xmlns='urn:xmpp:blocking'>" + items + "</" + verb + "></iq>");
    }
    static std::string item(const std::string& jid) { return "<item jid='" + jid + "'/>"; }
    std::string block(const std::string& jid) { return command(*juliet, "block", item(jid)); }
    std::string unblock(const std::string& jid) { return command(*juliet, "unblock", item(jid)); }
    std::string list(TestClient& client) {
        return ask(client, "<iq type='get' id='l'><blocklist xmlns='urn:xmpp:blocking'/></iq>");
    }
    static void expect_error(const std::string& answer, std::string_view condition) {
        EXPECT_TRUE(has(answer, "type='error'") && has(answer, "<" + std::string(condition) + " ")) << answer;
    }

    TestServer server;
    std::unique_ptr<TestClient> juliet;
    std::unique_ptr<TestClient> romeo;
};

TEST_F(BlockingTest, ListIsEmptyAtFirst) {
    EXPECT_TRUE(has(list(*juliet), "<blocklist xmlns='urn:xmpp:blocking'/>"));
}

TEST_F(BlockingTest, ListSurvivesALogin) {
    block("romeo@localhost");
    block("example.net");
    juliet->leave();
    TestClient chamber(server, "juliet@localhost/chamber");
    EXPECT_TRUE(has(list(chamber), "<blocklist xmlns='urn:xmpp:blocking'><item jid='example.net'/>"
                                   "<item jid='romeo@localhost'/></blocklist>"));
}

TEST_F(BlockingTest, BlockedIsRefusedAsIfNobodyWasThere) {
    block("romeo@localhost");
    romeo->receive();
    expect_error(ask(*romeo, "<message to='juliet@localhost' type='chat' id='m'><body>Juliet!</body></message>"),
                 "service-unavailable");
    expect_error(ask(*romeo, "<iq to='juliet@localhost/balcony' type='get' id='i'><query xmlns='x'/></iq>"),
                 "service-unavailable");
    for (const char* quiet : {"<iq to='juliet@localhost/balcony' type='result' id='i'/>",
                              "<presence to='juliet@localhost'/>", "<presence to='juliet@localhost' type='probe'/>",
                              "<presence to='juliet@localhost' type='subscribe'/>",
                              "<message to='juliet@localhost/balcony' type='error' id='e'/>"})
        EXPECT_EQ(ask(*romeo, quiet), "") << quiet;
    EXPECT_EQ(juliet->receive(), "");
}

TEST_F(BlockingTest, OneCannotWriteToWhomOneBlocks) {
    block("romeo@localhost");
    romeo->receive();
    const std::string refused = ask(*juliet, "<message to='romeo@localhost' type='chat' id='m'><body>hm</body></message>");
    expect_error(refused, "not-acceptable");
    EXPECT_TRUE(has(refused, "<error type='cancel'>")) << refused;
    EXPECT_TRUE(has(refused, "<blocked xmlns='urn:xmpp:blocking:errors'/>")) << refused;
    expect_error(ask(*juliet, "<presence to='romeo@localhost'/>"), "not-acceptable");
    expect_error(ask(*juliet, "<iq to='romeo@localhost/orchard' type='get' id='i'><query xmlns='x'/></iq>"), "not-acceptable");
    EXPECT_EQ(romeo->receive(), "");
}

TEST_F(BlockingTest, PresenceGoesAwayAndComesBack) {
    block("romeo@localhost");
    EXPECT_EQ(romeo->receive(), "<presence from='juliet@localhost/balcony' to='romeo@localhost' type='unavailable'/>");
    juliet->send("<presence><show>away</show></presence>");
    EXPECT_EQ(romeo->receive(), "");
    romeo->send("<presence><show>xa</show></presence>");
    EXPECT_FALSE(has(juliet->receive(), "romeo"));
    const std::string seen = unblock("romeo@localhost");
    EXPECT_TRUE(has(seen, "<presence from='romeo@localhost/orchard' to='juliet@localhost/balcony'><show>xa</show>")) << seen;
    EXPECT_TRUE(has(romeo->receive(), "<presence from='juliet@localhost/balcony' to='romeo@localhost'><show>away</show>"));
}

TEST_F(BlockingTest, BlockedTwiceIsToldOnce) {
    block("romeo@localhost");
    romeo->receive();
    block("localhost");
    EXPECT_EQ(romeo->receive(), "");
    unblock("romeo@localhost");
    EXPECT_EQ(romeo->receive(), "");
    unblock("localhost");
    EXPECT_TRUE(has(romeo->receive(), "<presence from='juliet@localhost/balcony'"));
}

TEST_F(BlockingTest, OneResourceOfAContact) {
    block("romeo@localhost/orchard");
    EXPECT_TRUE(has(romeo->receive(), "type='unavailable'"));
    TestClient home(server, "romeo@localhost/home");
    home.send("<message to='juliet@localhost' type='chat'><body>from home</body></message>");
    EXPECT_TRUE(has(juliet->receive(), "from home"));
    expect_error(ask(*romeo, "<message to='juliet@localhost' type='chat'><body>from here</body></message>"),
                 "service-unavailable");
}

TEST_F(BlockingTest, OnesOwnResourcesAndServerAreNeverBlocked) {
    TestClient chamber(server, "juliet@localhost/chamber");
    command(*juliet, "block", item("localhost") + item("juliet@localhost"));
    juliet->send("<message to='juliet@localhost/chamber' type='chat'><body>note</body></message>");
    EXPECT_TRUE(has(chamber.receive(), "note"));
    EXPECT_TRUE(has(ask(*juliet, "<iq to='localhost' type='get' id='p'><ping xmlns='urn:xmpp:ping'/></iq>"), "type='result'"));
}

TEST_F(BlockingTest, PushesGoToResourcesThatAskedForTheList) {
    TestClient chamber(server, "juliet@localhost/chamber");
    list(*juliet);
    const std::string pushed = block("romeo@localhost");
    EXPECT_TRUE(has(pushed, "type='set'><block xmlns='urn:xmpp:blocking'><item jid='romeo@localhost'/></block></iq>")) << pushed;
    EXPECT_EQ(chamber.receive(), "");
    list(chamber);
    command(*juliet, "unblock", "");
    EXPECT_TRUE(has(chamber.receive(), "<unblock xmlns='urn:xmpp:blocking'/>"));
    EXPECT_TRUE(has(list(*juliet), "<blocklist xmlns='urn:xmpp:blocking'/>"));
}

TEST_F(BlockingTest, BadCommandsAreRefused) {
    expect_error(command(*juliet, "block", ""), "bad-request");
    expect_error(command(*juliet, "block", "<item/>"), "bad-request");
    expect_error(block("@"), "jid-malformed");
    expect_error(ask(*romeo, "<iq to='juliet@localhost' type='get' id='l'><blocklist xmlns='urn:xmpp:blocking'/></iq>"),
                 "service-unavailable");
    EXPECT_TRUE(has(list(*juliet), "<blocklist xmlns='urn:xmpp:blocking'/>"));
}

TEST_F(BlockingTest, ListIsBounded) {
    std::string items;
    for (int i = 0; i < 2'500; ++i) items += item("u" + std::to_string(i) + "@x");
    for (int part = 0; part < 4; ++part) {
        std::string here = items;
        for (std::size_t at = 0; (at = here.find("@x", at)) != std::string::npos; at += 3)
            here.replace(at, 2, "@" + std::string(1, static_cast<char>('a' + part)));
        EXPECT_TRUE(has(command(*juliet, "block", here), "type='result'"));
    }
    expect_error(block("one-too-many@localhost"), "resource-constraint");
    EXPECT_TRUE(has(unblock("u0@a"), "type='result'"));
    EXPECT_TRUE(has(block("fits@localhost"), "type='result'"));
}

// R18: a room's invitation in the name of somebody who is blocked.
TEST_F(BlockingTest, InvitationsOfTheBlockedStayOut) {
    block("romeo@localhost");
    TestClient room(server, "room@other.localhost/x");
    const auto invite = [&room](const std::string& by) {
        room.send("<message to='juliet@localhost'><x xmlns='http://jabber.org/protocol/muc#user'><invite from='" + by +
                  "'/></x></message>");
    };
    invite("romeo@localhost/orchard");
    EXPECT_EQ(juliet->receive(), "");
    invite("nurse@localhost");
    EXPECT_TRUE(has(juliet->receive(), "nurse@localhost"));
}

TEST_F(BlockingTest, TheOfflineAreProtectedToo) {
    block("romeo@localhost");
    juliet->leave();
    romeo->receive();
    expect_error(ask(*romeo, "<message to='juliet@localhost' type='chat'><body>later</body></message>"), "service-unavailable");
}

}  // namespace
}  // namespace rookery::test
