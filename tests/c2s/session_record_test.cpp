// Sessions that go on in another program: what of them goes with them, and records that make no sense. Every play is also
// acted with upgrades in between (tests/scenarios/in_process_test.cpp).
#include "c2s/session_record.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "c2s/session.h"
#include "tests/support/test_client.h"

namespace rookery::test {
namespace {

using testing::HasSubstr;
using testing::Not;

std::string chat(const std::string& to, const std::string& body) {
    return "<message type='chat' to='" + to + "'><body>" + body + "</body></message>";
}

class SessionRecord : public testing::TestWithParam<unsigned> {
protected:
    SessionRecord() : server(options()), juliet(server, "juliet@localhost/balcony"), romeo(server, "romeo@localhost/orchard") {}
    static TestServerOptions options() {
        TestServerOptions wanted;
        wanted.shards = GetParam();
        return wanted;
    }
    SessionPtr juliets() { return server.home("juliet@localhost").find_account("juliet@localhost")->find_session("balcony"); }

    TestServer server;
    TestClient juliet;
    TestClient romeo;
};

INSTANTIATE_TEST_SUITE_P(Shards, SessionRecord, testing::Values(1u, 3u));

TEST_P(SessionRecord, IsTheSameSession) {
    juliet.become_available();
    const std::uint64_t id = juliets()->id();
    const SessionOrigin origin = juliets()->origin();
    const WallTime since = juliets()->since();
    const std::uint32_t issued = juliets()->issued();
    ASSERT_TRUE(server.change_program());
    EXPECT_EQ(juliets()->id(), id);
    EXPECT_EQ(juliets()->origin().address, origin.address);
    EXPECT_EQ(juliets()->origin().mechanism, origin.mechanism);
    EXPECT_LT(juliets()->since() - since, Seconds(1));
    EXPECT_EQ(juliets()->issued(), issued);
    EXPECT_EQ(juliets()->settled(), issued);
    EXPECT_TRUE(juliets()->available());
}

TEST_P(SessionRecord, NewSessionsGetOtherIds) {
    ASSERT_TRUE(server.change_program());
    TestClient nurse(server, "nurse@localhost/chamber");
    const auto nurses = server.home("nurse@localhost").find_account("nurse@localhost")->find_session("chamber");
    EXPECT_NE(nurses->id(), juliets()->id());
}

TEST_P(SessionRecord, APartOfAStanzaIsNotLost) {
    const std::string whole = chat("juliet@localhost/balcony", "&lt;é&gt; <b xmlns='x:y' c='d'/>");
    for (std::size_t cut = 1; cut < whole.size(); cut += 7) {
        romeo.send(whole.substr(0, cut));
        ASSERT_TRUE(server.change_program());
        romeo.send(whole.substr(cut));
        EXPECT_THAT(juliet.receive(), HasSubstr("é")) << cut;
    }
}

TEST_P(SessionRecord, AVeryLongStanzaIsReadToItsEndFirst) {
    const std::string whole = chat("juliet@localhost/balcony", std::string(200'000, 'x') + "end");
    romeo.send(whole.substr(0, 150'000));
    EXPECT_FALSE(server.change_program());
    romeo.send(whole.substr(150'000));
    ASSERT_TRUE(server.change_program());
    EXPECT_THAT(juliet.receive(), HasSubstr("xend"));
}

TEST_P(SessionRecord, WhatWasNotAcknowledgedStaysSo) {
    juliet.become_available();
    juliet.ask("<enable xmlns='urn:xmpp:sm:3' resume='true'/>");
    romeo.send(chat("juliet@localhost", "one"));
    EXPECT_THAT(juliet.receive(), HasSubstr("one"));
    ASSERT_TRUE(server.change_program());
    const auto& session = static_cast<C2sSession&>(*juliets());
    EXPECT_EQ(session.sent(), 1u);
    EXPECT_EQ(session.acknowledged(), 0u);
    EXPECT_THAT(juliet.receive(), Not(HasSubstr("one"))) << "it was sent already";
    juliet.send("<a xmlns='urn:xmpp:sm:3' h='1'/>");
    EXPECT_EQ(session.acknowledged(), 1u);
    EXPECT_FALSE(juliet.closed());
}

TEST_P(SessionRecord, AQuestionThatIsOpenMustBeAnsweredInTime) {
    juliet.become_available();
    juliet.ask("<enable xmlns='urn:xmpp:sm:3' resume='true'/>");
    romeo.send(chat("juliet@localhost", "one"));
    EXPECT_THAT(juliet.receive(), HasSubstr("<r "));
    ASSERT_TRUE(server.change_program());
    (void)server.advance(Seconds(300));
    EXPECT_THAT(juliet.receive(), HasSubstr("connection-timeout"));
}

TEST_P(SessionRecord, WhoIsAwayIsWaitedForAsLongAsBefore) {
    juliet.ask("<enable xmlns='urn:xmpp:sm:3' resume='true' max='100'/>");
    juliet.drop();
    (void)server.advance(Seconds(60));
    ASSERT_TRUE(server.change_program());
    ASSERT_TRUE(juliets());
    EXPECT_TRUE(static_cast<C2sSession&>(*juliets()).hibernating());
    (void)server.advance(Seconds(30));
    EXPECT_TRUE(juliets());
    (void)server.advance(Seconds(12));
    EXPECT_FALSE(juliets());
}

TEST_P(SessionRecord, WhoHasNotLoggedInIsSentAway) {
    TestClient stranger = TestClient::stranger(server);
    ASSERT_TRUE(server.change_program());
    EXPECT_THAT(stranger.receive(), HasSubstr("system-shutdown"));
    EXPECT_TRUE(stranger.closed());
}

// Each record of a real session, cut short and with each of its bytes changed: an answer, and no harm.
TEST_P(SessionRecord, MalformedOnesAreRefused) {
    juliet.become_available();
    juliet.ask("<enable xmlns='urn:xmpp:sm:3' resume='true'/>");
    romeo.send(chat("juliet@localhost", "one"));
    const unsigned home = server.assembly().shards().home_of("juliet@localhost");
    SavedClients saved;
    server.loops().at(home).run_here([&] { saved = save_clients(server.assembly().c2s(home)); });
    TestServer other(options());
    ClientRestoring restoring{[](std::string_view) { return nullptr; }, [](int, RecordReader&, Seconds) { return nullptr; }};
    const auto restores = [&](std::string_view bytes) {
        bool restored = false;
        other.loops().at(home).run_here([&] {
            RecordReader record(bytes);
            restored = address_of(record) && restore_session(other.assembly().c2s(home), record, -1, restoring);
        });
        return restored;
    };
    for (const SavedSession& session : saved.sessions) {
        if (RecordReader(session.record).text(1) != "juliet@localhost/balcony") continue;
        std::string bytes(session.record);
        EXPECT_FALSE(restores(bytes.substr(0, bytes.size() - 1)));
        for (std::size_t i = bytes.find('\0'); i < bytes.size(); i += 3) {
            std::string changed = bytes;
            changed[i] = static_cast<char>(changed[i] ^ 0x55);
            // The home of a changed address may be another shard: those are the server's to sort out.
            RecordReader record(changed);
            const auto address = address_of(record);
            if (address && other.assembly().shards().home_of(address->bare_str()) == home) (void)restores(changed);
        }
    }
}

}  // namespace
}  // namespace rookery::test
