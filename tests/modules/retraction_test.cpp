// XEP-0424 over whole streams.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/modules/contacts.h"
#include "tests/support/test_client.h"

namespace rookery::test {
namespace {

using testing::HasSubstr;
using testing::Not;

const std::string ask_archive = "<iq type='set' id='q'><query xmlns='urn:xmpp:mam:2'/></iq>";
const std::string tomb = "<retracted xmlns='urn:xmpp:message-retract:1' id='r1' stamp='";

std::string message(std::string_view to, std::string_view id, std::string_view content) {
    return "<message to='" + std::string(to) + "' type='chat' id='" + std::string(id) + "'>" + std::string(content) +
           "<origin-id xmlns='urn:xmpp:sid:0' id='" + std::string(id) + "'/></message>";
}
std::string retraction(std::string_view to, std::string_view of) {
    return message(to, "r1", "<retract xmlns='urn:xmpp:message-retract:1' id='" + std::string(of) + "'/><body>gone</body>");
}

class RetractionTest : public testing::Test {
protected:
    RetractionTest() {
        (void)server.make_account("nurse", "localhost", "secret");
        juliet.send(message("romeo@localhost", "m1", "<body>secret</body><active xmlns='http://jabber.org/protocol/chatstates'/>"));
        juliet.send(message("romeo@localhost", "m2", "<body>harmless</body>"));
    }

    TestServer server;
    TestClient juliet{server, "juliet@localhost/balcony"};
    TestClient romeo{server, "romeo@localhost/orchard"};
};

TEST_F(RetractionTest, LeavesATombstoneOnBothSides) {
    EXPECT_EQ(juliet.ask(retraction("romeo@localhost", "m1")), "");
    for (TestClient* client : {&juliet, &romeo}) {
        const std::string archive = client->ask(ask_archive);
        EXPECT_THAT(archive, Not(HasSubstr("secret")));
        EXPECT_THAT(archive, Not(HasSubstr("chatstates")));
        EXPECT_EQ(count_of(archive, tomb), 1u);
        EXPECT_THAT(archive, HasSubstr("id='m1'"));
        EXPECT_THAT(archive, HasSubstr("harmless"));
        EXPECT_THAT(archive, HasSubstr("<retract "));
    }
}

TEST_F(RetractionTest, ReachesWhatWaits) {
    juliet.ask(retraction("romeo@localhost", "m1"));
    const std::string got = romeo.ask("<presence/>");
    EXPECT_THAT(got, Not(HasSubstr("secret")));
    EXPECT_THAT(got, HasSubstr(tomb));
}

// M15
TEST_F(RetractionTest, OfAnothersMessageChangesNothing) {
    romeo.ask(retraction("juliet@localhost", "m1"));
    TestClient nurse(server, "nurse@localhost/home");
    nurse.ask(retraction("romeo@localhost", "m1"));
    juliet.ask(retraction("nurse@localhost", "m1"));
    for (TestClient* client : {&juliet, &romeo}) {
        EXPECT_THAT(client->ask(ask_archive), HasSubstr("secret"));
        EXPECT_THAT(client->ask(ask_archive), Not(HasSubstr(tomb)));
    }
}

// The sender's next message to the same recipient is not taken for the one he did not keep.
TEST_F(RetractionTest, FindsNoOtherMessageWhereOneSideKeptNone) {
    juliet.ask("<iq type='set' id='p'><prefs xmlns='urn:xmpp:mam:2' default='never'/></iq>");
    juliet.ask(message("romeo@localhost", "m3", "<body>unkept</body>"));
    juliet.ask("<iq type='set' id='p'><prefs xmlns='urn:xmpp:mam:2' default='always'/></iq>");
    juliet.ask(message("romeo@localhost", "m4", "<body>kept</body>"));
    juliet.ask(retraction("romeo@localhost", "m3"));
    EXPECT_THAT(juliet.ask(ask_archive), HasSubstr("<body>kept</body>"));
    EXPECT_THAT(juliet.ask(ask_archive), Not(HasSubstr(tomb)));
    EXPECT_THAT(romeo.ask(ask_archive), Not(HasSubstr("unkept")));
    EXPECT_THAT(romeo.ask(ask_archive), HasSubstr("<body>kept</body>"));
}

TEST_F(RetractionTest, WithoutSenseIsAMessageLikeOthers) {
    juliet.ask(message("romeo@localhost", "r1", "<retract xmlns='urn:xmpp:message-retract:1'/><body>x</body>"));
    juliet.ask(retraction("romeo@localhost", "unknown"));
    EXPECT_THAT(romeo.ask(ask_archive), HasSubstr("secret"));
}

TEST_F(RetractionTest, IsAnnounced) {
    const std::string info = juliet.ask("<iq type='get' id='i' to='juliet@localhost'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>");
    EXPECT_THAT(info, HasSubstr("urn:xmpp:message-retract:1#tombstone"));
}

}  // namespace
}  // namespace rookery::test
