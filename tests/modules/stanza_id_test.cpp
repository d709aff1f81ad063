#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <regex>

#include "tests/support/test_client.h"

namespace rookery::test {
namespace {

using testing::HasSubstr;
using testing::Not;

const std::string ours = "<stanza-id xmlns='urn:xmpp:sid:0' id='([0-9a-v]{13})' by='romeo@localhost'/>";

std::string message(std::string_view content, std::string_view type = "chat") {
    return "<message to='romeo@localhost/orchard' type='" + std::string(type) + "'>" + std::string(content) + "</message>";
}

std::string id_in(const std::string& text) {
    std::smatch found;
    return std::regex_search(text, found, std::regex(ours)) ? found[1].str() : "";
}

std::size_t count(const std::string& text, std::string_view part) {
    std::size_t found = 0;
    for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++found;
    return found;
}

class StanzaIds : public testing::Test {
protected:
    // What romeo gets of a message of juliet's.
    std::string passed(std::string_view content, std::string_view type = "chat") {
        juliet.send(message(content, type));
        return romeo.receive();
    }

    TestServer server;
    TestClient juliet{server, "juliet@localhost/balcony"};
    TestClient romeo{server, "romeo@localhost/orchard"};
};

TEST_F(StanzaIds, AreGivenInOrderByTheRecipientsAccount) {
    const std::string first = id_in(passed("<body>1</body>"));
    const std::string second = id_in(passed("<body>2</body>"));
    EXPECT_NE(first, "");
    EXPECT_LT(first, second);
}

TEST_F(StanzaIds, AreGivenOnlyToWhatIsKept) {
    EXPECT_THAT(passed("<composing xmlns='http://jabber.org/protocol/chatstates'/>"), Not(HasSubstr("stanza-id")));
    EXPECT_THAT(passed("<body>x</body>", "headline"), Not(HasSubstr("stanza-id")));
    EXPECT_THAT(passed("<body>x</body><no-store xmlns='urn:xmpp:hints'/>"), Not(HasSubstr("stanza-id")));
    EXPECT_THAT(passed("<composing xmlns='http://jabber.org/protocol/chatstates'/><store xmlns='urn:xmpp:hints'/>"),
                HasSubstr("stanza-id"));
    EXPECT_THAT(passed("<received xmlns='urn:xmpp:receipts' id='1'/>"), HasSubstr("stanza-id"));
}

// R10
TEST_F(StanzaIds, ForgedOnesAreTakenOut) {
    const std::string forged = "<stanza-id xmlns='urn:xmpp:sid:0' id='evil' by='romeo@localhost'/>";
    const std::string text = passed("<body>x</body>" + forged + forged +
                                    "<stanza-id xmlns='urn:xmpp:sid:0' id='evil' by='LOCALHOST'/>"
                                    "<stanza-id xmlns='urn:xmpp:sid:0' id='evil' by='juliet@localhost'><stanza-id "
                                    "xmlns='urn:xmpp:sid:0' id='evil' by='romeo@localhost'/></stanza-id>");
    EXPECT_THAT(text, Not(HasSubstr("evil")));
    EXPECT_EQ(count(text, "<stanza-id"), 1u);
    EXPECT_NE(id_in(text), "");
}

TEST_F(StanzaIds, ForgedOnesAreTakenOutOfWhatIsNotKept) {
    EXPECT_THAT(passed("<composing xmlns='http://jabber.org/protocol/chatstates'/>"
                       "<stanza-id xmlns='urn:xmpp:sid:0' id='evil' by='romeo@localhost'/>"),
                Not(HasSubstr("stanza-id")));
}

TEST_F(StanzaIds, OfOthersAndBelowTheTopLevelStay) {
    const std::string text = passed("<body>x</body><origin-id xmlns='urn:xmpp:sid:0' id='o1'/>"
                                    "<stanza-id xmlns='urn:xmpp:sid:0' id='theirs' by='room@chat.example.org'/>"
                                    "<x xmlns='urn:x'><stanza-id xmlns='urn:xmpp:sid:0' id='deep' by='romeo@localhost'/></x>");
    EXPECT_THAT(text, HasSubstr("<origin-id xmlns='urn:xmpp:sid:0' id='o1'/>"));
    EXPECT_THAT(text, HasSubstr("id='theirs' by='room@chat.example.org'"));
    EXPECT_THAT(text, HasSubstr("id='deep'"));
}

TEST_F(StanzaIds, ComeInFromOtherServersOnlyInTheirOwnName) {
    Stanza stanza = Stanza::message(MessageType::chat, Jid::parse("romeo@localhost/orchard").value());
    stanza.from = Jid::parse("room@chat.example.org/nick").value();
    const auto claim = [&stanza](const char* id, const char* by) {
        xml::Element element("urn:xmpp:sid:0", "stanza-id");
        element.set("id", id).set("by", by);
        stanza.element().add(element);
    };
    claim("right", "room@chat.example.org");
    claim("evil", "romeo@localhost");
    claim("evil", "other.localhost");
    server.loops().at(0).run_here([&] { server.home("romeo@localhost").router().send(std::move(stanza)); });
    const std::string text = romeo.receive();
    EXPECT_THAT(text, HasSubstr("id='right'"));
    EXPECT_THAT(text, Not(HasSubstr("evil")));
}

TEST(StanzaIdsOfAFanOut, AreEachRecipientsOwn) {
    TestServer server;
    TestClient romeo(server, "romeo@localhost/orchard");
    TestClient paris(server, "paris@localhost/hall");
    Stanza stanza = Stanza::message(MessageType::normal);
    stanza.from = Jid::parse("localhost").value();
    stanza.element().add(xml::Element("jabber:client", "body").add_text("to all"));
    server.loops().at(0).run_here([&] {
        server.home("romeo@localhost").router().fan_out(
            std::make_shared<Stanza>(std::move(stanza)),
            {Jid::parse("romeo@localhost/orchard").value(), Jid::parse("paris@localhost/hall").value()});
    });
    const std::string to_romeo = romeo.receive();
    const std::string to_paris = paris.receive();
    EXPECT_THAT(to_romeo, HasSubstr("by='romeo@localhost'"));
    EXPECT_THAT(to_romeo, Not(HasSubstr("paris")));
    EXPECT_THAT(to_paris, HasSubstr("by='paris@localhost'"));
    EXPECT_THAT(to_paris, Not(HasSubstr("romeo")));
}

}  // namespace
}  // namespace rookery::test
