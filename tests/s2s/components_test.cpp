// External components (XEP-0114) on a whole server: handshake, routing, limits. D10 of the bad inputs.
#include "s2s/components.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/test_client.h"
#include "tests/support/test_component.h"

namespace rookery::test {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

// What is about routing must not depend on whose shard is whose.
class ComponentsTest : public testing::TestWithParam<unsigned> {
protected:
    TestServer server_{TestServerOptions{.shards = GetParam(),
                                         .components = {{"push.localhost", "secret"}, {"bridge.example", "other"}}}};
};

ComponentPolicy policy(std::map<std::string, std::string, std::less<>> secrets) {
    ComponentPolicy policy;
    policy.secrets = std::move(secrets);
    policy.rules = std::make_shared<const AccessRules>();
    return policy;
}

// --- the stream -----------------------------------------------------------------------------------------------------

TEST_P(ComponentsTest, ProvesItsSecret) {
    TestComponent push = TestComponent::stranger(server_, "push.localhost");
    EXPECT_THAT(push.greeting(), AllOf(HasSubstr("xmlns='jabber:component:accept'"), HasSubstr(" from='push.localhost'>")));
    EXPECT_EQ(push.ask("<handshake>" + push.proof("secret") + "</handshake>"), "<handshake/>");
}

TEST_P(ComponentsTest, IsRefusedWithAWrongSecret) {
    for (const std::string secret : {"Secret", "", "other"}) {
        TestComponent push = TestComponent::stranger(server_, "push.localhost");
        EXPECT_THAT(push.ask("<handshake>" + push.proof(secret) + "</handshake>"), HasSubstr("<not-authorized "));
        EXPECT_TRUE(push.closed());
    }
    TestComponent empty = TestComponent::stranger(server_, "push.localhost");
    EXPECT_THAT(empty.ask("<handshake/>"), HasSubstr("<not-authorized "));
}

TEST_P(ComponentsTest, SaysNothingBeforeTheHandshake) {
    TestComponent push = TestComponent::stranger(server_, "push.localhost");
    EXPECT_THAT(push.ask("<message from='push.localhost' to='juliet@localhost'/>"), HasSubstr("<not-authorized "));
}

TEST_P(ComponentsTest, IsRefusedUnderAnUnknownName) {
    for (const std::string domain : {"unknown.localhost", "localhost", "a@push.localhost"})
        EXPECT_THAT(TestComponent::stranger(server_, domain).greeting(), AllOf(StartsWith("<?xml"), HasSubstr("<host-unknown ")));
    EXPECT_THAT(TestComponent::stranger(server_, "").greeting(), HasSubstr("<improper-addressing "));
}

TEST_P(ComponentsTest, IsNoClient) {
    auto wire = server_.connect_component();
    wire->send("<stream:stream xmlns='jabber:client' to='push.localhost' xmlns:stream='http://etherx.jabber.org/streams'>");
    std::string answer;
    wire->receive(answer, Milliseconds(0));
    EXPECT_THAT(answer, HasSubstr("<invalid-namespace "));
}

TEST_P(ComponentsTest, HasLittleTimeAndRoomForTheHandshake) {
    TestComponent slow = TestComponent::stranger(server_, "push.localhost");
    TestComponent large = TestComponent::stranger(server_, "push.localhost");
    EXPECT_THAT(large.ask("<handshake>" + std::string(20'000, 'a') + "</handshake>"), HasSubstr("<policy-violation "));
    ASSERT_TRUE(server_.advance(Seconds(31)).ok());
    EXPECT_THAT(slow.receive(), HasSubstr("<connection-timeout "));
    EXPECT_TRUE(slow.closed());
}

TEST_P(ComponentsTest, OfTwoTheOlderStays) {
    TestComponent older(server_, "push.localhost");
    TestComponent newer = TestComponent::stranger(server_, "push.localhost");
    EXPECT_THAT(newer.ask("<handshake>" + newer.proof("secret") + "</handshake>"), HasSubstr("<conflict "));
    EXPECT_EQ(older.receive(), " ") << "probed: if it is dead, that shows";
    older.drop();
    TestComponent next(server_, "push.localhost");
}

TEST_P(ComponentsTest, SpeaksForItsOwnDomainOnly) {
    TestClient juliet(server_, "juliet@localhost/balcony");
    juliet.become_available();
    for (const std::string from : {"romeo@localhost", "bridge.example", "a@sub.push.localhost"}) {
        TestComponent push(server_, "push.localhost");
        EXPECT_THAT(push.ask("<message from='" + from + "' to='juliet@localhost'><body>hi</body></message>"), HasSubstr("<invalid-from "));
        EXPECT_TRUE(push.closed());
    }
    EXPECT_EQ(juliet.receive(), "");
}

TEST_P(ComponentsTest, HearsWhatIsWrongWithItsStanzas) {
    TestComponent push(server_, "push.localhost");
    EXPECT_THAT(push.ask("<message from='push.localhost'><body>hi</body></message>"), HasSubstr("<bad-request "));
    EXPECT_THAT(push.ask("<iq from='push.localhost' to='a@@b' id='1' type='get'><q xmlns='x'/></iq>"), HasSubstr("<jid-malformed "));
    EXPECT_EQ(push.ask("<message type='error' from='push.localhost'/>"), "");
    EXPECT_THAT(push.ask("<message from='push.localhost' to='a@localhost'><body>" + std::string(2u << 20, 'x') + "</body></message>"),
                HasSubstr("<policy-violation "));
    EXPECT_TRUE(push.closed());
}

TEST_P(ComponentsTest, EndsForUnknownElementsAndBadXml) {
    TestComponent push(server_, "push.localhost");
    EXPECT_THAT(push.ask("<route/>"), HasSubstr("<unsupported-stanza-type "));
    TestComponent again(server_, "push.localhost");
    EXPECT_THAT(again.ask("<message></iq>"), HasSubstr("<not-well-formed "));
    TestComponent polite(server_, "push.localhost");
    EXPECT_EQ(polite.ask("</stream:stream>"), "</stream:stream>");
}

// --- stanzas --------------------------------------------------------------------------------------------------------

TEST_P(ComponentsTest, TalksWithAUser) {
    TestClient juliet(server_, "juliet@localhost/balcony");
    juliet.become_available();
    TestComponent bridge(server_, "bridge.example", "other");
    juliet.send("<message to='romeo@bridge.example' id='m1' type='chat'><body>hi</body></message>");
    EXPECT_EQ(bridge.receive(), "<message from='juliet@localhost/balcony' to='romeo@bridge.example' id='m1' type='chat'>"
                                "<body>hi</body></message>");
    bridge.send("<message from='romeo@bridge.example/irc' to='juliet@localhost' type='chat'><body>ho</body></message>");
    EXPECT_THAT(juliet.receive(), AllOf(StartsWith("<message from='romeo@bridge.example/irc'"), HasSubstr("<body>ho</body>")));
}

TEST_P(ComponentsTest, AnswersRequests) {
    TestClient juliet(server_, "juliet@localhost/balcony");
    TestComponent push(server_, "push.localhost");
    juliet.send("<iq type='get' id='1' to='push.localhost'><ping xmlns='urn:xmpp:ping'/></iq>");
    EXPECT_THAT(push.receive(), HasSubstr("<iq from='juliet@localhost/balcony' to='push.localhost' id='1' type='get'>"));
    push.send("<iq type='result' id='1' from='push.localhost' to='juliet@localhost/balcony'/>");
    EXPECT_EQ(juliet.receive(), "<iq from='push.localhost' to='juliet@localhost/balcony' id='1' type='result'/>");
    EXPECT_THAT(push.ask("<iq type='get' id='2' to='localhost'><ping xmlns='urn:xmpp:ping'/></iq>"),
                HasSubstr("<iq from='localhost' to='push.localhost' id='2' type='result'"));
}

TEST_P(ComponentsTest, TalksWithAnother) {
    TestComponent push(server_, "push.localhost");
    TestComponent bridge(server_, "bridge.example", "other");
    push.send("<message to='x@bridge.example'><body>hi</body></message>");
    EXPECT_EQ(bridge.receive(), "<message from='push.localhost' to='x@bridge.example'><body>hi</body></message>");
}

// RFC 6121 3.1: gateways live by presence.
TEST_P(ComponentsTest, MayBeSubscribedTo) {
    TestClient juliet(server_, "juliet@localhost/balcony");
    juliet.become_available();
    TestComponent bridge(server_, "bridge.example", "other");
    juliet.send("<presence to='romeo@bridge.example' type='subscribe'/>");
    EXPECT_THAT(bridge.receive(), AllOf(HasSubstr("from='juliet@localhost'"), HasSubstr("type='subscribe'")));
    bridge.send("<presence from='romeo@bridge.example' to='juliet@localhost' type='subscribed'/>");
    bridge.send("<presence from='romeo@bridge.example/irc' to='juliet@localhost'/>");
    EXPECT_THAT(juliet.receive(), HasSubstr("from='romeo@bridge.example/irc'"));
}

// What users of other servers must not do, components must not either.
TEST_P(ComponentsTest, IsAStrangerToAccounts) {
    TestClient juliet(server_, "juliet@localhost/balcony");
    TestComponent push(server_, "push.localhost");
    EXPECT_THAT(push.ask("<iq type='get' id='1' to='juliet@localhost'><query xmlns='jabber:iq:roster'/></iq>"), HasSubstr("<error "));
    push.send("<iq type='set' id='2' to='juliet@localhost/balcony'><query xmlns='jabber:iq:roster'><item jid='x@y'/></query></iq>");
    EXPECT_THAT(juliet.receive(), Not(HasSubstr("from='juliet@localhost'")));
}

TEST_P(ComponentsTest, AwayIsTryAgainLaterUnknownIsNotFound) {
    TestClient juliet(server_, "juliet@localhost/balcony");
    EXPECT_THAT(juliet.ask("<message to='push.localhost' id='1'><body>hi</body></message>"),
                AllOf(HasSubstr("type='wait'"), HasSubstr("<remote-server-timeout ")));
    EXPECT_THAT(juliet.ask("<message to='nobody.localhost' id='2'><body>hi</body></message>"), HasSubstr("<remote-server-not-found "));
    TestComponent(server_, "push.localhost").drop();
    EXPECT_THAT(juliet.ask("<iq type='get' to='push.localhost' id='3'><ping xmlns='urn:xmpp:ping'/></iq>"),
                HasSubstr("<remote-server-timeout "));
}

TEST_P(ComponentsTest, IsAServiceOfTheHostAboveWhileItIsThere) {
    TestClient juliet(server_, "juliet@localhost/balcony");
    const std::string question = "<iq type='get' id='1' to='localhost'><query xmlns='http://jabber.org/protocol/disco#items'/></iq>";
    EXPECT_THAT(juliet.ask(question), Not(HasSubstr("push.localhost")));
    TestComponent push(server_, "push.localhost");
    TestComponent bridge(server_, "bridge.example", "other");
    EXPECT_THAT(juliet.ask(question), AllOf(HasSubstr("<item jid='push.localhost'/>"), Not(HasSubstr("bridge"))));
    push.drop();
    EXPECT_THAT(juliet.ask(question), Not(HasSubstr("push.localhost")));
}

// --- slow readers, quick writers --------------------------------------------------------------------------------------

constexpr std::string_view ask_for_h = "<r xmlns='urn:xmpp:sm:3'/>";

TEST_P(ComponentsTest, AMessageIsSettledWhenTheKernelHasTakenIt) {
    TestClient juliet(server_, "juliet@localhost/balcony");
    juliet.ask("<enable xmlns='urn:xmpp:sm:3'/>");
    TestComponent push(server_, "push.localhost");
    juliet.send("<message to='push.localhost'><body>1</body></message>");
    EXPECT_THAT(juliet.ask(ask_for_h), HasSubstr(" h='1'"));
    push.stall();
    juliet.send("<message to='push.localhost'><body>2</body></message>");
    juliet.send(ask_for_h);
    ASSERT_TRUE(server_.advance(Seconds(2)).ok());
    EXPECT_THAT(juliet.receive(), HasSubstr(" h='1'"));
    EXPECT_THAT(push.receive(), HasSubstr("<body>2</body>"));
    EXPECT_THAT(juliet.ask(ask_for_h), HasSubstr(" h='2'"));
}

TEST_P(ComponentsTest, WhatItDidNotTakeIsRefusedWhenItGoes) {
    TestClient juliet(server_, "juliet@localhost/balcony");
    TestComponent push(server_, "push.localhost");
    push.stall();
    juliet.send("<message to='push.localhost' id='lost'><body>1</body></message>");
    EXPECT_EQ(juliet.receive(), "");
    push.drop();
    EXPECT_THAT(juliet.receive(), AllOf(HasSubstr("id='lost'"), HasSubstr("<remote-server-timeout ")));
}

TEST_P(ComponentsTest, OneThatDoesNotReadFillsNoMemory) {
    ComponentPolicy small = policy({{"push.localhost", "secret"}});
    small.max_output_bytes = 10'000;
    server_.allow_components(small);
    TestClient juliet(server_, "juliet@localhost/balcony");
    TestComponent push(server_, "push.localhost");
    push.stall();
    const std::string message = "<message to='push.localhost'><body>" + std::string(4'000, 'x') + "</body></message>";
    for (int i = 0; i < 3; ++i) EXPECT_EQ(juliet.ask(message), "");
    EXPECT_THAT(juliet.ask(message), AllOf(HasSubstr("type='wait'"), HasSubstr("<resource-constraint ")));
}

TEST_P(ComponentsTest, IsSlowedByItsShaper) {
    ComponentPolicy slow = policy({{"push.localhost", "secret"}});
    ConfigProblems problems;
    AccessRules::Source rules;
    rules.shaper = ConfigValue::map({ConfigValue::Entry("slow", ConfigValue::scalar("1000"))});
    slow.rules = std::make_shared<const AccessRules>(AccessRules::parse(rules, problems));
    slow.shaper = "slow";
    server_.allow_components(slow);
    TestClient juliet(server_, "juliet@localhost/balcony");
    juliet.become_available();
    TestComponent push(server_, "push.localhost");
    const std::string message = "<message to='juliet@localhost'><body>" + std::string(3'000, 'x') + "</body></message>";
    push.send(message);
    EXPECT_THAT(juliet.receive(), HasSubstr("xxx"));
    push.send(message);
    EXPECT_EQ(juliet.receive(), "");
    ASSERT_TRUE(server_.advance(Seconds(5)).ok());
    EXPECT_THAT(juliet.receive(), HasSubstr("xxx"));
}

// --- administration ---------------------------------------------------------------------------------------------------

TEST_P(ComponentsTest, AccessRulesDecide) {
    ComponentPolicy closed = policy({{"push.localhost", "secret"}});
    closed.access = AccessRule("none");
    server_.allow_components(closed);
    TestComponent push = TestComponent::stranger(server_, "push.localhost");
    EXPECT_THAT(push.ask("<handshake>" + push.proof("secret") + "</handshake>"), HasSubstr("<not-authorized "));
}

TEST_P(ComponentsTest, OnePasswordForAll) {
    ComponentPolicy any = policy({});
    any.any_secret = "secret";
    server_.allow_components(any);
    TestClient juliet(server_, "juliet@localhost/balcony");
    EXPECT_THAT(juliet.ask("<message to='any.example'/>"), HasSubstr("<remote-server-not-found "));
    TestComponent component(server_, "any.example");
    juliet.send("<message to='any.example'/>");
    EXPECT_THAT(component.receive(), HasSubstr("<message "));
    TestComponent own = TestComponent::stranger(server_, "localhost");
    EXPECT_THAT(own.ask("<handshake>" + own.proof("secret") + "</handshake>"), HasSubstr("<conflict "));
}

TEST_P(ComponentsTest, AReloadDisconnectsWhoMayNotConnectAnyMore) {
    TestComponent push(server_, "push.localhost");
    TestComponent bridge(server_, "bridge.example", "other");
    server_.allow_components(policy({{"bridge.example", "other"}}));
    EXPECT_THAT(push.receive(), HasSubstr("<host-gone "));
    EXPECT_EQ(bridge.receive(), "");
    EXPECT_FALSE(bridge.closed());
}

TEST_P(ComponentsTest, AreListed) {
    TestComponent push(server_, "push.localhost");
    TestComponent bridge(server_, "bridge.example", "other");
    const Result<std::string> list = server_.command("connected_components", {});
    ASSERT_TRUE(list.ok());
    EXPECT_THAT(*list, AllOf(HasSubstr("bridge.example"), HasSubstr("push.localhost"), HasSubstr("192.0.2.1")));
}

TEST_P(ComponentsTest, StrangersAreFew) {
    std::vector<TestComponent> strangers;
    for (std::size_t i = 0; i < Components::max_strangers * GetParam(); ++i)
        strangers.push_back(TestComponent::stranger(server_, "push.localhost"));
    EXPECT_FALSE(server_.assembly().components(0).admits());
    strangers.clear();
    server_.run_until_idle();
    EXPECT_TRUE(server_.assembly().components(0).admits());
}

INSTANTIATE_TEST_SUITE_P(Shards, ComponentsTest, testing::Values(1u, 2u, 3u));

TEST(Components, ReadOneByteAtATime) {
    TestServer server(TestServerOptions{.shards = 2, .dribble = true, .components = {{"push.localhost", "secret"}}});
    TestClient juliet(server, "juliet@localhost/balcony");
    juliet.become_available();
    TestComponent push(server, "push.localhost");
    push.send("<message from='push.localhost' to='juliet@localhost'><body>hi</body></message>");
    EXPECT_THAT(juliet.receive(), HasSubstr("<body>hi</body>"));
}

}  // namespace
}  // namespace rookery::test
