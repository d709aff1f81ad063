// XEP-0198 over whole streams: counts, resumption, and what happens to a session nobody comes back for.
#include "c2s/stream_management.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "c2s/session.h"
#include "tests/modules/contacts.h"
#include "tests/support/test_client.h"

namespace rookery::test {
namespace {

using testing::HasSubstr;
using testing::Not;

const std::string enable = "<enable xmlns='urn:xmpp:sm:3' resume='true'/>";
const std::string question = "<r xmlns='urn:xmpp:sm:3'/>";

std::string answer(unsigned h) { return "<a xmlns='urn:xmpp:sm:3' h='" + std::to_string(h) + "'/>"; }
std::string resume(const std::string& id, unsigned h) {
    return "<resume xmlns='urn:xmpp:sm:3' previd='" + id + "' h='" + std::to_string(h) + "'/>";
}
std::string chat(const std::string& to, const std::string& body) {
    return "<message type='chat' to='" + to + "'><body>" + body + "</body></message>";
}

// The value of the first attribute of that name.
std::string attribute(const std::string& xml, const std::string& name) {
    const std::size_t at = xml.find(" " + name + "='");
    if (at == std::string::npos) return "";
    const std::size_t begin = at + name.size() + 3;
    return xml.substr(begin, xml.find('\'', begin) - begin);
}

class Resumption : public testing::TestWithParam<unsigned> {
protected:
    Resumption() : server(options()), juliet(server, "juliet@localhost/balcony"), romeo(server, "romeo@localhost/orchard") {
        romeo.become_available();
        juliet.become_available();
        romeo.receive();
        id = attribute(juliet.ask(enable), "id");
    }
    static TestServerOptions options() {
        TestServerOptions wanted;
        wanted.shards = GetParam();
        wanted.modules = {{"-mam", ""}};  // what is archived is in the log at once
        return wanted;
    }
    SessionPtr session(const std::string& bare, const std::string& resource) {
        const AccountPtr account = server.home(bare).find_account(bare);
        return account ? account->find_session(resource) : nullptr;
    }
    SessionPtr juliets() { return session("juliet@localhost", "balcony"); }
    std::string returns(TestClient& client, unsigned h) { return client.ask(resume(id, h)); }

    TestServer server;
    TestClient juliet;
    TestClient romeo;
    std::string id;
};

TEST_P(Resumption, IsOfferedAndGivesAnIdNobodyGuesses) {
    EXPECT_THAT(juliet.features(), HasSubstr("<sm xmlns='urn:xmpp:sm:3'/>"));
    EXPECT_GE(id.size(), 22u);  // 128 bits in base64
    EXPECT_THAT(juliet.ask(enable), HasSubstr("<unexpected-request"));
}

TEST_P(Resumption, CountsWhatTheClientSent) {
    EXPECT_EQ(juliet.ask(question), answer(0));
    juliet.send(chat("romeo@localhost", "1") + "<presence/><iq type='get' id='p'><ping xmlns='urn:xmpp:ping'/></iq>");
    juliet.receive();
    EXPECT_EQ(juliet.ask(question), answer(3));
    juliet.ask("<message to='not a jid@@'><body>malformed</body></message>");  // answered by the stream itself
    EXPECT_EQ(juliet.ask(question), answer(3));
    EXPECT_EQ(juliet.ask(answer(3)), answer(4));  // her presence, the answer, the error
}

// Who asks while something is under way hears at once what is settled, and the rest when it is, without asking again.
TEST_P(Resumption, AnswersAQuestionWholeInTheEnd) {
    FakeLoop& home = server.loops().at(server.home("juliet@localhost").index());
    juliet.send(chat("romeo@localhost", "1"));
    juliet.receive();
    TicketPtr open;
    home.run_here([&] { open = juliets()->issue_ticket(server.home("juliet@localhost"), 1); });
    EXPECT_EQ(juliet.ask(question), "");
    EXPECT_TRUE(server.advance(Seconds(1)));
    EXPECT_EQ(juliet.receive(), answer(1));
    home.run_here([&] { open.reset(); });
    EXPECT_EQ(juliet.receive(), answer(2));
    EXPECT_TRUE(server.advance(Seconds(2)));
    EXPECT_EQ(juliet.receive(), "");
}

TEST_P(Resumption, AsksForAnAcknowledgementOnceAtATime) {
    romeo.send(chat("juliet@localhost", "1") + chat("juliet@localhost", "2") + chat("juliet@localhost", "3"));
    EXPECT_EQ(count_of(juliet.receive(), question), 1u);
    EXPECT_EQ(juliet.ask(answer(1)), question);
    EXPECT_EQ(juliet.ask(answer(3)), "");
}

// @xmpp/client 0.14.0 does not count answers to its requests: it would be asked as fast as it answers.
TEST_P(Resumption, AClientThatCountsTooFewIsNotAskedForEver) {
    romeo.send(chat("juliet@localhost", "1") + chat("juliet@localhost", "2"));
    EXPECT_EQ(count_of(juliet.receive(), question), 1u);
    EXPECT_EQ(juliet.ask(answer(0)), question);  // of the second
    EXPECT_EQ(juliet.ask(answer(1)), "");
    romeo.send(chat("juliet@localhost", "3"));
    EXPECT_EQ(count_of(juliet.receive(), question), 1u);
}

TEST_P(Resumption, AnotherConnectionGoesOnWithTheSession) {
    romeo.send(chat("juliet@localhost", "before"));
    EXPECT_THAT(juliet.receive(), HasSubstr("before"));
    juliet.drop();
    romeo.send(chat("juliet@localhost", "while away") + chat("juliet@localhost/balcony", "to the resource"));
    EXPECT_EQ(romeo.receive(), "");  // juliet is still available: no error, no presence
    TestClient back = TestClient::logged_in(server, "juliet@localhost");
    const std::string got = returns(back, 1);
    EXPECT_THAT(got, HasSubstr("<resumed xmlns='urn:xmpp:sm:3'"));
    EXPECT_EQ(attribute(got, "h"), "0");
    EXPECT_THAT(got, Not(HasSubstr("before")));
    EXPECT_LT(got.find("while away"), got.find("to the resource"));
    EXPECT_THAT(got, HasSubstr("to the resource"));
    romeo.send(chat("juliet@localhost/balcony", "after"));
    EXPECT_THAT(back.receive(), HasSubstr("after"));
    EXPECT_THAT(back.ask("<iq type='get' id='p'><ping xmlns='urn:xmpp:ping'/></iq>"), HasSubstr("id='p'"));
}

TEST_P(Resumption, WhatWasNotAcknowledgedComesAgain) {
    romeo.send(chat("juliet@localhost", "one") + chat("juliet@localhost", "two"));
    juliet.receive();
    juliet.drop();
    TestClient back = TestClient::logged_in(server, "juliet@localhost");
    const std::string got = returns(back, 1);
    EXPECT_THAT(got, Not(HasSubstr("one")));
    EXPECT_THAT(got, HasSubstr("two"));
}

// A client reads its answer before anything else, even a question.
TEST_P(Resumption, TheAnswerComesFirst) {
    romeo.send(chat("juliet@localhost", "one") + chat("juliet@localhost", "two"));
    juliet.receive();
    juliet.drop();
    TestClient back = TestClient::logged_in(server, "juliet@localhost");
    EXPECT_EQ(returns(back, 1).find("<resumed "), 0u);
}

TEST_P(Resumption, TheOldConnectionEndsWithAConflict) {
    TestClient back = TestClient::logged_in(server, "juliet@localhost");
    EXPECT_THAT(returns(back, 0), HasSubstr("<resumed "));
    EXPECT_THAT(juliet.receive(), HasSubstr("<conflict "));
    ASSERT_TRUE(juliets());
    EXPECT_TRUE(juliets()->available());
    EXPECT_EQ(romeo.receive(), "");
}

// B10
TEST_P(Resumption, OfTwoOnlyOneWins) {
    juliet.drop();
    TestClient first = TestClient::logged_in(server, "juliet@localhost");
    TestClient second = TestClient::logged_in(server, "juliet@localhost");
    first.send(resume(id, 0));
    second.send(resume(id, 0));
    // The loser came while the other was at it, or was first and lost the session again.
    const std::string answers = first.receive() + second.receive();
    EXPECT_EQ(count_of(answers, "<item-not-found ") + count_of(answers, "<conflict "), 1u);
    romeo.send(chat("juliet@localhost", "once"));
    EXPECT_EQ(count_of(first.receive() + second.receive(), "once"), 1u);
}

// The second connection was lost while what came over the first was being settled.
TEST_P(Resumption, AResumptionThatIsCutMayBeTriedAgain) {
    FakeLoop& home = server.loops().at(server.home("juliet@localhost").index());
    TicketPtr open;
    home.run_here([&] { open = juliets()->issue_ticket(server.home("juliet@localhost"), 1); });
    TestClient cut = TestClient::logged_in(server, "juliet@localhost");
    EXPECT_EQ(returns(cut, 0), "");
    cut.drop();
    EXPECT_TRUE(server.advance(Seconds(1)));
    home.run_here([&] { open.reset(); });
    EXPECT_TRUE(server.advance(Seconds(1)));
    TestClient back = TestClient::logged_in(server, "juliet@localhost");
    EXPECT_THAT(returns(back, 0), HasSubstr("<resumed "));
}

// B2
TEST_P(Resumption, NobodyElsesIdIsOfUse) {
    juliet.drop();
    TestClient thief = TestClient::logged_in(server, "romeo@localhost");
    EXPECT_THAT(thief.ask(resume(id, 0)), HasSubstr("<item-not-found "));
    TestClient back = TestClient::logged_in(server, "juliet@localhost");
    EXPECT_THAT(returns(back, 0), HasSubstr("<resumed "));
}

// B3: 128 random bits, and five tries
TEST_P(Resumption, GuessingEndsTheStream) {
    TestClient guesser = TestClient::logged_in(server, "romeo@localhost");
    for (int i = 0; i < 4; ++i) EXPECT_THAT(guesser.ask(resume("guess", 0)), HasSubstr("<item-not-found "));
    EXPECT_THAT(guesser.ask(resume("guess", 0)), HasSubstr("<policy-violation "));
}

// B1, B6
TEST_P(Resumption, ABoundOrAStrangerMayNotResume) {
    EXPECT_THAT(romeo.ask(resume(id, 0)), HasSubstr("<unexpected-request "));
    TestClient unbound = TestClient::logged_in(server, "romeo@localhost");
    EXPECT_THAT(unbound.ask(enable), HasSubstr("<unexpected-request "));
    TestClient stranger = TestClient::stranger(server);
    EXPECT_THAT(stranger.ask(resume(id, 0)), HasSubstr("<not-authorized "));
}

TEST_P(Resumption, AfterAFailureTheClientMayBind) {
    TestClient back = TestClient::logged_in(server, "juliet@localhost");
    back.ask(resume("long ago", 0));
    EXPECT_THAT(back.ask("<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>"), HasSubstr("<jid>"));
}

// The error must reach her: she forgets what h counts.
TEST_P(Resumption, ARefusedMessageCountsWhenItsSenderHasTheError) {
    juliet.receive();
    juliet.send(chat("nobody@localhost", "1"));
    EXPECT_THAT(juliet.ask(question), HasSubstr(answer(0)));
    EXPECT_EQ(juliet.ask(answer(1)), answer(1));
}

TEST_P(Resumption, ARefusalThatIsLostWithTheSessionIsNotCounted) {
    juliet.send(chat("romeo@localhost", "1") + chat("nobody@localhost", "2") + chat("romeo@localhost", "3"));
    juliet.drop();
    EXPECT_TRUE(server.advance(Seconds(301)));
    TestClient back = TestClient::logged_in(server, "juliet@localhost");
    EXPECT_EQ(attribute(returns(back, 0), "h"), "1");
}

// She is told to have sent one, sends the second again, and is told of two.
TEST_P(Resumption, GoesOnFromTheCountThatWasTold) {
    juliet.send(chat("romeo@localhost", "1") + chat("nobody@localhost", "2"));
    juliet.drop();
    TestClient back = TestClient::logged_in(server, "juliet@localhost");
    const std::string got = returns(back, 0);
    EXPECT_EQ(attribute(got, "h"), "1");
    EXPECT_THAT(got, Not(HasSubstr("type='error'")));
    EXPECT_EQ(back.ask(chat("romeo@localhost", "2") + question), answer(2));
}

TEST_P(Resumption, AServerThatStopsSaysTheCount) {
    juliet.send(chat("romeo@localhost", "1"));
    server.stop();
    EXPECT_THAT(juliet.receive(), HasSubstr(answer(1) + "<stream:error><system-shutdown "));
}

// What the stream answers itself counts like all it is sent.
TEST_P(Resumption, AnErrorForAMalformedStanzaIsCounted) {
    juliet.ask("<message to='not a jid@@'><body>malformed</body></message>");
    EXPECT_EQ(juliet.ask(answer(1)), answer(1));
}

TEST_P(Resumption, WhoComesTooLateIsToldTheCount) {
    juliet.send(chat("romeo@localhost", "1"));
    juliet.drop();
    EXPECT_TRUE(server.advance(Seconds(301)));
    EXPECT_FALSE(juliets());
    EXPECT_THAT(romeo.receive(), HasSubstr("<body>1</body>"));
    TestClient back = TestClient::logged_in(server, "juliet@localhost");
    const std::string got = returns(back, 0);
    EXPECT_THAT(got, HasSubstr("<item-not-found "));
    EXPECT_EQ(attribute(got, "h"), "1");
}

TEST_P(Resumption, WhatNobodyCameBackForWaitsForTheNextSession) {
    romeo.send(chat("juliet@localhost", "one"));
    juliet.drop();
    romeo.send(chat("juliet@localhost", "two"));
    EXPECT_TRUE(server.advance(Seconds(301)));
    TestClient next(server, "juliet@localhost/chamber");
    const std::string got = next.ask("<presence/>");
    EXPECT_LT(got.find("<body>one</body>"), got.find("<body>two</body>"));
    EXPECT_THAT(got, HasSubstr("<body>two</body>"));
    EXPECT_THAT(got, HasSubstr("<delay "));
}

TEST_P(Resumption, AnotherSessionThatHadItIsNotBothered) {
    TestClient other(server, "juliet@localhost/chamber");
    other.become_available();
    EXPECT_TRUE(server.advance(Milliseconds(1)));  // it was there before
    romeo.send(chat("juliet@localhost", "to all"));
    EXPECT_THAT(other.receive(), HasSubstr("to all"));
    romeo.send(chat("juliet@localhost/balcony", "to the one"));
    juliet.drop();
    EXPECT_TRUE(server.advance(Seconds(301)));
    const std::string got = other.receive();
    EXPECT_THAT(got, Not(HasSubstr("to all")));
    EXPECT_THAT(got, HasSubstr("to the one"));
}

// The second was not there yet when the first was handed it, and no log has it.
TEST_P(Resumption, AnotherSessionThatCameLaterGetsIt) {
    romeo.ask(enable);
    TestClient other(server, "juliet@localhost/chamber");
    romeo.send(chat("juliet@localhost", "to all"));
    other.become_available();
    EXPECT_THAT(other.receive(), Not(HasSubstr("to all")));
    juliet.leave();
    EXPECT_THAT(other.receive(), HasSubstr("to all"));
}

TEST_P(Resumption, WhatAnotherSessionAcknowledgedComesToNobodyAgain) {
    romeo.ask(enable);
    TestClient other(server, "juliet@localhost/chamber");
    other.become_available();
    other.ask(enable);
    romeo.send(chat("juliet@localhost", "to all"));
    EXPECT_THAT(other.receive(), HasSubstr("to all"));
    other.ask(answer(1));
    EXPECT_EQ(romeo.ask(question), answer(1));
    juliet.leave();
    EXPECT_THAT(other.receive(), Not(HasSubstr("to all")));
}

TEST_P(Resumption, AClosedStreamIsNotResumed) {
    juliet.leave();
    EXPECT_FALSE(juliets());
    TestClient back = TestClient::logged_in(server, "juliet@localhost");
    EXPECT_THAT(returns(back, 0), HasSubstr("<item-not-found "));
}

TEST_P(Resumption, AClientThatDoesNotAcknowledgeHasLostItsConnection) {
    romeo.send(chat("juliet@localhost", "1"));
    juliet.receive();
    EXPECT_TRUE(server.advance(Seconds(61)));
    EXPECT_THAT(juliet.receive(), HasSubstr("<connection-timeout "));
    ASSERT_TRUE(juliets());  // waits
    TestClient back = TestClient::logged_in(server, "juliet@localhost");
    EXPECT_THAT(returns(back, 0), HasSubstr("<body>1</body>"));
}

// B4, B5
TEST_P(Resumption, ImpossibleCountsEndTheStream) {
    EXPECT_THAT(juliet.ask(answer(99)), HasSubstr("<handled-count-too-high xmlns='urn:xmpp:sm:3' h='99' send-count='0'/>"));
    for (const char* bad : {"zz", "-1", "4294967296", ""}) {
        TestClient client(server, "juliet@localhost/chamber");
        client.ask(enable);
        EXPECT_THAT(client.ask("<a xmlns='urn:xmpp:sm:3' h='" + std::string(bad) + "'/>"), HasSubstr("<invalid-xml ")) << bad;
    }
}

// B7
TEST_P(Resumption, AClientThatNeverAcknowledgesDoesNotFillTheMemory) {
    for (int i = 0; i < 1'100; ++i) romeo.send(chat("juliet@localhost", std::to_string(i)));
    const std::string got = juliet.receive();
    EXPECT_THAT(got, HasSubstr("<policy-violation "));
    TestClient next(server, "juliet@localhost/chamber");
    const std::string waiting = next.ask("<presence/>") + next.receive();
    EXPECT_THAT(waiting, HasSubstr("<body>0</body>"));
}

// B8
TEST_P(Resumption, OfManyThatWaitTheOldestGoesFirst) {
    juliet.drop();
    for (int i = 0; i < 12; ++i) {
        TestClient one(server, "juliet@localhost/" + std::to_string(i));
        one.ask(enable);
        one.drop();
        EXPECT_TRUE(server.advance(Seconds(1)));
    }
    EXPECT_FALSE(juliets());
    EXPECT_LE(server.home("juliet@localhost").find_account("juliet@localhost")->sessions().size(), 10u);
    EXPECT_TRUE(session("juliet@localhost", "11"));
}

// B12
TEST_P(Resumption, WhoTakesTheResourceGetsWhatTheOldOneHadNotAcknowledged) {
    romeo.send(chat("juliet@localhost/balcony", "for whoever has it"));
    TestClient next = TestClient::logged_in(server, "juliet@localhost");
    const std::string got = next.ask("<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'>"
                                     "<resource>balcony</resource></bind></iq><presence/>");
    EXPECT_THAT(juliet.receive(), HasSubstr("<conflict "));
    EXPECT_THAT(got, HasSubstr("for whoever has it"));
}

// What the server acknowledges is in the recipient's log, or in his hands (DESIGN 4.1 to 4.3).
class Promise : public Resumption {
protected:
    Promise() { EXPECT_THAT(romeo.ask(enable), HasSubstr("<enabled ")); }
    std::uint64_t saved() {
        return server.wait(server.storage().stores().log.load_delivery(jid("juliet@localhost"))).value().messages;
    }
};

TEST_P(Promise, IsKeptByTheRecipientsAcknowledgement) {
    romeo.send(chat("juliet@localhost", "1"));
    EXPECT_THAT(juliet.receive(), HasSubstr("<body>1</body>"));
    EXPECT_EQ(romeo.ask(question), "");
    juliet.send(answer(1));
    EXPECT_EQ(romeo.receive(), answer(1));
    EXPECT_EQ(saved(), 0u);
}

TEST_P(Promise, IsKeptByTheLogWhenTheRecipientTakesItsTime) {
    romeo.send(chat("juliet@localhost", "1"));
    EXPECT_EQ(romeo.ask(question), "");
    EXPECT_TRUE(server.advance(Milliseconds(400)));
    EXPECT_EQ(romeo.receive(), answer(1));
    EXPECT_EQ(saved(), 1u);
    juliet.send(answer(1));
    EXPECT_TRUE(server.advance(Seconds(2)));
    EXPECT_EQ(saved(), 0u);
}

TEST_P(Promise, OfAMessageForTwoSessionsIsKeptOnce) {
    TestClient other(server, "juliet@localhost/chamber");
    other.become_available();
    other.ask(enable);
    romeo.send(chat("juliet@localhost", "1") + question);
    EXPECT_TRUE(server.advance(Milliseconds(400)));
    EXPECT_EQ(romeo.receive(), answer(1));
    EXPECT_EQ(saved(), 1u);
}

TEST_P(Promise, IsKeptForWhoHasNoAcknowledgements) {
    TestClient plain(server, "paris@localhost/hall");
    plain.become_available();
    romeo.send(chat("paris@localhost", "1") + question);
    EXPECT_EQ(romeo.receive(), answer(1));
    EXPECT_THAT(plain.receive(), HasSubstr("<body>1</body>"));
}

TEST_P(Promise, WhoLeavesInGoodOrderHasWhatHeWasSent) {
    TestClient plain(server, "paris@localhost/hall");
    plain.become_available();
    romeo.send(chat("paris@localhost", "1") + question);
    EXPECT_THAT(plain.receive(), HasSubstr("<body>1</body>"));
    plain.leave();
    TestClient again(server, "paris@localhost/again");
    EXPECT_THAT(again.ask("<presence/>"), Not(HasSubstr("<body>")));
}

TEST_P(Promise, IsNotGivenWhileStorageFails) {
    ASSERT_TRUE(server.wait(server.storage().database().change(Statement("DROP TABLE log"))).ok());
    romeo.send(chat("juliet@localhost", "1") + question);
    EXPECT_TRUE(server.advance(Milliseconds(400)));
    EXPECT_EQ(romeo.receive(), "");
    EXPECT_TRUE(server.advance(Seconds(1)));
    EXPECT_EQ(romeo.receive(), answer(0));  // asked, so answered
    juliet.send(answer(1));
    EXPECT_EQ(romeo.receive(), answer(1));
}

TEST_P(Promise, OutlivesTheConnection) {
    juliet.drop();
    romeo.send(chat("juliet@localhost", "1") + question);
    EXPECT_TRUE(server.advance(Milliseconds(200)));
    EXPECT_EQ(romeo.receive(), answer(1));
    EXPECT_EQ(saved(), 1u);
    TestClient back = TestClient::logged_in(server, "juliet@localhost");
    EXPECT_THAT(returns(back, 0), HasSubstr("<body>1</body>"));
    back.send(answer(1));
    EXPECT_TRUE(server.advance(Seconds(2)));
    EXPECT_EQ(saved(), 0u);
}

// The log was asked to save it when the session ended.
TEST_P(Promise, OfAMessageThatIsBeingSavedIsKeptOnce) {
    romeo.send(chat("juliet@localhost", "1"));
    FakeLoop& home = server.loops().at(server.home("juliet@localhost").index());
    const SessionPtr ending = juliets();
    home.run_here([&] {
        static_cast<C2sSession&>(*ending).hibernate();  // saves
        ending->close(StreamError(StreamCondition::policy_violation));
    });
    EXPECT_TRUE(server.advance(Milliseconds(200)));
    EXPECT_EQ(saved(), 1u);
    EXPECT_EQ(romeo.ask(question), answer(1));
}

TEST_P(Promise, TheSameMessageTwiceIsKeptOnce) {
    const std::string one = "<message type='chat' to='paris@localhost'><body>1</body><origin-id xmlns='urn:xmpp:sid:0' id='o1'/></message>";
    ASSERT_TRUE(server.make_account("paris", "localhost", "secret").ok());
    romeo.send(one + one + question);
    EXPECT_EQ(romeo.receive(), answer(2));
    EXPECT_EQ(server.wait(server.storage().stores().log.load_delivery(jid("paris@localhost"))).value().messages, 1u);
}

INSTANTIATE_TEST_SUITE_P(Shards, Promise, testing::Values(1u, 2u));
INSTANTIATE_TEST_SUITE_P(Shards, Resumption, testing::Values(1u, 2u));

SentStanza sent() {
    return SentStanza{std::make_shared<const Stanza>(Stanza::message(MessageType::chat)), {}, 0, {}, 100, {}};
}

// B9: a client that counts on past 2^32 is understood.
// B11: a server that was started again knows no counts (ARCHITECTURE.md says why); what is sent again with its origin-id is
// kept once.
TEST_P(Promise, WhoComesBackAfterARestartSendsAgainAndNothingIsDoubled) {
    const std::string one = "<message type='chat' to='paris@localhost'><body>1</body><origin-id xmlns='urn:xmpp:sid:0' id='o1'/></message>";
    ASSERT_TRUE(server.make_account("paris", "localhost", "secret").ok());
    EXPECT_THAT(juliet.ask(one + question), HasSubstr(answer(1)));
    server.restart();
    TestClient back = TestClient::logged_in(server, "juliet@localhost");
    const std::string refused = returns(back, 0);
    EXPECT_THAT(refused, HasSubstr("<item-not-found "));
    EXPECT_EQ(attribute(refused, "h"), "");
    back.ask("<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>");
    EXPECT_EQ(back.ask(one), "");
    EXPECT_EQ(server.wait(server.storage().stores().log.load_delivery(jid("paris@localhost"))).value().messages, 1u);
}

// B9
TEST(StreamManagement, CountsWrap) {
    StreamManagement counts(0xffff'fffe);
    EXPECT_EQ(counts.handled(0xffff'fffe), 0u);
    EXPECT_EQ(counts.handled(3), 5u);
    for (int i = 0; i < 3; ++i) counts.push(sent());
    ASSERT_TRUE(counts.acknowledge(3));
    EXPECT_FALSE(counts.acknowledge(4));
    EXPECT_FALSE(counts.acknowledge(2));
}

}  // namespace
}  // namespace rookery::test
