// Push notifications (XEP-0357): registrations, what wakes whom, the service's answers.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/modules/contacts.h"
#include "tests/support/reload.h"
#include "tests/support/test_client.h"
#include "tests/support/test_component.h"

namespace rookery::test {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

std::string id_of(const std::string& stanza) {
    const auto begin = stanza.find(" id='") + 5;
    return stanza.substr(begin, stanza.find('\'', begin) - begin);
}

std::string chat(std::string_view content, std::string_view attributes = "") {
    return "<message to='juliet@localhost' type='chat' " + std::string(attributes) + ">" + std::string(content) + "</message>";
}

constexpr const char* enable = "<iq type='set' id='e'><enable xmlns='urn:xmpp:push:0' jid='push.localhost' node='n1'/></iq>";
constexpr const char* manage = "<enable xmlns='urn:xmpp:sm:3' resume='true'/>";
constexpr const char* hello = "<body>hello</body>";

class PushTest : public testing::TestWithParam<unsigned> {
protected:
    explicit PushTest(std::string options = "")
        : server_(TestServerOptions{.shards = GetParam(), .modules = {{"push", std::move(options)}},
                                    .components = {{"push.localhost", "secret"}, {"other.example", "secret"}}}),
          romeo_(server_, "romeo@localhost/orchard"), service_(server_, "push.localhost") {}

    // Juliet's phone: it enabled push, and its connection is over.
    void phone_was_here(const std::string& request = enable) {
        TestClient phone(server_, "juliet@localhost/phone");
        EXPECT_THAT(phone.ask(request), HasSubstr("id='e' type='result'"));
        phone.leave();
    }
    // One that is here, and available.
    TestClient phone_is_here(const std::string& management = manage) {
        TestClient phone(server_, "juliet@localhost/phone");
        phone.ask(enable + management);
        phone.become_available();
        return phone;
    }
    TestClient desk_is_here() {
        TestClient desk(server_, "juliet@localhost/desk");
        desk.become_available();
        return desk;
    }
    void expect_nothing_for(Seconds time, const std::string& why = {}) {
        pass(time);
        EXPECT_EQ(service_.receive(), "") << why;
    }
    void answer(const std::string& publication) {
        service_.send("<iq type='result' id='" + id_of(publication) + "' from='push.localhost' to='juliet@localhost'/>");
    }
    void refuse(const std::string& publication, const std::string& type, const std::string& condition) {
        service_.send("<iq type='error' id='" + id_of(publication) + "' from='push.localhost' to='juliet@localhost'><error type='" + type +
                      "'><" + condition + " xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>");
    }
    void pass(Seconds time) { ASSERT_TRUE(server_.advance(time).ok()); }

    TestServer server_;
    TestClient romeo_;
    TestComponent service_;
};

// --- registrations ----------------------------------------------------------------------------------------------------

TEST_P(PushTest, IsAFeatureOfTheAccount) {
    TestClient juliet(server_, "juliet@localhost/phone");
    const std::string info = "<iq type='get' id='1' to='juliet@localhost'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>";
    EXPECT_THAT(juliet.ask(info), HasSubstr("<feature var='urn:xmpp:push:0'/>"));
}

TEST_P(PushTest, TellsTheServiceOfAMessageForOneWhoIsAway) {
    phone_was_here();
    romeo_.send(chat(hello));
    const std::string publication = service_.receive();
    EXPECT_EQ(publication, "<iq from='juliet@localhost' to='push.localhost' id='" + id_of(publication) + "' type='set'>"
                           "<pubsub xmlns='http://jabber.org/protocol/pubsub'><publish node='n1'><item>"
                           "<notification xmlns='urn:xmpp:push:0'><x xmlns='jabber:x:data' type='submit'>"
                           "<field var='FORM_TYPE' type='hidden'><value>urn:xmpp:push:summary</value></field>"
                           "<field var='message-count'><value>1</value></field>"
                           "<field var='last-message-body'><value>New message</value></field>"
                           "</x></notification></item></publish></pubsub></iq>");
}

TEST_P(PushTest, GivesThePublishOptionsBack) {
    const std::string form = "<x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE'><value>"
                             "http://jabber.org/protocol/pubsub#publish-options</value></field>"
                             "<field var='secret'><value>eruio</value></field></x>";
    phone_was_here("<iq type='set' id='e'><enable xmlns='urn:xmpp:push:0' jid='push.localhost' node='n1'>" + form + "</enable></iq>");
    romeo_.send(chat(hello));
    EXPECT_THAT(service_.receive(), HasSubstr("</publish><publish-options>" + form + "</publish-options></pubsub>"));
}

TEST_P(PushTest, RefusesWhatIsNoRegistration) {
    TestClient juliet(server_, "juliet@localhost/phone");
    const auto ask = [&](const std::string& payload) { return juliet.ask("<iq type='set' id='1'>" + payload + "</iq>"); };
    EXPECT_THAT(ask("<enable xmlns='urn:xmpp:push:0' node='n'/>"), HasSubstr("<bad-request "));
    EXPECT_THAT(ask("<enable xmlns='urn:xmpp:push:0' jid='a@@b'/>"), HasSubstr("<jid-malformed "));
    EXPECT_THAT(ask("<enable xmlns='urn:xmpp:push:0' jid='a.b' node='" + std::string(2'000, 'n') + "'/>"), HasSubstr("<not-acceptable "));
    EXPECT_THAT(ask("<enable xmlns='urn:xmpp:push:0' jid='a.b'><x xmlns='jabber:x:data' type='submit'/></enable>"), HasSubstr("<bad-request "));
    EXPECT_THAT(ask("<disable xmlns='urn:xmpp:push:0'/>"), HasSubstr("<bad-request "));
    EXPECT_THAT(ask("<disable xmlns='urn:xmpp:push:0' jid='never.enabled'/>"), HasSubstr("type='result'"));
    EXPECT_THAT(romeo_.ask("<iq type='set' id='1' to='juliet@localhost'><enable xmlns='urn:xmpp:push:0' jid='a.b'/></iq>"),
                HasSubstr("<forbidden "));
}

TEST_P(PushTest, EndsWithTheRegistration) {
    phone_was_here();
    TestClient juliet(server_, "juliet@localhost/desk");
    const auto disable = [&](const std::string& what) {
        EXPECT_THAT(juliet.ask("<iq type='set' id='1'><disable xmlns='urn:xmpp:push:0' " + what + "/></iq>"), HasSubstr("type='result'"));
    };
    disable("jid='push.localhost' node='another'");
    romeo_.send(chat(hello));
    answer(service_.receive());
    disable("jid='push.localhost'");
    pass(Seconds(5));
    romeo_.send(chat(hello));
    EXPECT_EQ(service_.receive(), "");
}

TEST_P(PushTest, TellsEveryRegistrationOnce) {
    phone_was_here();
    phone_was_here();
    phone_was_here("<iq type='set' id='e'><enable xmlns='urn:xmpp:push:0' jid='push.localhost' node='n2'/></iq>");
    TestComponent other(server_, "other.example");
    phone_was_here("<iq type='set' id='e'><enable xmlns='urn:xmpp:push:0' jid='other.example'/></iq>");
    romeo_.send(chat(hello));
    const std::string publications = service_.receive();
    EXPECT_EQ(count_of(publications, "<publish "), 2u);
    EXPECT_THAT(publications, AllOf(HasSubstr("node='n1'"), HasSubstr("node='n2'")));
    EXPECT_THAT(other.receive(), HasSubstr("<publish><item>"));
}

// --- what wakes -------------------------------------------------------------------------------------------------------

TEST_P(PushTest, WhatAPersonReadsWakes) {
    phone_was_here();
    for (const std::string content : {
             "<body>hi</body>", "<encrypted xmlns='eu.siacs.conversations.axolotl'><header sid='1'/><payload>x</payload></encrypted>",
             "<encrypted xmlns='urn:xmpp:omemo:2'><header sid='1'/><payload>x</payload></encrypted>",
             "<propose xmlns='urn:xmpp:jingle-message:0' id='c'><description xmlns='urn:xmpp:jingle:apps:rtp:1' media='audio'/></propose>",
             "<x xmlns='jabber:x:conference' jid='room@rooms.example'/>",
             "<x xmlns='http://jabber.org/protocol/muc#user'><invite to='juliet@localhost'/></x>"}) {
        romeo_.send(chat(content));
        const std::string publication = service_.receive();
        EXPECT_THAT(publication, HasSubstr("<notification ")) << content;
        answer(publication);
        pass(Seconds(3));
    }
}

TEST_P(PushTest, WhatNobodyReadsDoesNot) {
    phone_was_here();
    for (const std::string content :
         {"<composing xmlns='http://jabber.org/protocol/chatstates'/>", "<received xmlns='urn:xmpp:receipts' id='1'/>",
          "<displayed xmlns='urn:xmpp:chat-markers:0' id='1'/>", "<body/>", "<body>x</body><no-store xmlns='urn:xmpp:hints'/>",
          "<encrypted xmlns='eu.siacs.conversations.axolotl'><header sid='1'/></encrypted>", "<subject>x</subject>"})
        romeo_.send(chat(content));
    romeo_.send("<message to='juliet@localhost' type='headline'><body>news</body></message>");
    romeo_.send("<message to='juliet@localhost' type='error'><body>x</body></message>");
    romeo_.send("<presence to='juliet@localhost' type='subscribe'/>");
    expect_nothing_for(Seconds(20));
}

TEST_P(PushTest, NorWhatTheUserWritesElsewhere) {
    phone_was_here();
    TestClient desk = desk_is_here();
    desk.send("<message to='romeo@localhost' type='chat'><body>hi</body></message>");
    desk.send("<message to='juliet@localhost' type='chat'><body>note to self</body></message>");
    expect_nothing_for(Seconds(20));
}

TEST_P(PushTest, NorWhoIsBlocked) {
    TestClient phone(server_, "juliet@localhost/phone");
    phone.ask(enable);
    phone.ask("<iq type='set' id='b'><block xmlns='urn:xmpp:blocking'><item jid='romeo@localhost'/></block></iq>");
    phone.leave();
    romeo_.send(chat(hello));
    expect_nothing_for(Seconds(20));
}

// --- who is woken -----------------------------------------------------------------------------------------------------

TEST_P(PushTest, AwayAlthoughAnotherDeviceIsThere) {
    phone_was_here();
    TestClient desk = desk_is_here();
    romeo_.send(chat(hello));
    EXPECT_THAT(service_.receive(), HasSubstr("node='n1'"));
}

TEST_P(PushTest, NotOneThatIsConnected) {
    TestClient phone = phone_is_here("");
    romeo_.send(chat(hello));
    expect_nothing_for(Seconds(20));
}

TEST_P(PushTest, OneWhoseConnectionWasLost) {
    TestClient phone = phone_is_here();
    phone.drop();
    romeo_.send(chat(hello));
    EXPECT_THAT(service_.receive(), HasSubstr("node='n1'"));
}

// A suspended phone: the connection seems to be there, but it says nothing.
TEST_P(PushTest, OneThatSaysNothing) {
    TestClient phone = phone_is_here();
    pass(Seconds(1));
    romeo_.send(chat(hello));
    pass(Seconds(1));
    phone.send("<a xmlns='urn:xmpp:sm:3' h='2'/>");
    expect_nothing_for(Seconds(20), "it said something");
    romeo_.send(chat(hello));
    expect_nothing_for(Seconds(9));
    pass(Seconds(3));
    EXPECT_THAT(service_.receive(), HasSubstr("<field var='message-count'><value>1</value>"));
}

TEST_P(PushTest, OneThatCameBackInTimeIsNot) {
    TestClient phone = phone_is_here("<enable xmlns='urn:xmpp:sm:3'/>");
    pass(Seconds(1));
    romeo_.send(chat(hello));
    pass(Seconds(1));
    phone.drop();
    TestClient again(server_, "juliet@localhost/phone");
    expect_nothing_for(Seconds(20));
}

TEST_P(PushTest, AMessageToARoomsOccupantWakesItsDeviceOnly) {
    TestClient phone = phone_is_here();
    phone.drop();
    TestClient desk = desk_is_here();
    const auto say = [&](const std::string& resource) {
        service_.send("<message from='room@push.localhost/nurse' to='juliet@localhost/" + resource + "' type='groupchat'><body>x</body></message>");
        return service_.receive();
    };
    EXPECT_EQ(say("desk"), "");
    EXPECT_THAT(say("phone"), HasSubstr("<notification "));
}

// --- one at a time, and the answers -------------------------------------------------------------------------------------

TEST_P(PushTest, OneIsOnItsWayTheOthersAreCounted) {
    phone_was_here();
    for (int i = 0; i < 5; ++i) romeo_.send(chat(hello));
    const std::string first = service_.receive();
    EXPECT_EQ(count_of(first, "<iq "), 1u);
    expect_nothing_for(Seconds(5));
    answer(first);
    pass(Seconds(3));
    const std::string second = service_.receive();
    EXPECT_EQ(count_of(second, "<iq "), 1u);
    EXPECT_THAT(second, HasSubstr("<field var='message-count'><value>5</value>"));
    answer(second);
    expect_nothing_for(Seconds(10));
}

TEST_P(PushTest, AMessageIsToldOnce) {
    phone_was_here();
    romeo_.send(chat(hello));
    answer(service_.receive());
    expect_nothing_for(Seconds(10));
    romeo_.send(chat(hello));
    const std::string second = service_.receive();
    EXPECT_THAT(second, HasSubstr("<value>2</value>"));
    answer(second);
    expect_nothing_for(Seconds(10));
}

TEST_P(PushTest, AServiceThatRefusesIsDisabled) {
    for (const std::string condition : {"item-not-found", "not-acceptable", "forbidden"}) {
        phone_was_here();
        romeo_.send(chat(hello));
        refuse(service_.receive(), condition == "forbidden" ? "auth" : "cancel", condition);
        pass(Seconds(3));
        romeo_.send(chat(hello));
        expect_nothing_for(Seconds(100), condition);
    }
}

TEST_P(PushTest, AnAnswerOfSomebodyElseCountsForNothing) {
    phone_was_here();
    TestComponent other(server_, "other.example");
    romeo_.send(chat(hello));
    const std::string publication = service_.receive();
    other.send("<iq type='error' id='" + id_of(publication) + "' from='other.example' to='juliet@localhost'><error type='cancel'>"
               "<item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>");
    answer(publication);
    pass(Seconds(3));
    romeo_.send(chat(hello));
    EXPECT_THAT(service_.receive(), HasSubstr("<notification "));
}

TEST_P(PushTest, AServiceThatIsAwayIsTriedAgainAndGivenUp) {
    phone_was_here();
    service_.drop();
    romeo_.send(chat(hello));
    pass(Seconds(5));
    service_ = TestComponent(server_, "push.localhost");
    EXPECT_EQ(service_.receive(), "");
    pass(Seconds(10));
    const std::string again = service_.receive();
    EXPECT_EQ(count_of(again, "<iq "), 1u);
    refuse(again, "wait", "internal-server-error");
    for (const int pause : {60, 300, 1'800}) {
        expect_nothing_for(Seconds(pause - 2));
        pass(Seconds(4));
        const std::string next = service_.receive();
        EXPECT_EQ(count_of(next, "<iq "), 1u) << pause;
        refuse(next, "wait", "resource-constraint");
    }
    expect_nothing_for(Seconds(20'000));
    romeo_.send(chat(hello));
    EXPECT_THAT(service_.receive(), HasSubstr("<notification ")) << "still registered";
}

TEST_P(PushTest, AServiceThatDoesNotAnswerIsTriedAgain) {
    phone_was_here();
    romeo_.send(chat(hello));
    EXPECT_EQ(count_of(service_.receive(), "<iq "), 1u);
    expect_nothing_for(Seconds(58));
    pass(Seconds(15));
    EXPECT_EQ(count_of(service_.receive(), "<iq "), 1u);
}

TEST_P(PushTest, AReloadForgetsNobody) {
    phone_was_here();
    service_.drop();
    romeo_.send(chat(hello));
    reload(server_, "push", Reload::changed);
    service_ = TestComponent(server_, "push.localhost");
    pass(Seconds(15));
    EXPECT_EQ(count_of(service_.receive(), "<iq "), 1u);
}

TEST_P(PushTest, OutlivesTheAccountInMemory) {
    phone_was_here();
    for (unsigned i = 0; i < GetParam(); ++i) {
        Shard& shard = server_.assembly().shards().at(i);
        shard.loop().post([&shard] {
            if (const AccountPtr juliet = shard.find_account("juliet@localhost")) shard.drop_account(*juliet);
        });
    }
    server_.run_until_idle();
    romeo_.send(chat(hello));
    EXPECT_THAT(service_.receive(), HasSubstr("node='n1'"));
}

TEST_P(PushTest, GoesWithTheAccount) {
    phone_was_here();
    romeo_.send(chat(hello));
    service_.receive();
    ASSERT_TRUE(server_.command("unregister", {"juliet", "localhost"}).ok());
    pass(Seconds(200));
    romeo_.send(chat(hello));
    EXPECT_EQ(service_.receive(), "");
}

// --- after a start ------------------------------------------------------------------------------------------------------

class PushAfterStart : public testing::TestWithParam<unsigned> {
protected:
    static TestServerOptions options(bool wake) {
        TestServerOptions wanted{.shards = GetParam(), .components = {{"push.localhost", "secret"}}};
        wanted.modules = {{"push_keepalive", wake ? "wake_on_start: true" : ""}};
        return wanted;
    }
    // Messages come for a phone whose service is away; then the server is started again, and the service is back.
    static std::string told_after_restart(bool wake, const std::vector<std::string>& messages, Seconds old = Seconds(0)) {
        TestServer server(options(wake));
        TestClient phone(server, "juliet@localhost/phone");
        phone.ask(enable);
        phone.leave();
        TestClient romeo(server, "romeo@localhost/orchard");
        for (const std::string& message : messages) romeo.send(message);
        EXPECT_TRUE(server.advance(old).ok());
        server.restart();
        TestComponent service(server, "push.localhost");
        EXPECT_TRUE(server.advance(Seconds(8)).ok());
        EXPECT_EQ(service.receive(), "");
        EXPECT_TRUE(server.advance(Seconds(8)).ok());
        return service.receive();
    }
    static constexpr Seconds two_days = std::chrono::hours(48);
};

// What was on its way is known to nobody any more; the messages are.
TEST_P(PushAfterStart, WakesOnceWhomMessagesWaitFor) {
    const std::string told = told_after_restart(false, {chat(hello), chat(hello), chat("<received xmlns='urn:xmpp:receipts' id='m'/>")});
    EXPECT_EQ(count_of(told, "<iq "), 1u);
    EXPECT_THAT(told, AllOf(HasSubstr("node='n1'"), HasSubstr("<field var='message-count'><value>2</value></field>"),
                            HasSubstr("<value>New message</value>")));
}

TEST_P(PushAfterStart, NotWhomNothingToReadWaitsFor) {
    EXPECT_EQ(told_after_restart(false, {}), "");
    EXPECT_EQ(told_after_restart(false, {chat("<received xmlns='urn:xmpp:receipts' id='m'/>")}), "");
}

TEST_P(PushAfterStart, ForWhatIsOldOnlyIfAskedFor) {
    EXPECT_EQ(told_after_restart(false, {chat(hello)}, two_days), "");
    EXPECT_EQ(count_of(told_after_restart(true, {chat(hello)}, two_days), "<iq "), 1u);
}

TEST_P(PushAfterStart, NotWhoIsBackByThen) {
    TestServer server(options(true));
    TestClient romeo(server, "romeo@localhost/orchard");
    TestClient(server, "juliet@localhost/phone").ask(enable);
    romeo.send(chat(hello));
    server.restart();
    TestComponent service(server, "push.localhost");
    TestClient phone(server, "juliet@localhost/phone");
    EXPECT_THAT(phone.ask("<presence/>"), HasSubstr("hello"));
    EXPECT_TRUE(server.advance(Seconds(40)).ok());
    EXPECT_EQ(service.receive(), "");
}

INSTANTIATE_TEST_SUITE_P(shards, PushAfterStart, testing::Values(1u, 2u));

// --- options ------------------------------------------------------------------------------------------------------------

class PushOptionsTest : public PushTest {
protected:
    PushOptionsTest() : PushTest("include_sender: true\ninclude_body: true\nnotify_on: messages\nmax_registrations: 2") {}
};

TEST_P(PushOptionsTest, TellsWhoAndWhat) {
    phone_was_here();
    romeo_.send(chat("<body>Wherefore &lt;art&gt;?</body>"));
    EXPECT_THAT(service_.receive(), AllOf(HasSubstr("<field var='last-message-sender'><value>romeo@localhost/orchard</value></field>"),
                                          HasSubstr("<field var='last-message-body'><value>Wherefore &lt;art&gt;?</value></field>")));
}

TEST_P(PushOptionsTest, CutsLongTextsBetweenCharacters) {
    phone_was_here();
    std::string text = "a";
    for (int i = 0; i < 1'000; ++i) text += "\xC3\xA4";
    romeo_.send(chat("<body>" + text + "</body>"));
    EXPECT_THAT(service_.receive(), HasSubstr("<value>" + text.substr(0, 1'023) + "</value>"));
}

TEST_P(PushOptionsTest, MessagesOnly) {
    phone_was_here();
    romeo_.send(chat("<x xmlns='jabber:x:conference' jid='room@rooms.example'/>"));
    EXPECT_EQ(service_.receive(), "");
}

TEST_P(PushOptionsTest, RegistrationsAreFew) {
    TestClient juliet(server_, "juliet@localhost/phone");
    const auto ask = [&](const std::string& node) {
        return juliet.ask("<iq type='set' id='1'><enable xmlns='urn:xmpp:push:0' jid='a.b' node='" + node + "'/></iq>");
    };
    EXPECT_THAT(ask("1"), HasSubstr("type='result'"));
    EXPECT_THAT(ask("2"), HasSubstr("type='result'"));
    EXPECT_THAT(ask("3"), HasSubstr("<resource-constraint "));
    EXPECT_THAT(ask("2"), HasSubstr("type='result'"));
}

INSTANTIATE_TEST_SUITE_P(Shards, PushTest, testing::Values(1u, 2u));
INSTANTIATE_TEST_SUITE_P(Shards, PushOptionsTest, testing::Values(1u, 2u));

}  // namespace
}  // namespace rookery::test
