#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/test_client.h"

namespace rookery::test {
namespace {

using testing::HasSubstr;
using testing::Not;

class Forgeries : public testing::Test {
protected:
    std::string passed(std::string_view content) {
        juliet.send("<message to='romeo@localhost/orchard' type='chat'><body>hi</body>" + std::string(content) + "</message>");
        return romeo.receive();
    }
    std::string from_elsewhere(const char* sender, const char* delayed_by) {
        Stanza stanza = Stanza::message(MessageType::chat, Jid::parse("romeo@localhost/orchard").value());
        stanza.from = Jid::parse(sender).value();
        xml::Element delay("urn:xmpp:delay", "delay");
        delay.set("from", delayed_by).set("stamp", "2002-09-10T23:08:25Z");
        stanza.element().add(delay);
        server.loops().at(0).run_here([&] { server.home("romeo@localhost").router().send(std::move(stanza)); });
        return romeo.receive();
    }

    TestServer server;
    TestClient juliet{server, "juliet@localhost/balcony"};
    TestClient romeo{server, "romeo@localhost/orchard"};
};

// R5
TEST_F(Forgeries, CarbonsOfClientsAreTakenOut) {
    const std::string forwarded = "<forwarded xmlns='urn:xmpp:forward:0'><message xmlns='jabber:client'/></forwarded>";
    for (const char* name : {"sent", "received"}) {
        const std::string element = std::string(name) + " xmlns='urn:xmpp:carbons:2'";
        const std::string text = passed("<" + element + ">" + forwarded + "</" + name + ">");
        EXPECT_THAT(text, HasSubstr("<body>hi</body>"));
        EXPECT_THAT(text, Not(HasSubstr("carbons")));
    }
    EXPECT_THAT(passed("<private xmlns='urn:xmpp:carbons:2'/>"), HasSubstr("<private"));
    EXPECT_THAT(passed(forwarded), HasSubstr("<forwarded"));
}

// R9
TEST_F(Forgeries, ArchiveResultsOfClientsAreTakenOut) {
    const std::string text = passed("<result xmlns='urn:xmpp:mam:2' queryid='f27' id='28482'/>");
    EXPECT_THAT(text, HasSubstr("<body>hi</body>"));
    EXPECT_THAT(text, Not(HasSubstr("mam:2")));
}

// R11
TEST_F(Forgeries, DelaysInOurNameAreTakenOut) {
    for (const char* by : {"localhost", "LocalHost", "other.localhost", "romeo@localhost", "localhost/x"}) {
        EXPECT_THAT(passed("<delay xmlns='urn:xmpp:delay' from='" + std::string(by) + "' stamp='2002-09-10T23:08:25Z'/>"),
                    Not(HasSubstr("delay")));
    }
    EXPECT_THAT(passed("<x xmlns='jabber:x:delay' from='localhost' stamp='20020910T23:08:25'/>"), Not(HasSubstr("delay")));
    EXPECT_THAT(passed("<delay xmlns='urn:xmpp:delay' from='example.org' stamp='2002-09-10T23:08:25Z'/>"), HasSubstr("delay"));
    EXPECT_THAT(passed("<delay xmlns='urn:xmpp:delay' from='juliet@localhost/x' stamp='2002-09-10T23:08:25Z'/>"), HasSubstr("delay"));
    EXPECT_THAT(passed("<delay xmlns='urn:xmpp:delay' stamp='2002-09-10T23:08:25Z'/>"), HasSubstr("delay"));
}

TEST_F(Forgeries, OtherServersDelayInTheirOwnNameOnly) {
    EXPECT_THAT(from_elsewhere("a@example.org/x", "localhost"), Not(HasSubstr("delay")));
    EXPECT_THAT(from_elsewhere("a@example.org/x", "example.org"), HasSubstr("delay"));
    EXPECT_THAT(from_elsewhere("room@other.localhost/nick", "room@other.localhost"), HasSubstr("delay"));
}

TEST_F(Forgeries, PresenceIsCleanedToo) {
    juliet.send("<presence to='romeo@localhost/orchard'><delay xmlns='urn:xmpp:delay' from='localhost' "
                "stamp='2002-09-10T23:08:25Z'/><status>here</status></presence>");
    const std::string text = romeo.receive();
    EXPECT_THAT(text, HasSubstr("<status>here</status>"));
    EXPECT_THAT(text, Not(HasSubstr("delay")));
}

}  // namespace
}  // namespace rookery::test
