// XEP-0280 over whole streams.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/modules/contacts.h"
#include "tests/support/test_client.h"

namespace rookery::test {
namespace {

using testing::HasSubstr;
using testing::Not;

const std::string enable = "<iq type='set' id='e'><enable xmlns='urn:xmpp:carbons:2'/></iq>";
const std::string disable = "<iq type='set' id='d'><disable xmlns='urn:xmpp:carbons:2'/></iq>";
const std::string received = "<received xmlns='urn:xmpp:carbons:2'>";
const std::string sent = "<sent xmlns='urn:xmpp:carbons:2'>";

std::string message(std::string_view to, std::string_view content, std::string_view type = "chat") {
    return "<message to='" + std::string(to) + "' type='" + std::string(type) + "'>" + std::string(content) + "</message>";
}

std::string id_in(const std::string& text) {
    const std::string begin = "<stanza-id xmlns='urn:xmpp:sid:0' id='";
    const std::size_t at = text.find(begin);
    return at == text.npos ? "" : text.substr(at + begin.size(), 13);
}

// juliet has two clients, of which the second wants copies. Shards: one, or two.
class Carbons : public testing::TestWithParam<unsigned> {
protected:
    Carbons() {
        for (TestClient* client : {&balcony, &chamber, &romeo}) client->become_available();
        EXPECT_THAT(chamber.ask(enable), HasSubstr("type='result'"));
        balcony.receive();
    }
    static TestServerOptions options() {
        TestServerOptions wanted;
        wanted.shards = GetParam();
        return wanted;
    }
    // What the chamber gets of a message to the balcony, and of one from there.
    std::string copy_in(std::string_view content, std::string_view type = "chat") {
        romeo.send(message("juliet@localhost/balcony", content, type));
        return chamber.receive();
    }
    std::string copy_out(std::string_view content, std::string_view type = "chat") {
        balcony.send(message("romeo@localhost/orchard", content, type));
        return chamber.receive();
    }

    TestServer server{options()};
    TestClient balcony{server, "juliet@localhost/balcony"};
    TestClient chamber{server, "juliet@localhost/chamber"};
    TestClient romeo{server, "romeo@localhost/orchard"};
};

TEST_P(Carbons, OfWhatAnotherClientReceives) {
    const std::string copy = copy_in("<body>x</body>");
    const std::string live = balcony.receive();
    const std::string id = "<stanza-id xmlns='urn:xmpp:sid:0' id='" + id_in(live) + "' by='juliet@localhost'/>";
    EXPECT_EQ(copy, "<message from='juliet@localhost' to='juliet@localhost/chamber' type='chat'>" + received +
                        "<forwarded xmlns='urn:xmpp:forward:0'><message xmlns='jabber:client' to='juliet@localhost/balcony' type='chat' "
                        "from='romeo@localhost/orchard'><body>x</body>" + id + "</message></forwarded></received></message>");
    EXPECT_EQ(count_of(live, "<body>"), 1u);
    EXPECT_THAT(live, Not(HasSubstr("carbons")));
}

TEST_P(Carbons, OfWhatAnotherClientSends) {
    const std::string copy = copy_out("<body>x</body>");
    EXPECT_THAT(copy, HasSubstr("<message from='juliet@localhost' to='juliet@localhost/chamber' type='chat'>" + sent));
    EXPECT_THAT(copy, HasSubstr("from='juliet@localhost/balcony'"));
    EXPECT_THAT(copy, HasSubstr("by='juliet@localhost'"));
    EXPECT_THAT(copy, Not(HasSubstr("by='romeo@localhost'")));
    EXPECT_EQ(balcony.receive(), "");
    const std::string archive = chamber.ask("<iq type='set' id='q'><query xmlns='urn:xmpp:mam:2'/></iq>");
    EXPECT_THAT(archive, HasSubstr("<result xmlns='urn:xmpp:mam:2' id='" + id_in(copy) + "'"));
}

TEST_P(Carbons, AreNotForWhoGetsTheMessageAnyway) {
    romeo.send(message("juliet@localhost", "<body>x</body>"));
    const std::string got = chamber.receive();
    EXPECT_EQ(count_of(got, "<body>"), 1u);
    EXPECT_THAT(got, Not(HasSubstr("carbons")));
}

TEST_P(Carbons, OfAMessageToOneselfAreReceivedOnes) {
    EXPECT_THAT(balcony.ask(message("juliet@localhost/balcony", "<body>x</body>")), Not(HasSubstr("carbons")));
    const std::string got = chamber.receive();
    EXPECT_EQ(count_of(got, received), 1u);
    EXPECT_EQ(count_of(got, sent), 0u);
    EXPECT_THAT(chamber.ask(message("juliet@localhost/balcony", "<body>x</body>")), Not(HasSubstr("carbons")));
}

TEST_P(Carbons, AreTurnedOffAndOnAgain) {
    EXPECT_THAT(chamber.ask(enable), HasSubstr("type='result'"));
    EXPECT_EQ(count_of(copy_in("<body>x</body>"), received), 1u);
    EXPECT_THAT(chamber.ask(disable + disable), HasSubstr("type='result'"));
    EXPECT_EQ(copy_in("<body>x</body>"), "");
    EXPECT_EQ(copy_out("<body>x</body>"), "");
    chamber.ask(enable);
    EXPECT_EQ(count_of(copy_out("<body>x</body>"), sent), 1u);
}

TEST_P(Carbons, OfAnotherAccountCannotBeAskedFor) {
    EXPECT_THAT(romeo.ask("<iq type='set' id='e' to='juliet@localhost'><enable xmlns='urn:xmpp:carbons:2'/></iq>"), HasSubstr("type='error'"));
}

TEST_P(Carbons, AreMadeOfChat) {
    for (const char* content : {"<body>x</body>", "<received xmlns='urn:xmpp:receipts' id='1'/>",
                                "<x xmlns='http://jabber.org/protocol/muc#user'><invite from='romeo@localhost'/></x>",
                                "<x xmlns='jabber:x:conference' jid='room@rooms.localhost'/>"}) {
        EXPECT_EQ(count_of(copy_in(content, "normal"), received), 1u) << content;
        EXPECT_EQ(count_of(copy_out(content, "normal"), sent), 1u) << content;
    }
    EXPECT_EQ(count_of(copy_in("<composing xmlns='http://jabber.org/protocol/chatstates'/>"), received), 1u);
    EXPECT_EQ(copy_in("<thing xmlns='urn:x'/>", "normal"), "");
    EXPECT_EQ(copy_in("<body>x</body>", "headline"), "");
    EXPECT_EQ(copy_in("<body>x</body>", "groupchat"), "");
    EXPECT_EQ(copy_in("<body>x</body><x xmlns='http://jabber.org/protocol/muc#user'/>"), "");
    EXPECT_EQ(count_of(copy_out("<body>x</body><x xmlns='http://jabber.org/protocol/muc#user'/>"), sent), 1u);
}

TEST_P(Carbons, AreNotMadeOfWhatIsPrivate) {
    for (const char* mark : {"<private xmlns='urn:xmpp:carbons:2'/>", "<no-copy xmlns='urn:xmpp:hints'/>"}) {
        EXPECT_EQ(copy_in("<body>x</body>" + std::string(mark)), "");
        EXPECT_EQ(copy_out("<body>x</body>" + std::string(mark)), "");
    }
}

TEST_P(Carbons, AreNotMadeOfWhatIsRefused) {
    romeo.send(message("juliet@localhost/nowhere", "<body>x</body>", "normal"));
    EXPECT_EQ(chamber.receive(), "");
}

// A lost session's copies are for nobody else; the message it was a copy of is.
TEST_P(Carbons, OfALostSessionGoNowhere) {
    chamber.ask("<enable xmlns='urn:xmpp:sm:3'/>");
    romeo.send(message("juliet@localhost/balcony", "<body>x</body>"));
    EXPECT_EQ(count_of(chamber.receive(), received), 1u);
    EXPECT_EQ(count_of(balcony.receive(), "<body>"), 1u);
    chamber.drop();
    EXPECT_THAT(balcony.receive(), Not(HasSubstr("<body>")));
}

// The message is not sent once more to who acknowledged a copy of it.
TEST_P(Carbons, OnceAcknowledgedStandForTheMessage) {
    for (TestClient* client : {&balcony, &chamber}) client->ask("<enable xmlns='urn:xmpp:sm:3'/>");
    romeo.send(message("juliet@localhost/balcony", "<body>x</body>"));
    EXPECT_EQ(count_of(chamber.receive(), received), 1u);
    chamber.send("<a xmlns='urn:xmpp:sm:3' h='1'/>");
    balcony.receive();
    balcony.drop();
    EXPECT_THAT(chamber.receive(), Not(HasSubstr("<body>")));
}

TEST_P(Carbons, BeforeTheFirstPresenceDoNotComeTwice) {
    balcony.leave();
    chamber.leave();
    TestClient phone(server, "juliet@localhost/phone");
    phone.ask(enable);
    romeo.send(message("juliet@localhost", "<body>x</body>"));
    EXPECT_EQ(count_of(phone.receive(), received), 1u);
    EXPECT_THAT(phone.ask("<presence/>"), Not(HasSubstr("<body>")));
}

INSTANTIATE_TEST_SUITE_P(Shards, Carbons, testing::Values(1u, 2u));

}  // namespace
}  // namespace rookery::test
