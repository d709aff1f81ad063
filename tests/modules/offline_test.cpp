// What the plays in tests/scenarios/offline do not show: bounds in bytes, failures, slow and lost connections, and
// what arrives while the old messages are on their way.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/log.h"
#include "tests/modules/contacts.h"
#include "tests/support/test_client.h"

namespace rookery::test {
namespace {

using testing::HasSubstr;
using testing::Not;

TestServerOptions with(const std::string& yaml) {
    TestServerOptions options;
    options.config_yaml = yaml;
    return options;
}

std::string chat(std::string_view body) {
    return "<message to='romeo@localhost' type='chat' id='m'><body>" + std::string(body) + "</body></message>";
}

std::vector<std::string> bodies(const std::string& text) {
    std::vector<std::string> found;
    for (auto at = text.find("<body>"); at != std::string::npos; at = text.find("<body>", at + 1))
        found.push_back(text.substr(at + 6, text.find("</body>", at) - at - 6));
    return found;
}

struct Offline {
    explicit Offline(TestServerOptions options = {}) : server(std::move(options)) {
        (void)server.make_account("romeo", "localhost", "secret");
        juliet = std::make_unique<TestClient>(server, "juliet@localhost/balcony");
    }
    std::uint64_t waiting() {
        if (!server.advance(Seconds(2))) ADD_FAILURE();
        return server.wait(server.storage().stores().log.load_delivery(jid("romeo@localhost"))).value().messages;
    }
    // What romeo gets with his first presence.
    std::string arrival(TestClient& romeo) { return romeo.ask("<presence/>"); }

    TestServer server;
    std::unique_ptr<TestClient> juliet;
};

TEST(OfflineMessages, MoreThanASliceComeInOrderAndAreGoneThen) {
    Offline play;
    std::vector<std::string> sent;
    for (int i = 0; i < 250; ++i) {
        sent.push_back(std::to_string(i));
        EXPECT_EQ(play.juliet->ask(chat(sent.back())), "");
    }
    EXPECT_EQ(play.waiting(), 250u);
    TestClient romeo(play.server, "romeo@localhost/orchard");
    EXPECT_EQ(bodies(play.arrival(romeo)), sent);
    EXPECT_EQ(play.waiting(), 0u);
}

TEST(OfflineMessages, WhatArrivesMeanwhileWaitsBehindThem) {
    Offline play;
    for (int i = 0; i < 150; ++i) play.juliet->send(chat(std::to_string(i)));
    TestClient romeo(play.server, "romeo@localhost/orchard");
    Shard& home = play.server.home("romeo@localhost");
    play.server.loops().at(home.index()).run_here([&] {
        // In one turn: romeo's presence begins the delivery, which must wait for storage, and a message comes in.
        const SessionPtr session = home.find_account("romeo@localhost")->find_session("orchard");
        home.router().from_session(session, std::make_shared<Stanza>(Stanza::presence(PresenceType::available)));
        Stanza late = Stanza::message(MessageType::chat, jid("romeo@localhost"));
        late.from = jid("juliet@localhost/balcony");
        late.element().add(xml::Element("jabber:client", "body").add_text("late"));
        home.router().send(std::move(late));
    });
    const std::vector<std::string> got = bodies(romeo.receive());
    ASSERT_EQ(got.size(), 151u);
    EXPECT_EQ(got.front(), "0");
    EXPECT_EQ(got[149], "149");
    EXPECT_EQ(got.back(), "late");
}

TEST(OfflineMessages, AreBoundedInBytes) {
    Offline play(with("modules: {offline: {max_size: 10 KB}}"));
    EXPECT_EQ(play.juliet->ask(chat(std::string(6'000, 'a'))), "");
    EXPECT_THAT(play.juliet->ask(chat(std::string(6'000, 'b'))), HasSubstr("<service-unavailable"));
    EXPECT_EQ(play.juliet->ask(chat("short")), "");
    TestClient romeo(play.server, "romeo@localhost/orchard");
    EXPECT_EQ(bodies(play.arrival(romeo)).size(), 2u);
}

TEST(OfflineMessages, TheirBoundMayBeANumberOrARule) {
    Offline number(with("modules: {mod_offline: {access_max_user_messages: 1}}"));
    EXPECT_EQ(number.juliet->ask(chat("1")), "");
    EXPECT_THAT(number.juliet->ask(chat("2")), HasSubstr("<service-unavailable"));

    Offline rule(with("acl: {vip: {user: romeo}}\n"
                      "shaper_rules: {mine: {2: vip, 1: all}}\n"
                      "modules: {mod_offline: {access_max_user_messages: mine}}"));
    EXPECT_EQ(rule.juliet->ask(chat("1")), "");
    EXPECT_EQ(rule.juliet->ask(chat("2")), "");
    EXPECT_THAT(rule.juliet->ask(chat("3")), HasSubstr("<service-unavailable"));
}

TEST(OfflineMessages, StorageThatFailsTellsTheSenderToWait) {
    Offline play;
    ASSERT_TRUE(play.server.wait(play.server.storage().database().change(Statement("DROP TABLE log"))).ok());
    const std::string answer = play.juliet->ask(chat("x"));
    EXPECT_THAT(answer, HasSubstr("type='wait'"));
    EXPECT_THAT(answer, HasSubstr("<internal-server-error"));
    TestClient romeo(play.server, "romeo@localhost/orchard");
    EXPECT_THAT(play.arrival(romeo), HasSubstr("<presence"));  // comes in all the same
}

TEST(OfflineMessages, AFloodOfRefusalsIsOneLineInAWhile) {
    static std::vector<std::string> lines;
    lines.clear();
    Offline play;
    ASSERT_TRUE(play.server.wait(play.server.storage().database().change(Statement("DROP TABLE log"))).ok());
    log_to_function([](std::string_view line) {
        if (line.find("log_failed") != line.npos) lines.emplace_back(line);
    });
    for (int i = 0; i < 5; ++i) EXPECT_THAT(play.juliet->ask(chat("x")), HasSubstr("type='wait'"));
    EXPECT_EQ(lines.size(), 1u);
    ASSERT_TRUE(play.server.advance(Seconds(10)).ok());
    play.juliet->ask(chat("x"));
    log_to_function(nullptr);
    ASSERT_EQ(lines.size(), 2u);
    EXPECT_THAT(lines.back(), HasSubstr("others=4"));
}

TEST(OfflineMessages, OfASessionThatEndsBeforeTheyComeStay) {
    Offline play;
    for (int i = 0; i < 3; ++i) play.juliet->send(chat(std::to_string(i)));
    TestClient romeo(play.server, "romeo@localhost/orchard");
    Shard& home = play.server.home("romeo@localhost");
    play.server.loops().at(home.index()).run_here([&] {
        // In one turn: the delivery begins, which must wait for storage, and the session ends.
        const SessionPtr session = home.find_account("romeo@localhost")->find_session("orchard");
        home.router().from_session(session, std::make_shared<Stanza>(Stanza::presence(PresenceType::available)));
        session->close(StreamError(StreamCondition::connection_timeout));
    });
    EXPECT_THAT(romeo.receive(), Not(HasSubstr("<body>")));
    EXPECT_EQ(play.waiting(), 3u);
    TestClient again(play.server, "romeo@localhost/again");
    EXPECT_EQ(bodies(play.arrival(again)), (std::vector<std::string>{"0", "1", "2"}));
}

// 2 MB wait, more than the server hands to a client that takes nothing.
struct Plenty : Offline {
    Plenty() {
        for (int i = 0; i < 10; ++i) juliet->send(chat(std::string(200'000, static_cast<char>('a' + i))));
    }
};

TEST(OfflineMessages, ThatALostConnectionSwallowedComeAgain) {
    Plenty play;
    TestClient romeo(play.server, "romeo@localhost/orchard");
    romeo.stall();
    romeo.send("<presence/>");
    romeo.drop();
    ASSERT_TRUE(play.server.advance(Seconds(1)).ok());
    EXPECT_EQ(play.waiting(), 10u);
    TestClient again(play.server, "romeo@localhost/again");
    EXPECT_EQ(bodies(play.arrival(again)).size(), 10u);
    EXPECT_EQ(play.waiting(), 0u);
}

// Its connection is lost while they come; the session is not over.
TEST(OfflineMessages, OfASessionThatIsResumedComeAll) {
    Plenty play;
    TestClient romeo(play.server, "romeo@localhost/orchard");
    const std::string enabled = romeo.ask("<enable xmlns='urn:xmpp:sm:3' resume='true'/>");
    const std::size_t id = enabled.find(" id='") + 5;
    romeo.stall();
    romeo.send("<presence/>");
    romeo.drop();
    ASSERT_TRUE(play.server.advance(Seconds(1)).ok());
    TestClient back = TestClient::logged_in(play.server, "romeo@localhost");
    back.send("<resume xmlns='urn:xmpp:sm:3' h='0' previd='" + enabled.substr(id, enabled.find('\'', id) - id) + "'/>");
    ASSERT_TRUE(play.server.advance(Seconds(1)).ok());
    std::string got = back.receive();
    const std::size_t stanzas = count_of(got, "<message ") + count_of(got, "<presence ");
    back.send("<a xmlns='urn:xmpp:sm:3' h='" + std::to_string(stanzas) + "'/>");
    ASSERT_TRUE(play.server.advance(Seconds(2)).ok());
    got += back.receive();
    EXPECT_EQ(bodies(got).size(), 10u);
}

TEST(OfflineMessages, StayWithTheServerWhileTheClientTakesNothing) {
    Plenty play;
    TestClient romeo(play.server, "romeo@localhost/orchard");
    romeo.stall();
    romeo.send("<presence/>");
    ASSERT_TRUE(play.server.advance(Seconds(7)).ok());
    EXPECT_EQ(play.waiting(), 10u);  // two more seconds
    EXPECT_EQ(bodies(romeo.receive()).size(), 6u);  // it was only slow
    ASSERT_TRUE(play.server.advance(Seconds(1)).ok());
    EXPECT_EQ(bodies(romeo.receive()).size(), 4u);
    EXPECT_EQ(play.waiting(), 0u);
}

// Who does not take what waits is as good as not there: what comes behind it has the same bound.
TEST(OfflineMessages, AreBoundedAlsoWhileAClientTakesNothing) {
    Offline play(with("modules: {mod_offline: {access_max_user_messages: 50}}"));
    for (int i = 0; i < 20; ++i) play.juliet->send(chat(std::string(100'000, 'x')));
    TestClient romeo(play.server, "romeo@localhost/orchard");
    romeo.stall();
    romeo.send("<presence/>");
    ASSERT_TRUE(play.server.advance(Seconds(12)).ok());
    std::string answers;
    for (int i = 0; i < 100; ++i) answers += play.juliet->ask(chat("short"));
    EXPECT_EQ(count_of(answers, "<service-unavailable"), 70u);
    EXPECT_EQ(play.waiting(), 50u);
    std::size_t got = 0;
    for (int i = 0; i < 10; ++i) {
        got += bodies(romeo.receive()).size();
        ASSERT_TRUE(play.server.advance(Seconds(1)).ok());
    }
    EXPECT_EQ(got, 50u);
    EXPECT_EQ(play.juliet->ask(chat("short")), "");
}

// All of them at once would be more than a connection may have in its output: it would end, at every login.
TEST(OfflineMessages, AsLargeAsTheyMayBeDoNotLockTheirReaderOut) {
    Offline play;
    for (int i = 0; i < 30; ++i) play.juliet->send(chat(std::string(200'000, 'x')));  // 6 MB
    ASSERT_EQ(play.waiting(), 30u);
    TestClient romeo(play.server, "romeo@localhost/orchard");
    romeo.stall();
    romeo.send("<presence/>");
    std::size_t got = 0;
    for (int i = 0; i < 10; ++i) {
        got += bodies(romeo.receive()).size();
        ASSERT_TRUE(play.server.advance(Seconds(1)).ok());
    }
    EXPECT_FALSE(romeo.closed());
    EXPECT_EQ(got, 30u);
    EXPECT_EQ(play.waiting(), 0u);
}

TEST(OfflineMessages, ComeToASessionThatWantsNoneOnlyWhenItDoes) {
    Offline play;
    play.juliet->send(chat("1"));
    TestClient romeo(play.server, "romeo@localhost/orchard");
    EXPECT_EQ(bodies(romeo.ask("<presence><priority>-1</priority></presence>")).size(), 0u);
    EXPECT_EQ(bodies(romeo.ask("<presence><priority>5</priority></presence>")).size(), 1u);
    // Away and back: what came meanwhile comes now, what was delivered does not.
    romeo.ask("<presence type='unavailable'/>");
    play.juliet->ask(chat("2"));
    EXPECT_EQ(bodies(romeo.ask("<presence/>")), std::vector<std::string>{"2"});
    EXPECT_EQ(bodies(romeo.ask("<presence><priority>-1</priority></presence>")).size(), 0u);
    play.juliet->ask(chat("3"));
    EXPECT_EQ(bodies(romeo.ask("<presence/>")), std::vector<std::string>{"3"});
}

TEST(OfflineMessages, KeepTheirIdAndStamp) {
    Offline play;
    play.juliet->send(chat("1"));
    ASSERT_TRUE(play.server.advance(std::chrono::hours(1)).ok());
    TestClient romeo(play.server, "romeo@localhost/orchard");
    const std::string got = play.arrival(romeo);
    EXPECT_THAT(got, HasSubstr("by='romeo@localhost'"));
    EXPECT_THAT(got, HasSubstr("<delay xmlns='urn:xmpp:delay' from='localhost' stamp='"));
    EXPECT_EQ(count_of(got, "<stanza-id"), 1u);
}

TEST(OfflineMessages, NoStoreWithWordsIsRefusedAndChatStatesVanish) {
    Offline play;
    EXPECT_THAT(play.juliet->ask("<message to='romeo@localhost' type='chat' id='1'><body>x</body>"
                                 "<no-store xmlns='urn:xmpp:hints'/></message>"),
                HasSubstr("<service-unavailable"));
    EXPECT_EQ(play.juliet->ask("<message to='romeo@localhost' type='chat' id='1'>"
                               "<composing xmlns='http://jabber.org/protocol/chatstates'/></message>"),
              "");
    EXPECT_EQ(play.juliet->ask("<message to='romeo@localhost' type='chat' id='1'>"
                               "<composing xmlns='http://jabber.org/protocol/chatstates'/>"
                               "<no-store xmlns='urn:xmpp:hints'/></message>"),
              "");
    EXPECT_EQ(play.waiting(), 0u);
}

TEST(OfflineMessages, OfARemovedAccountAreNotKept) {
    Offline play;
    play.juliet->send(chat("1"));
    ASSERT_TRUE(play.server.wait(play.server.storage().stores().accounts.remove(jid("romeo@localhost"))).ok());
    EXPECT_THAT(play.juliet->ask(chat("2")), HasSubstr("<service-unavailable"));
}

}  // namespace
}  // namespace rookery::test
