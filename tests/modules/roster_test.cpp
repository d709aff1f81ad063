// The roster over whole streams; the conversations of RFC 6121 are plays (tests/scenarios/roster, subscriptions).
#include <gtest/gtest.h>

#include "tests/modules/contacts.h"

namespace rookery::test {
namespace {

std::string roster_iq(std::string_view type, std::string_view content, std::string_view query_attributes = "") {
    return "<iq type='" + std::string(type) + "' id='r'><query xmlns='jabber:iq:roster'" +
           std::string(query_attributes) + ">" + std::string(content) + "</query></iq>";
}

class RosterTest : public testing::Test {
protected:
    std::string ask(TestClient& client, std::string_view stanza) {
        client.send(stanza);
        return client.receive();
    }
    std::string set(TestClient& client, std::string_view item) { return ask(client, roster_iq("set", item)); }
    std::string get(TestClient& client, std::string_view attributes = "") {
        return ask(client, roster_iq("get", "", attributes));
    }
    Roster stored(std::string_view owner) { return stored_roster(server, owner); }
    void expect_error(const std::string& answer, std::string_view condition) {
        EXPECT_TRUE(has(answer, "type='error'") && has(answer, "<" + std::string(condition) + " ")) << answer;
    }

    TestServer server;
    TestClient juliet{server, "juliet@localhost/balcony"};
};

TEST_F(RosterTest, NewAccountHasAnEmptyOne) {
    EXPECT_EQ(get(juliet), "<iq to='juliet@localhost/balcony' id='r' type='result'>"
                           "<query xmlns='jabber:iq:roster'/></iq>");
}

TEST_F(RosterTest, SetKeepsNameAndGroupsAndPushesThem) {
    get(juliet);
    const std::string answer = set(juliet, "<item jid='romeo@example.net/x' name='Romeo' ask='subscribe' "
                                           "subscription='both'><group>Friends</group></item>");
    EXPECT_TRUE(has(answer, "'><item jid='romeo@example.net' name='Romeo' "
                            "subscription='none'><group>Friends</group></item></query>"))
        << answer;
    EXPECT_TRUE(has(answer, "id='r' type='result'/>")) << answer;
    const Roster roster = stored("juliet@localhost");
    ASSERT_EQ(roster.items.size(), 1u);
    EXPECT_TRUE(has(answer, "<query xmlns='jabber:iq:roster' ver='" + std::to_string(roster.version) + "'>")) << answer;
}

TEST_F(RosterTest, AnAccountThatWasRemovedMeanwhileHasNone) {
    get(juliet);
    ASSERT_TRUE(server.wait(server.storage().stores().accounts.remove(jid("juliet@localhost"))).ok());
    expect_error(set(juliet, "<item jid='romeo@localhost'/>"), "item-not-found");
}

// RFC 6121 2.3.3, R15.
TEST_F(RosterTest, BadSetsAreRefused) {
    const std::string long_text(1'024, 'x');
    std::string many_groups = "<item jid='a@b'>";
    for (int i = 0; i < 33; ++i) many_groups += "<group>" + std::to_string(i) + "</group>";
    many_groups += "</item>";
    expect_error(set(juliet, ""), "bad-request");
    expect_error(set(juliet, "<item jid='a@b'/><item jid='c@d'/>"), "bad-request");
    expect_error(set(juliet, "<item/>"), "bad-request");
    expect_error(set(juliet, "<group>g</group>"), "bad-request");
    expect_error(set(juliet, "<item jid='@'/>"), "jid-malformed");
    expect_error(set(juliet, "<item jid='juliet@localhost'/>"), "not-allowed");
    expect_error(set(juliet, "<item jid='a@b' name='" + long_text + "'/>"), "not-acceptable");
    expect_error(set(juliet, "<item jid='a@b'><group/></item>"), "not-acceptable");
    expect_error(set(juliet, "<item jid='a@b'><group>" + long_text + "</group></item>"), "not-acceptable");
    expect_error(set(juliet, "<item jid='a@b'><group>g</group><group>g</group></item>"), "bad-request");
    expect_error(set(juliet, many_groups), "not-acceptable");
    expect_error(set(juliet, "<item jid='a@b' subscription='remove'/>"), "item-not-found");
    EXPECT_TRUE(stored("juliet@localhost").items.empty());
}

// R15: many contacts, each within its limits, are still too much for everybody who has to read them.
TEST_F(RosterTest, IsBoundedInBytes) {
    std::string groups;
    for (int i = 10; i < 42; ++i) groups += "<group>" + std::to_string(i) + std::string(998, 'g') + "</group>";
    const auto add = [&](int i) { return set(juliet, "<item jid='a" + std::to_string(i) + "@b'>" + groups + "</item>"); };
    for (int i = 0; i < 65; ++i) EXPECT_TRUE(has(add(i), "type='result'")) << i;
    expect_error(add(65), "resource-constraint");
    const std::string renamed = "<item jid='a7@b' name='longer'>" + groups + "</item>";
    EXPECT_TRUE(has(set(juliet, renamed), "type='result'")) << "a replaced item counts once";
    set(juliet, "<item jid='a0@b' subscription='remove'/>");
    EXPECT_TRUE(has(add(65), "type='result'"));
    expect_error(add(0), "resource-constraint");
    EXPECT_TRUE(has(set(juliet, "<item jid='a1@b'/>"), "type='result'"));
    EXPECT_TRUE(has(add(0), "type='result'"));
    EXPECT_EQ(stored("juliet@localhost").items.size(), 66u);
}

// A bound that was lowered refuses what adds, not what takes away.
TEST_F(RosterTest, SmallerItemsAlwaysFit) {
    RosterItem large(jid("a@b"));
    large.groups.assign(1, std::string(3 << 20, 'g'));
    (void)server.wait(server.storage().stores().roster.put(jid("juliet@localhost"), large, 10)).value();
    expect_error(set(juliet, "<item jid='c@d'/>"), "resource-constraint");
    EXPECT_TRUE(has(set(juliet, "<item jid='a@b'/>"), "type='result'"));
    EXPECT_TRUE(has(set(juliet, "<item jid='c@d'/>"), "type='result'"));
}

TEST_F(RosterTest, LongestNameAndMostGroupsFit) {
    std::string item = "<item jid='a@b' name='" + std::string(1'023, 'n') + "'>";
    for (int i = 0; i < 32; ++i) item += "<group>" + std::to_string(i) + "</group>";
    set(juliet, item + "</item>");
    const Roster roster = stored("juliet@localhost");
    ASSERT_EQ(roster.items.size(), 1u);
    EXPECT_EQ(roster.items[0].groups.size(), 32u);
}

// R7: the same answer whether the other one exists or not.
TEST_F(RosterTest, OthersRostersAreForbidden) {
    TestClient romeo(server, "romeo@localhost/orchard");
    get(romeo);
    for (const std::string to : {"romeo@localhost", "romeo@localhost/orchard", "nobody@localhost", "localhost"}) {
        expect_error(ask(juliet, "<iq type='get' id='x' to='" + to + "'><query xmlns='jabber:iq:roster'/></iq>"),
                     "forbidden");
        expect_error(ask(juliet, "<iq type='set' id='x' to='" + to + "'><query xmlns='jabber:iq:roster'>"
                                 "<item jid='evil@localhost' subscription='both'/></query></iq>"),
                     "forbidden");
    }
    EXPECT_EQ(romeo.receive(), "");
}

TEST_F(RosterTest, OnlyInterestedResourcesGetPushes) {
    TestClient chamber(server, "juliet@localhost/chamber");
    chamber.become_available();
    get(juliet);
    set(juliet, "<item jid='romeo@example.net'/>");
    EXPECT_EQ(chamber.receive(), "");
    get(chamber);
    const std::string answer = set(juliet, "<item jid='nurse@example.net'/>");
    EXPECT_TRUE(has(answer, "nurse@example.net"));
    EXPECT_TRUE(has(chamber.receive(), "nurse@example.net"));
}

// --- versions (2.6) -----------------------------------------------------------------------------------------------

class RosterVersions : public RosterTest {
protected:
    void SetUp() override {
        get(juliet);
        for (const char* contact : {"a@example.net", "b@example.net", "c@example.net"})
            set(juliet, "<item jid='" + std::string(contact) + "'/>");
    }
    std::string version(int back = 0) { return std::to_string(stored("juliet@localhost").version - std::uint64_t(back)); }
};

TEST_F(RosterVersions, UnknownOnesGetTheWholeRoster) {
    for (const std::string ver : {"", "x", "-1", "99999999999999999999999", "1000"}) {
        const std::string answer = get(juliet, " ver='" + ver + "'");
        EXPECT_TRUE(has(answer, "<query xmlns='jabber:iq:roster' ver='" + version() + "'>")) << answer;
        EXPECT_TRUE(has(answer, "a@example.net") && has(answer, "c@example.net")) << answer;
    }
}

TEST_F(RosterVersions, CurrentOneGetsAnEmptyResult) {
    const std::string answer = get(juliet, " ver='" + version() + "'");
    EXPECT_EQ(answer, "<iq to='juliet@localhost/balcony' id='r' type='result'/>");
}

TEST_F(RosterVersions, OlderOneGetsTheChangesAfterTheResult) {
    const std::string known = version();
    set(juliet, "<item jid='b@example.net' name='B'/>");
    set(juliet, "<item jid='a@example.net' subscription='remove'/>");
    const std::string answer = get(juliet, " ver='" + known + "'");
    const auto result = answer.find("id='r' type='result'/>");
    const auto changed = answer.find("ver='" + known + "'><item jid='b@example.net' name='B'");
    const auto removed = answer.find("ver='" + version() + "'><item jid='a@example.net' subscription='remove'");
    EXPECT_TRUE(result < changed && changed < removed && removed != std::string::npos) << answer;
    EXPECT_FALSE(has(answer, "c@example.net"));
}

TEST_F(RosterVersions, FeaturesAreOffered) {
    auto wire = server.connect({});
    std::string text;
    wire->send("<stream:stream to='localhost' version='1.0' xmlns='jabber:client' "
               "xmlns:stream='http://etherx.jabber.org/streams'>");
    wire->send("<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>AGp1bGlldABzZWNyZXQ=</auth>");
    wire->receive(text, Milliseconds(0));
    text.clear();
    wire->send("<stream:stream to='localhost' version='1.0' xmlns='jabber:client' "
               "xmlns:stream='http://etherx.jabber.org/streams'>");
    wire->receive(text, Milliseconds(0));
    EXPECT_TRUE(has(text, "<ver xmlns='urn:xmpp:features:rosterver'/>")) << text;
    EXPECT_TRUE(has(text, "<sub xmlns='urn:xmpp:features:pre-approval'/>")) << text;
}

// --- subscriptions ------------------------------------------------------------------------------------------------

class SubscriptionTest : public RosterTest {
protected:
    void subscribe(TestClient& client, std::string_view to) {
        client.send("<presence type='subscribe' to='" + std::string(to) + "'/>");
    }
    Subscription of(std::string_view owner, std::string_view contact) {
        const Roster roster = stored(owner);
        const RosterItem* item = find_item(roster, jid(contact));
        return item ? item->subscription : Subscription::none;
    }

    TestClient romeo{server, "romeo@localhost/orchard"};
};

TEST_F(SubscriptionTest, BothWays) {
    juliet.become_available();
    romeo.become_available();
    subscribe(romeo, "juliet@localhost");
    EXPECT_EQ(juliet.receive(), "<presence from='romeo@localhost' to='juliet@localhost' type='subscribe'/>");
    juliet.send("<presence type='subscribed' to='romeo@localhost'/>");
    juliet.receive();
    EXPECT_TRUE(has(romeo.receive(), "<presence from='juliet@localhost/balcony' to='romeo@localhost'/>"));
    EXPECT_EQ(of("romeo@localhost", "juliet@localhost"), Subscription::to);
    EXPECT_EQ(of("juliet@localhost", "romeo@localhost"), Subscription::from);
    subscribe(juliet, "romeo@localhost");
    romeo.receive();
    romeo.send("<presence type='subscribed' to='juliet@localhost'/>");
    EXPECT_EQ(of("romeo@localhost", "juliet@localhost"), Subscription::both);
    EXPECT_EQ(of("juliet@localhost", "romeo@localhost"), Subscription::both);
}

TEST_F(SubscriptionTest, RequestsWaitUntilTheyAreAnswered) {
    romeo.send("<presence type='subscribe' to='juliet@localhost/x'><status>let me in</status></presence>");
    const std::string request = "<presence from='romeo@localhost' to='juliet@localhost' type='subscribe'>"
                                "<status>let me in</status></presence>";
    for (int login = 0; login < 2; ++login) {
        TestClient chamber(server, "juliet@localhost/chamber");
        chamber.send("<presence/>");
        EXPECT_TRUE(has(chamber.receive(), request));
        chamber.leave();
    }
    juliet.become_available();
    juliet.send("<presence type='unsubscribed' to='romeo@localhost'/>");
    TestClient chamber(server, "juliet@localhost/chamber");
    chamber.send("<presence/>");
    EXPECT_FALSE(has(chamber.receive(), "subscribe"));
}

// What a stranger adds to a request is kept only up to a bound.
TEST_F(SubscriptionTest, LargeRequestIsStoredWithoutItsContent) {
    romeo.send("<presence type='subscribe' to='juliet@localhost'><status>" + std::string(5'000, 'x') + "</status></presence>");
    juliet.send("<presence/>");
    EXPECT_TRUE(has(juliet.receive(), "<presence from='romeo@localhost' to='juliet@localhost' type='subscribe'/>"));
}

// 3.1.3: no sign whether the user exists.
TEST_F(SubscriptionTest, MissingUserIsSilent) {
    get(romeo);
    subscribe(romeo, "nobody@localhost");
    const std::string answer = romeo.receive();
    EXPECT_TRUE(has(answer, "ask='subscribe'")) << answer;
    EXPECT_FALSE(has(answer, "<presence")) << answer;
}

// RFC 6120 10.4.3 for the client; the request stays open and is repeated (RFC 6121 3.1.2).
TEST_F(SubscriptionTest, WhereNoServerIsReachedTheClientIsTold) {
    get(romeo);
    TestClient chamber(server, "romeo@localhost/chamber");
    subscribe(romeo, "juliet@example.net");
    const std::string answer = romeo.receive();
    EXPECT_TRUE(has(answer, "<item jid='juliet@example.net' subscription='none' ask='subscribe'/>")) << answer;
    EXPECT_TRUE(has(answer, "<presence from='juliet@example.net' to='romeo@localhost/orchard' type='error'>")) << answer;
    EXPECT_TRUE(has(answer, "<remote-server-not-found ")) << answer;
    EXPECT_EQ(chamber.receive(), "");
    EXPECT_TRUE(stored("romeo@localhost").items.at(0).ask_subscribe);
    romeo.send("<presence type='unsubscribe' to='juliet@example.net'/>");
    EXPECT_FALSE(has(romeo.receive(), "type='error'"));
    EXPECT_FALSE(stored("romeo@localhost").items.at(0).ask_subscribe);
}

TEST_F(SubscriptionTest, ToOneselfMeansNothing) {
    subscribe(romeo, "romeo@localhost");
    EXPECT_EQ(romeo.receive(), "");
    EXPECT_TRUE(stored("romeo@localhost").items.empty());
}

// R14.
TEST_F(SubscriptionTest, StrangersAreAskedAtABoundedRate) {
    for (int i = 0; i < 20; ++i) subscribe(romeo, "user" + std::to_string(i) + "@localhost");
    EXPECT_EQ(romeo.receive(), "");
    subscribe(romeo, "user20@localhost");
    const std::string refused = romeo.receive();
    expect_error(refused, "resource-constraint");
    EXPECT_TRUE(has(refused, "to='romeo@localhost/orchard'")) << refused;
    ASSERT_TRUE(server.advance(std::chrono::minutes(3)).ok());
    subscribe(romeo, "user20@localhost");
    EXPECT_EQ(romeo.receive(), "");
    EXPECT_EQ(stored("romeo@localhost").items.size(), 21u);
}

TEST_F(SubscriptionTest, PreApprovalAnswersForTheUser) {
    get(juliet);
    juliet.send("<presence type='subscribed' to='romeo@localhost'/>");
    EXPECT_TRUE(has(juliet.receive(), "subscription='none' approved='true'"));
    juliet.become_available();
    romeo.become_available();
    get(romeo);
    subscribe(romeo, "juliet@localhost");
    const std::string told = juliet.receive();
    EXPECT_TRUE(has(told, "subscription='from' approved='true'")) << told;
    EXPECT_FALSE(has(told, "type='subscribe'")) << told;
    const std::string came = romeo.receive();
    EXPECT_TRUE(has(came, "<presence from='juliet@localhost' to='romeo@localhost' type='subscribed'/>")) << came;
    EXPECT_TRUE(has(came, "subscription='to'")) << came;
    EXPECT_TRUE(has(came, "<presence from='juliet@localhost/balcony' to='romeo@localhost'/>")) << came;
}

TEST_F(SubscriptionTest, PreApprovalIsTakenBack) {
    get(juliet);
    juliet.send("<presence type='subscribed' to='romeo@localhost'/>");
    juliet.send("<presence type='unsubscribed' to='romeo@localhost'/>");
    juliet.receive();
    EXPECT_FALSE(stored("juliet@localhost").items.at(0).approved);
    EXPECT_EQ(romeo.receive(), "");
}

// The other side lost its roster: it is answered although nothing changes here.
TEST_F(SubscriptionTest, WhoSeesUsAlreadyIsAnsweredAtOnce) {
    put_contact(server, "juliet@localhost", "romeo@localhost", Subscription::from);
    juliet.become_available();
    romeo.become_available();
    subscribe(romeo, "juliet@localhost");
    romeo.receive();
    EXPECT_EQ(juliet.receive(), "");
    EXPECT_EQ(of("romeo@localhost", "juliet@localhost"), Subscription::to);
}

TEST_F(SubscriptionTest, RemovalEndsBothDirections) {
    befriend(server, "juliet@localhost", "romeo@localhost");
    juliet.become_available();
    romeo.become_available();
    get(romeo);
    romeo.receive();
    set(juliet, "<item jid='romeo@localhost' subscription='remove'/>");
    const std::string told = romeo.receive();
    const auto gone = told.find("<presence from='juliet@localhost/balcony' to='romeo@localhost' type='unavailable'/>");
    const auto cancelled = told.find("<presence from='juliet@localhost' to='romeo@localhost' type='unsubscribed'/>");
    EXPECT_TRUE(gone < cancelled && cancelled != std::string::npos) << told;
    EXPECT_TRUE(has(told, "<presence from='juliet@localhost' to='romeo@localhost' type='unsubscribe'/>")) << told;
    EXPECT_EQ(of("romeo@localhost", "juliet@localhost"), Subscription::none);
    EXPECT_TRUE(stored("juliet@localhost").items.empty());
}

// --- the administrator's verbs ------------------------------------------------------------------------------------

class RosterCommands : public RosterTest {
protected:
    Result<Value> add(std::string local, std::string subscription) {
        return server.run_command(
            "add_rosteritem", {{"localuser", local}, {"localhost", "localhost"}, {"user", "romeo"}, {"host", "example.net"},
                               {"nick", "Romeo"}, {"groups", "Friends;Verona;Friends"}, {"subs", subscription}});
    }
    Result<Value> remove(std::string local) {
        return server.run_command(
            "delete_rosteritem", {{"localuser", local}, {"localhost", "localhost"}, {"user", "romeo"}, {"host", "example.net"}});
    }
};

TEST_F(RosterCommands, ChangeTheRosterAndTellItsOwner) {
    get(juliet);
    ASSERT_TRUE(add("juliet", "both").ok());
    EXPECT_TRUE(has(juliet.receive(), "<item jid='romeo@example.net' name='Romeo' subscription='both'>"
                                      "<group>Friends</group><group>Verona</group></item>"));
    ASSERT_TRUE(remove("juliet").ok());
    EXPECT_TRUE(has(juliet.receive(), "<item jid='romeo@example.net' subscription='remove'/>"));
    EXPECT_TRUE(stored("juliet@localhost").items.empty());
}

TEST(RosterCommandBounds, AreThoseOfTheHost) {
    TestServerOptions options;
    options.modules = {{"roster", "max_items: 1"}};
    TestServer server(options);
    TestClient juliet(server, "juliet@localhost/balcony");
    const auto add = [&server](std::string user) {
        return server.run_command("add_rosteritem", {{"localuser", "juliet"}, {"localhost", "localhost"}, {"user", user},
                                                     {"host", "example.net"}, {"nick", ""}, {"groups", ""}, {"subs", "none"}});
    };
    EXPECT_TRUE(add("romeo").ok());
    EXPECT_TRUE(add("romeo").ok());
    const Result<Value> second = add("nurse");
    ASSERT_FALSE(second.ok());
    EXPECT_EQ(second.error().code, ErrorCode::limit);
}

TEST_F(RosterCommands, AreBoundedLikeAClientsChange) {
    const auto add = [this](std::string user, std::string host, std::string nick, std::string groups) {
        return server.run_command("add_rosteritem",
                                  {{"localuser", "juliet"}, {"localhost", "localhost"}, {"user", user}, {"host", host},
                                   {"nick", nick}, {"groups", groups}, {"subs", "none"}});
    };
    std::string groups;
    for (int i = 1; i <= 32; ++i) groups += std::to_string(i) + ";";
    const std::string long_text(1'023, 'x');
    EXPECT_TRUE(add("romeo", "example.net", long_text, groups).ok());
    EXPECT_TRUE(add("romeo", "example.net", "", long_text).ok());
    EXPECT_FALSE(add("romeo", "example.net", long_text + "x", "").ok());
    EXPECT_FALSE(add("romeo", "example.net", "", groups + "33").ok());
    EXPECT_FALSE(add("romeo", "example.net", "", long_text + "x").ok());
    EXPECT_FALSE(add("juliet", "localhost", "", "").ok()) << "nobody is his own contact";
}

TEST_F(RosterCommands, AreRefusedWithoutSense) {
    EXPECT_FALSE(add("nobody", "both").ok());
    EXPECT_FALSE(add("juliet", "friend").ok());
    EXPECT_FALSE(add("@", "both").ok());
    EXPECT_FALSE(remove("juliet").ok());
}

}  // namespace
}  // namespace rookery::test
