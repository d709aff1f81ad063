// XEP-0313, XEP-0431 and XEP-0441 over whole streams.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/modules/contacts.h"
#include "tests/support/test_client.h"
#include "tests/support/text_between.h"

namespace rookery::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

using Texts = std::vector<std::string>;

std::string between(const std::string& text, std::string_view begin, std::string_view end) {
    const Texts found = all_between(text, begin, end);
    return found.empty() ? "" : found.front();
}

Texts bodies(const std::string& text) { return all_between(text, "<body>", "</body>"); }
Texts result_ids(const std::string& text) { return all_between(text, "<result xmlns='urn:xmpp:mam:2' queryid='f' id='", "'"); }
Texts stamps(const std::string& text) { return all_between(text, "<delay xmlns='urn:xmpp:delay' stamp='", "'"); }
std::string fin(const std::string& text) { return between(text, "<fin ", "</fin>"); }
std::string live_id(const std::string& text) { return between(text, "<stanza-id xmlns='urn:xmpp:sid:0' id='", "'"); }

std::string chat(std::string_view to, std::string_view body) {
    return "<message to='" + std::string(to) + "' type='chat' id='m'><body>" + std::string(body) + "</body></message>";
}

std::string query(std::string_view content = "", std::string_view to = "") {
    return "<iq type='set' id='q'" + (to.empty() ? std::string() : " to='" + std::string(to) + "'") +
           "><query xmlns='urn:xmpp:mam:2' queryid='f'>" + std::string(content) + "</query></iq>";
}

std::string field(std::string_view var, const Texts& values) {
    std::string text = "<field var='" + std::string(var) + "'>";
    for (const std::string& value : values) text += "<value>" + value + "</value>";
    return text + "</field>";
}

std::string form(const std::string& fields) {
    return "<x xmlns='jabber:x:data' type='submit'>" + field("FORM_TYPE", {"urn:xmpp:mam:2"}) + fields + "</x>";
}

std::string set(std::string_view content) { return "<set xmlns='http://jabber.org/protocol/rsm'>" + std::string(content) + "</set>"; }

std::string prefs(std::string_view policy, std::string_view always = "", std::string_view never = "") {
    const auto list = [](std::string_view jid) { return jid.empty() ? std::string() : "<jid>" + std::string(jid) + "</jid>"; };
    return "<iq type='set' id='p'><prefs xmlns='urn:xmpp:mam:2' default='" + std::string(policy) + "'><always>" + list(always) +
           "</always><never>" + list(never) + "</never></prefs></iq>";
}

TestServerOptions with(const std::string& yaml) {
    TestServerOptions options;
    options.config_yaml = yaml;
    return options;
}

struct World {
    explicit World(TestServerOptions options = {}) : server(std::move(options)) {
        (void)server.make_account("romeo", "localhost", "secret");
        juliet = std::make_unique<TestClient>(server, "juliet@localhost/balcony");
    }
    // romeo is away unless he was asked for.
    TestClient& romeo() {
        if (!romeo_) {
            romeo_ = std::make_unique<TestClient>(server, "romeo@localhost/orchard");
            romeo_->become_available();
        }
        return *romeo_;
    }
    void say(int count, int first = 0) {
        for (int i = first; i < first + count; ++i) EXPECT_EQ(juliet->ask(chat("romeo@localhost", std::to_string(i))), "");
    }
    std::string ask(std::string_view content = "") { return juliet->ask(query(content)); }
    std::uint64_t kept(std::string_view whose) { return server.wait(server.storage().stores().archive.count(jid(whose))).value(); }
    std::uint64_t waiting() {
        if (!server.advance(Seconds(2))) ADD_FAILURE();
        return server.wait(server.storage().stores().log.load_delivery(jid("romeo@localhost"))).value().messages;
    }

    TestServer server;
    std::unique_ptr<TestClient> juliet;
    std::unique_ptr<TestClient> romeo_;
};

// --- what is kept -------------------------------------------------------------------------------------------------

TEST(Archive, HasBothSidesOfAConversation) {
    World play;
    TestClient& romeo = play.romeo();
    romeo.receive();
    play.juliet->send(chat("romeo@localhost", "1"));
    const std::string live = romeo.receive();
    romeo.send(chat("juliet@localhost/balcony", "2"));
    play.juliet->receive();

    const std::string hers = play.ask();
    EXPECT_THAT(bodies(hers), ElementsAre("1", "2"));
    const std::string his = romeo.ask(query());
    EXPECT_THAT(bodies(his), ElementsAre("1", "2"));
    EXPECT_EQ(result_ids(his).front(), live_id(live));
    EXPECT_NE(result_ids(hers).front(), live_id(live));
    EXPECT_THAT(fin(his), HasSubstr("complete='true'"));
}

TEST(Archive, AnswersAsTheSpecificationWantsIt) {
    World play;
    play.say(1);
    const std::string got = play.ask();
    const std::string id = result_ids(got).front();
    const std::string stamp = stamps(got).front();
    EXPECT_EQ(got, "<message from='juliet@localhost' to='juliet@localhost/balcony'>"
                   "<result xmlns='urn:xmpp:mam:2' queryid='f' id='" + id + "'><forwarded xmlns='urn:xmpp:forward:0'>"
                   "<delay xmlns='urn:xmpp:delay' stamp='" + stamp + "'/>"
                   "<message xmlns='jabber:client' from='juliet@localhost/balcony' to='romeo@localhost' id='m' type='chat'>"
                   "<body>0</body><stanza-id xmlns='urn:xmpp:sid:0' id='" + id + "' by='juliet@localhost'/></message>"
                   "</forwarded></result></message>"
                   "<iq to='juliet@localhost/balcony' id='q' type='result'>"
                   "<fin xmlns='urn:xmpp:mam:2' complete='true'><set xmlns='http://jabber.org/protocol/rsm'>"
                   "<first index='0'>" + id + "</first><last>" + id + "</last><count>1</count></set></fin></iq>");
}

TEST(Archive, KeepsWhatHasSomethingToSay) {
    World play;
    const auto keeps = [&play](std::string_view content, std::string_view type = "chat") {
        const std::uint64_t before = play.kept("romeo@localhost");
        play.juliet->ask("<message to='romeo@localhost' type='" + std::string(type) + "'>" + std::string(content) + "</message>");
        const std::uint64_t after = play.kept("romeo@localhost");
        EXPECT_EQ(after - before, play.kept("juliet@localhost") - before) << content;
        return after > before;
    };
    EXPECT_TRUE(keeps("<body>x</body>"));
    EXPECT_TRUE(keeps("<body>x</body>", "normal"));
    EXPECT_TRUE(keeps("<received xmlns='urn:xmpp:receipts' id='1'/>"));
    EXPECT_TRUE(keeps("<displayed xmlns='urn:xmpp:chat-markers:0' id='1'/>"));
    EXPECT_TRUE(keeps("<encrypted xmlns='urn:xmpp:omemo:2'/>"));
    EXPECT_TRUE(keeps("<propose xmlns='urn:xmpp:jingle-message:0' id='1'/>"));
    EXPECT_TRUE(keeps("<store xmlns='urn:xmpp:hints'/>"));
    EXPECT_FALSE(keeps("<composing xmlns='http://jabber.org/protocol/chatstates'/>"));
    EXPECT_FALSE(keeps("<body>x</body><no-store xmlns='urn:xmpp:hints'/>"));
    EXPECT_FALSE(keeps("<body>x</body>", "headline"));
    EXPECT_FALSE(keeps("<body>x</body>", "groupchat"));
    EXPECT_FALSE(keeps("<body>x</body>", "error"));
    EXPECT_FALSE(keeps("<event xmlns='http://jabber.org/protocol/pubsub#event'/>", "normal"));
}

TEST(Archive, HasNothingThatWasRefused) {
    World play;
    play.romeo();
    EXPECT_THAT(play.juliet->ask("<message to='romeo@localhost/nowhere'><body>x</body></message>"), HasSubstr("<service-unavailable"));
    EXPECT_THAT(play.juliet->ask(chat("nobody@localhost", "x")), HasSubstr("<service-unavailable"));
    EXPECT_THAT(play.juliet->ask(chat("elsewhere.example", "x")), HasSubstr("<remote-server-not-found"));
    EXPECT_THAT(play.juliet->ask(chat("localhost", "x")), HasSubstr("type='error'"));
    EXPECT_EQ(play.kept("juliet@localhost"), 0u);
    EXPECT_EQ(play.kept("romeo@localhost"), 0u);
}

TEST(Archive, HasAMessageToOneselfOnce) {
    World play;
    play.juliet->become_available();
    const std::string live = play.juliet->ask("<message type='chat'><body>note</body></message>");
    const std::string got = play.ask(form(field("with", {"juliet@localhost"})));
    EXPECT_THAT(bodies(got), ElementsAre("note"));
    EXPECT_EQ(result_ids(got), Texts{live_id(live)});
}

// Clients take every id of ours for one they can ask the archive about.
TEST(Archive, GivesNoIdToWhatItDoesNotHave) {
    World play;
    TestClient& romeo = play.romeo();
    EXPECT_THAT(romeo.ask(prefs("never")), HasSubstr("type='result'"));
    play.juliet->send(chat("romeo@localhost", "1"));
    const std::string live = romeo.receive();
    EXPECT_THAT(live, HasSubstr("<body>1</body>"));
    EXPECT_THAT(live, Not(HasSubstr("stanza-id")));
    romeo.ask("<presence type='unavailable'/>");
    play.juliet->send(chat("romeo@localhost", "2"));
    const std::string late = romeo.ask("<presence/>");
    EXPECT_THAT(late, HasSubstr("<body>2</body>"));
    EXPECT_THAT(late, Not(HasSubstr("stanza-id")));
}

// --- pages --------------------------------------------------------------------------------------------------------

TEST(Archive, IsReadPageByPage) {
    World play;
    play.say(25);
    std::string page = play.ask(set("<max>10</max>"));
    EXPECT_EQ(bodies(page).size(), 10u);
    EXPECT_THAT(fin(page), HasSubstr("<count>25</count>"));
    EXPECT_THAT(fin(page), Not(HasSubstr("complete")));
    page = play.ask(set("<max>10</max><after>" + result_ids(page).back() + "</after>"));
    EXPECT_THAT(bodies(page).front(), "10");
    EXPECT_THAT(fin(page), Not(HasSubstr("complete")));
    page = play.ask(set("<max>10</max><after>" + result_ids(page).back() + "</after>"));
    EXPECT_THAT(bodies(page), ElementsAre("20", "21", "22", "23", "24"));
    EXPECT_THAT(fin(page), HasSubstr("complete='true'"));
    page = play.ask(set("<after>" + result_ids(page).back() + "</after>"));
    EXPECT_THAT(bodies(page), ElementsAre());
    EXPECT_THAT(fin(page), HasSubstr("complete='true'"));
}

TEST(Archive, IsReadFromItsEnd) {
    World play;
    play.say(5);
    std::string page = play.ask(set("<max>2</max><before/>"));
    EXPECT_THAT(bodies(page), ElementsAre("3", "4"));
    EXPECT_THAT(fin(page), Not(HasSubstr("index")));  // slixmpp would go no further back
    page = play.ask(set("<max>2</max><before>" + result_ids(page).front() + "</before>"));
    EXPECT_THAT(bodies(page), ElementsAre("1", "2"));
    page = play.ask(set("<max>2</max><before>" + result_ids(page).front() + "</before>"));
    EXPECT_THAT(bodies(page), ElementsAre("0"));
    EXPECT_THAT(fin(page), HasSubstr("complete='true'"));
}

TEST(Archive, FlipsPages) {
    World play;
    play.say(3);
    const std::string straight = play.ask(set("<max>2</max><before/>"));
    const std::string flipped = play.ask(set("<max>2</max><before/>") + "<flip-page/>");
    EXPECT_THAT(bodies(flipped), ElementsAre("2", "1"));
    EXPECT_EQ(fin(flipped), fin(straight));
}

TEST(Archive, CountsWhereNoMessagesAreWanted) {
    World play;
    play.say(3);
    const std::string got = play.ask(set("<max>0</max>"));
    EXPECT_THAT(bodies(got), ElementsAre());
    EXPECT_THAT(fin(got), HasSubstr("<count>3</count>"));
}

// M8
TEST(Archive, HasPagesOfABoundedSize) {
    World play;
    play.say(260);
    EXPECT_EQ(bodies(play.ask(set("<max>999999999</max>"))).size(), 250u);
    EXPECT_EQ(bodies(play.ask()).size(), 100u);
}

// --- filters ------------------------------------------------------------------------------------------------------

TEST(Archive, IsFilteredByPeer) {
    World play;
    (void)play.server.make_account("nurse", "localhost", "secret");
    play.say(1);
    play.juliet->ask(chat("nurse@localhost/x", "to the nurse"));
    EXPECT_THAT(bodies(play.ask(form(field("with", {"nurse@localhost"})))), ElementsAre("to the nurse"));
    EXPECT_THAT(bodies(play.ask(form(field("with", {"nurse@localhost/x"})))), ElementsAre("to the nurse"));
    EXPECT_THAT(bodies(play.ask(form(field("with", {"nurse@localhost/y"})))), ElementsAre());
    EXPECT_THAT(bodies(play.ask(form(field("with", {"romeo@localhost"}) + field("include-groupchat", {"true"})))), ElementsAre("0"));
}

TEST(Archive, IsFilteredByTime) {
    World play;
    play.say(1, 0);
    ASSERT_TRUE(play.server.advance(std::chrono::hours(1)).ok());
    play.say(1, 1);
    const Texts at = stamps(play.ask());
    ASSERT_EQ(at.size(), 2u);
    EXPECT_THAT(bodies(play.ask(form(field("start", {at[1]})))), ElementsAre("1"));
    EXPECT_THAT(bodies(play.ask(form(field("end", {at[0]})))), ElementsAre("0"));
    EXPECT_THAT(bodies(play.ask(form(field("start", {at[1]}) + field("end", {at[0]})))), ElementsAre());
}

TEST(Archive, IsFilteredById) {
    World play;
    play.say(5);
    const Texts ids = result_ids(play.ask());
    ASSERT_EQ(ids.size(), 5u);
    EXPECT_THAT(bodies(play.ask(form(field("after-id", {ids[1]})))), ElementsAre("2", "3", "4"));
    EXPECT_THAT(bodies(play.ask(form(field("after-id", {ids[0]}) + field("before-id", {ids[3]})))), ElementsAre("1", "2"));
    EXPECT_THAT(bodies(play.ask(form(field("ids", {ids[3], ids[1], ids[1]})))), ElementsAre("1", "3"));
    const std::string some = play.ask(form(field("ids", ids)) + set("<max>2</max><after>" + ids[1] + "</after>"));
    EXPECT_THAT(bodies(some), ElementsAre("2", "3"));
    EXPECT_THAT(fin(some), Not(HasSubstr("complete")));
    EXPECT_THAT(bodies(play.ask(form(field("ids", ids)) + set("<max>2</max><before/>"))), ElementsAre("3", "4"));
}

TEST(Archive, IsSearched) {
    World play;
    play.juliet->ask(chat("romeo@localhost", "Romeo, wherefore art thou"));
    play.juliet->ask(chat("romeo@localhost", "Good night"));
    const auto search = [&play](const std::string& words) {
        return play.ask(form(field("{urn:xmpp:fulltext:0}fulltext", {words})));
    };
    EXPECT_THAT(bodies(search("wherefore romeo")), ElementsAre("Romeo, wherefore art thou"));
    EXPECT_THAT(bodies(search("tybalt")), ElementsAre());
    EXPECT_THAT(bodies(search("NIGHT")), ElementsAre("Good night"));
    // M14
    EXPECT_THAT(search("%_*\\"), HasSubstr("<bad-request"));
    EXPECT_THAT(bodies(search("night* OR romeo")), ElementsAre());
    EXPECT_THAT(search(std::string(10'000, 'x')), HasSubstr("<bad-request"));
}

// M8
TEST(Archive, RefusesQuestionsWithoutSense) {
    World play;
    play.say(1);
    const std::string unknown = "0000000000001";
    EXPECT_THAT(play.ask(set("<max>-5</max>")), HasSubstr("<bad-request"));
    EXPECT_THAT(play.ask(set("<index>1</index>")), HasSubstr("<feature-not-implemented"));
    EXPECT_THAT(play.ask(set("<after>' OR 1=1--</after>")), HasSubstr("<item-not-found"));
    EXPECT_THAT(play.ask(set("<after>" + unknown + "</after>")), HasSubstr("<item-not-found"));
    EXPECT_THAT(play.ask(set("<before>" + unknown + "</before>")), HasSubstr("<item-not-found"));
    for (const char* var : {"after-id", "before-id", "ids"})
        EXPECT_THAT(play.ask(form(field(var, {unknown}))), HasSubstr("<item-not-found")) << var;
    EXPECT_THAT(play.ask(form(field("colour", {"red"}))), HasSubstr("<feature-not-implemented"));
    EXPECT_THAT(play.ask(form(field("start", {"yesterday"}))), HasSubstr("<bad-request"));
    EXPECT_THAT(play.ask(form(field("with", {"@"}))), HasSubstr("<bad-request"));
    EXPECT_THAT(play.ask(form(field("ids", {unknown}) + field("with", {"romeo@localhost"}))), HasSubstr("<bad-request"));
    EXPECT_THAT(play.ask(form(field("ids", Texts(251, unknown)))), HasSubstr("<bad-request"));
    EXPECT_THAT(play.ask("<x xmlns='jabber:x:data' type='submit'>" + field("FORM_TYPE", {"urn:other"}) + "</x>"), HasSubstr("<bad-request"));
    EXPECT_THAT(play.juliet->ask("<iq type='set' id='q'><query xmlns='urn:xmpp:mam:2' queryid='" + std::string(257, 'q') + "'/></iq>"),
                HasSubstr("<bad-request"));
}

// M9
TEST(Archive, IsForbiddenToOthersWhetherOrNotTheAccountExists) {
    World play;
    for (const char* whose : {"romeo@localhost", "nobody@localhost"}) {
        EXPECT_THAT(play.juliet->ask(query("", whose)), HasSubstr("<forbidden")) << whose;
        EXPECT_THAT(play.juliet->ask("<iq type='get' id='q' to='" + std::string(whose) + "'><metadata xmlns='urn:xmpp:mam:2'/></iq>"),
                    HasSubstr("<forbidden"));
        EXPECT_THAT(play.juliet->ask("<iq type='get' id='q' to='" + std::string(whose) + "'><prefs xmlns='urn:xmpp:mam:2'/></iq>"),
                    HasSubstr("<forbidden"));
    }
}

TEST(Archive, SaysWhatMayBeAskedFor) {
    World play;
    const std::string got = play.juliet->ask("<iq type='get' id='q'><query xmlns='urn:xmpp:mam:2'/></iq>");
    for (const char* var : {"with", "start", "end", "before-id", "after-id", "ids", "include-groupchat", "{urn:xmpp:fulltext:0}fulltext"})
        EXPECT_THAT(got, HasSubstr("var='" + std::string(var) + "'"));
    EXPECT_THAT(got, HasSubstr("<open/>"));
}

TEST(Archive, SaysHowFarItReaches) {
    World play;
    const std::string ask = "<iq type='get' id='q'><metadata xmlns='urn:xmpp:mam:2'/></iq>";
    EXPECT_THAT(play.juliet->ask(ask), HasSubstr("<metadata xmlns='urn:xmpp:mam:2'/>"));
    play.say(3);
    const std::string all = play.ask();
    const std::string got = play.juliet->ask(ask);
    EXPECT_THAT(got, HasSubstr("<start id='" + result_ids(all).front() + "' timestamp='" + stamps(all).front() + "'/>"));
    EXPECT_THAT(got, HasSubstr("<end id='" + result_ids(all).back() + "' timestamp='" + stamps(all).back() + "'/>"));
}

// --- preferences --------------------------------------------------------------------------------------------------

TEST(ArchivePreferences, AreKeptAndGivenBack) {
    World play;
    const std::string get = "<iq type='get' id='g'><prefs xmlns='urn:xmpp:mam:2'/></iq>";
    EXPECT_THAT(play.juliet->ask(get), HasSubstr("<prefs xmlns='urn:xmpp:mam:2' default='always'><always/><never/></prefs>"));
    const std::string wanted = "<prefs xmlns='urn:xmpp:mam:2' default='roster'><always><jid>nurse@localhost</jid></always>"
                               "<never><jid>paris@localhost</jid></never></prefs>";
    EXPECT_THAT(play.juliet->ask(prefs("roster", "nurse@localhost", "paris@localhost")), HasSubstr(wanted));
    play.juliet->leave();
    TestClient again(play.server, "juliet@localhost/chamber");
    EXPECT_THAT(again.ask(get), HasSubstr(wanted));
}

TEST(ArchivePreferences, WithoutSenseAreRefused) {
    World play;
    EXPECT_THAT(play.juliet->ask(prefs("sometimes")), HasSubstr("<bad-request"));
    EXPECT_THAT(play.juliet->ask(prefs("always", "@")), HasSubstr("<jid-malformed"));
}

TEST(ArchivePreferences, DecideEachSideByItself) {
    World play;
    play.juliet->ask(prefs("always", "", "romeo@localhost"));
    play.say(1);
    EXPECT_EQ(play.kept("juliet@localhost"), 0u);
    EXPECT_EQ(play.kept("romeo@localhost"), 1u);
    play.romeo().ask(prefs("never", "juliet@localhost/balcony"));
    play.say(1);
    EXPECT_EQ(play.kept("romeo@localhost"), 2u);
    play.romeo().ask(prefs("never", "juliet@localhost/chamber"));
    play.say(1);
    EXPECT_EQ(play.kept("romeo@localhost"), 2u);
}

TEST(ArchivePreferences, KnowTheRoster) {
    World play;
    put_contact(play.server, "juliet@localhost", "romeo@localhost", Subscription::none);
    (void)play.server.make_account("nurse", "localhost", "secret");
    play.juliet->ask(prefs("roster"));
    play.juliet->ask(chat("nurse@localhost", "x"));
    EXPECT_EQ(play.kept("juliet@localhost"), 0u);
    play.juliet->ask(chat("romeo@localhost/orchard", "x"));
    EXPECT_EQ(play.kept("juliet@localhost"), 1u);
}

TEST(ArchivePreferences, HaveADefaultOfTheServers) {
    World play(with("modules: {mod_mam: {default: never}}"));
    play.say(1);
    EXPECT_EQ(play.kept("juliet@localhost"), 0u);
    EXPECT_EQ(play.waiting(), 1u);
    World closed(with("modules: {mod_mam: {access_preferences: none}}"));
    EXPECT_THAT(closed.juliet->ask(prefs("never")), HasSubstr("<not-allowed"));
}

TEST(ArchivePreferences, MayWaitForTheFirstQuestion) {
    World play(with("modules: {mod_mam: {request_activates_archiving: true}}"));
    play.say(1);
    EXPECT_EQ(play.kept("juliet@localhost"), 0u);
    EXPECT_THAT(bodies(play.ask()), ElementsAre());
    play.say(1);
    EXPECT_EQ(play.kept("juliet@localhost"), 1u);
    EXPECT_EQ(play.kept("romeo@localhost"), 0u);
}

// --- archive and waiting messages (DESIGN 4.4) --------------------------------------------------------------------

TEST(Archive, OfWhoAsksBeforeHisFirstPresenceDoesNotComeTwice) {
    World play;
    play.say(3);
    EXPECT_EQ(play.waiting(), 3u);
    TestClient romeo(play.server, "romeo@localhost/orchard");
    EXPECT_THAT(bodies(romeo.ask(query())), ElementsAre("0", "1", "2"));
    EXPECT_THAT(bodies(romeo.ask("<presence/>")), ElementsAre());
    EXPECT_EQ(play.waiting(), 0u);
}

TEST(Archive, OfWhoAskedForSomeTheRestComesWithHisPresence) {
    World play;
    play.say(5);
    TestClient romeo(play.server, "romeo@localhost/orchard");
    EXPECT_THAT(bodies(romeo.ask(query(set("<max>2</max><before/>")))), ElementsAre("3", "4"));
    EXPECT_THAT(bodies(romeo.ask("<presence/>")), ElementsAre("0", "1", "2"));
    EXPECT_EQ(play.waiting(), 0u);
}

TEST(Archive, ThatALostConnectionSwallowedStillWaits) {
    World play;
    play.say(2);
    TestClient romeo(play.server, "romeo@localhost/orchard");
    romeo.ask("<enable xmlns='urn:xmpp:sm:3' resume='true'/>");
    EXPECT_THAT(bodies(romeo.ask(query())), ElementsAre("0", "1"));
    romeo.drop();
    ASSERT_TRUE(play.server.advance(std::chrono::minutes(10)).ok());
    EXPECT_EQ(play.waiting(), 2u);
    TestClient again(play.server, "romeo@localhost/again");
    const std::string got = again.ask("<presence/>");
    EXPECT_THAT(bodies(got), ElementsAre("0", "1"));
    EXPECT_THAT(got, Not(HasSubstr("mam:2")));
}

TEST(Archive, KeepsWhatNobodyTakesWhereNothingWaits) {
    World play(with("modules: {mod_offline: off}"));
    EXPECT_EQ(play.juliet->ask(chat("romeo@localhost", "1")), "");
    TestClient romeo(play.server, "romeo@localhost/orchard");
    EXPECT_THAT(bodies(romeo.ask(query())), ElementsAre("1"));
}

TEST(Archive, TellsAClientThatTakesNothingToWait) {
    World play;
    for (int i = 0; i < 12; ++i) play.juliet->send(chat("romeo@localhost", std::string(200'000, 'x')));
    play.juliet->receive();
    play.juliet->stall();
    play.juliet->send(query());
    ASSERT_TRUE(play.server.advance(Seconds(15)).ok());
    const std::string got = play.juliet->receive();
    EXPECT_THAT(got, HasSubstr("<resource-constraint"));
    EXPECT_THAT(got, Not(HasSubstr("<fin ")));
}

// --- expiry and verbs ---------------------------------------------------------------------------------------------

TEST(ArchiveExpiry, ByAge) {
    World play(with("modules: {mod_mam: {max_age: 3 days}}"));
    play.romeo();
    play.say(2);
    ASSERT_TRUE(play.server.advance(std::chrono::hours(48)).ok());
    play.say(1);
    EXPECT_EQ(play.kept("juliet@localhost"), 3u);
    ASSERT_TRUE(play.server.advance(std::chrono::hours(26)).ok());
    EXPECT_EQ(play.kept("juliet@localhost"), 1u);
    EXPECT_EQ(play.kept("romeo@localhost"), 1u);
}

TEST(ArchiveExpiry, ByNumber) {
    World play(with("modules: {mod_mam: {max_messages: 4}}"));
    play.romeo();
    play.say(10);
    EXPECT_EQ(play.kept("juliet@localhost"), 10u);
    ASSERT_TRUE(play.server.advance(std::chrono::minutes(62)).ok());
    EXPECT_THAT(bodies(play.ask()), ElementsAre("6", "7", "8", "9"));
    play.say(1, 10);
    EXPECT_TRUE(play.server.run_command("delete_expired_messages", {}).ok());
    EXPECT_THAT(bodies(play.ask()), ElementsAre("7", "8", "9", "10"));
}

TEST(ArchiveExpiry, TakesNothingFromWhoIsAway) {
    World play(with("modules: {mod_mam: {max_messages: 1}}"));
    play.say(3);
    ASSERT_TRUE(play.server.advance(std::chrono::minutes(62)).ok());
    EXPECT_EQ(play.kept("romeo@localhost"), 1u);
    EXPECT_THAT(bodies(play.romeo().receive()), ElementsAre());  // was in what came with his presence
    EXPECT_EQ(play.waiting(), 0u);
}

struct Verbs : World {
    Result<Value> run(std::string verb, Value::Object arguments) { return server.run_command(std::move(verb), std::move(arguments)); }
    Value::Object juliets() { return {{"user", "juliet"}, {"host", "localhost"}}; }
};

TEST(ArchiveVerbs, CountAndRemove) {
    Verbs play;
    (void)play.server.make_account("nurse", "localhost", "secret");
    play.say(3);
    play.juliet->ask(chat("nurse@localhost", "x"));
    EXPECT_EQ(play.run("get_mam_count", play.juliets()).value(), Value(4));
    Value::Object with_peer = play.juliets();
    with_peer.push_back({"with", "nurse@localhost"});
    EXPECT_TRUE(play.run("remove_mam_for_user_with_peer", with_peer).ok());
    EXPECT_EQ(play.run("get_mam_count", play.juliets()).value(), Value(3));
    EXPECT_TRUE(play.run("remove_mam_for_user", play.juliets()).ok());
    EXPECT_EQ(play.run("get_mam_count", play.juliets()).value(), Value(0));
    EXPECT_EQ(play.kept("romeo@localhost"), 3u);
    EXPECT_EQ(play.waiting(), 3u);
    EXPECT_EQ(play.run("get_offline_count", {{"user", "romeo"}, {"host", "localhost"}}).value(), Value(3));
}

TEST(ArchiveVerbs, RemoveWhatIsOld) {
    Verbs play;
    play.romeo();
    play.say(2);
    ASSERT_TRUE(play.server.advance(std::chrono::hours(49)).ok());
    play.say(1);
    EXPECT_TRUE(play.run("delete_old_mam_messages", {{"type", "groupchat"}, {"days", 1}}).ok());
    EXPECT_EQ(play.kept("juliet@localhost"), 3u);
    EXPECT_TRUE(play.run("delete_old_mam_messages", {{"type", "all"}, {"days", 2}}).ok());
    EXPECT_EQ(play.kept("juliet@localhost"), 1u);
}

TEST(ArchiveVerbs, RefuseWhatMakesNoSense) {
    Verbs play;
    EXPECT_FALSE(play.run("get_mam_count", {{"user", "nobody"}, {"host", "localhost"}}).ok());
    EXPECT_FALSE(play.run("get_mam_count", {{"user", "romeo"}, {"host", "elsewhere"}}).ok());
    EXPECT_FALSE(play.run("get_offline_count", {{"user", "nobody"}, {"host", "localhost"}}).ok());
    EXPECT_FALSE(play.run("remove_mam_for_user", {{"user", "nobody"}, {"host", "localhost"}}).ok());
    EXPECT_FALSE(play.run("delete_old_mam_messages", {{"type", "all"}, {"days", -1}}).ok());
    EXPECT_FALSE(play.run("delete_old_mam_messages", {{"type", "some"}, {"days", 1}}).ok());
}

}  // namespace
}  // namespace rookery::test
