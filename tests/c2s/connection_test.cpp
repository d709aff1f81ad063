// What a connection waits for, and how far behind its client may fall.
#include "c2s/connection.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/modules/contacts.h"
#include "tests/support/test_client.h"

namespace rookery::test {
namespace {

using testing::HasSubstr;

struct TwoShards {
    static TestServerOptions options() {
        TestServerOptions wanted;
        wanted.shards = 2;
        return wanted;
    }
    // An account that lives on the other shard.
    std::string elsewhere(unsigned here) {
        for (int i = 0;; ++i) {
            const std::string bare = "nobody" + std::to_string(i) + "@localhost";
            if (server.assembly().shards().home_of(bare) != here) return bare;
        }
    }
    void fill_ring(Shard& shard) {
        const Jid to = jid(elsewhere(shard.index()));
        while (!shard.congested()) {
            Stanza news = Stanza::presence(PresenceType::available, to);
            news.from = jid("juliet@localhost/balcony");
            shard.router().send(std::move(news));
        }
    }

    TestServer server{options()};
};

// First something of its own was waited for, and when that came the ring to the other shard was full.
TEST(Connection, GoesOnAfterTwoWaitsInARow) {
    TwoShards play;
    TestClient juliet(play.server, "juliet@localhost/balcony");
    Shard& home = play.server.home("juliet@localhost");
    FakeLoop& loop = play.server.loops().at(home.index());
    const SessionPtr session = home.find_account("juliet@localhost")->find_session("balcony");
    loop.run_here([&] { session->hold(); });
    EXPECT_EQ(juliet.ask("<iq type='get' id='p' to='localhost'><ping xmlns='urn:xmpp:ping'/></iq>"), "");
    loop.run_here([&] {
        session->release();
        play.fill_ring(home);
    });
    loop.turn();
    EXPECT_THAT(juliet.receive(), HasSubstr("id='p'"));
}

// What the stream answers by itself counts like what others send. It reads on as soon as the client does.
TEST(Connection, AClientThatReadsNothingMayNotAskForEver) {
    TestServer server;
    TestClient juliet(server, "juliet@localhost/balcony");
    juliet.stall();
    const std::string one = "<iq type='set' id='" + std::string(1'000, 'x') +
                            "'><session xmlns='urn:ietf:params:xml:ns:xmpp-session'/></iq>";
    std::string hundred;
    for (int i = 0; i < 100; ++i) hundred += one;
    for (int i = 0; i < 20; ++i) juliet.send(hundred);  // 2 MB of answers
    std::string got = juliet.receive();
    EXPECT_LT(got.size(), 1u << 20);
    for (std::string more = juliet.receive(); !more.empty(); more = juliet.receive()) got += more;
    EXPECT_EQ(count_of(got, "type='result'"), 2'000u);
    EXPECT_FALSE(juliet.closed());
}

// Who writes to a slow reader is slowed; nothing is lost while the reader goes on reading.
TEST(Connection, SendersAreAsFastAsTheirReader) {
    TwoShards play;
    TestClient juliet(play.server, "juliet@localhost/balcony");
    for (const std::string& other : {std::string("juliet@localhost"), play.elsewhere(play.server.home("juliet@localhost").index())}) {
        TestClient reader(play.server, other + "/reader");
        reader.become_available();
        reader.stall();
        const std::string one = "<message type='chat' to='" + other + "/reader'><body>" + std::string(1'000, 'x') + "</body></message>";
        std::string hundred;
        for (int i = 0; i < 100; ++i) hundred += one;
        for (int i = 0; i < 20; ++i) juliet.send(hundred);
        std::string got = reader.receive();
        EXPECT_LT(got.size(), 1u << 20) << other;
        for (std::string more = reader.receive(); !more.empty(); more = reader.receive()) got += more;
        EXPECT_EQ(count_of(got, "<body>"), 2'000u) << other;
        EXPECT_FALSE(reader.closed()) << other;
    }
}

TEST(Connection, ASenderDoesNotWaitForEverForOneWhoDoesNotRead) {
    TestServer server;
    TestClient juliet(server, "juliet@localhost/balcony");
    TestClient reader(server, "romeo@localhost/reader");
    reader.become_available();
    reader.stall();
    const std::string one = "<message type='chat' to='romeo@localhost/reader'><body>" + std::string(1'000, 'x') + "</body></message>";
    for (int i = 0; i < 6'000; ++i) juliet.send(one);
    EXPECT_EQ(juliet.ask("<iq type='get' id='p'><ping xmlns='urn:xmpp:ping'/></iq>"), "");
    ASSERT_TRUE(server.advance(Seconds(3)));
    EXPECT_THAT(juliet.receive(), HasSubstr("id='p'"));
    EXPECT_FALSE(server.home("romeo@localhost").find_account("romeo@localhost")->find_session("reader"));
}

// Only what waits already counts: else nobody with a large roster could log in.
TEST(Connection, OneAnswerMayBeLargerThanTheLimit) {
    TestServer server;
    ASSERT_TRUE(server.make_account("juliet", "localhost", "secret").ok());
    for (int i = 0; i < 270; ++i) {
        RosterItem item(jid("friend" + std::to_string(i) + "@other.localhost"));
        item.name = std::string(20'000, 'n');
        ASSERT_TRUE(server.wait(server.storage().stores().roster.put(jid("juliet@localhost"), item, 10'000)).ok());
    }
    TestClient juliet(server, "juliet@localhost/balcony");
    const std::string roster = juliet.ask("<iq type='get' id='r'><query xmlns='jabber:iq:roster'/></iq>");
    EXPECT_GT(roster.size(), 5u << 20);
    EXPECT_THAT(roster.substr(roster.size() - 20), HasSubstr("</iq>"));
    EXPECT_THAT(juliet.ask("<iq type='get' id='p'><ping xmlns='urn:xmpp:ping'/></iq>"), HasSubstr("id='p'"));
}

}  // namespace
}  // namespace rookery::test
