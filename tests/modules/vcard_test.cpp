#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/modules/contacts.h"

namespace rookery::test {
namespace {

using testing::HasSubstr;

std::string set(std::string_view fields, std::string_view to = "") {
    return "<iq type='set' id='s'" + (to.empty() ? std::string() : " to='" + std::string(to) + "'") +
           "><vCard xmlns='vcard-temp'>" + std::string(fields) + "</vCard></iq>";
}
std::string get(std::string_view to = "") {
    return "<iq type='get' id='g'" + (to.empty() ? std::string() : " to='" + std::string(to) + "'") +
           "><vCard xmlns='vcard-temp'/></iq>";
}

class Vcards : public testing::Test {
protected:
    TestServer server;
    TestClient juliet{server, "juliet@localhost/balcony"};
    TestClient romeo{server, "romeo@localhost/orchard"};
};

TEST_F(Vcards, AreReadByTheirOwnerAndByOthers) {
    EXPECT_EQ(juliet.ask(set("<FN>Juliet</FN><N><GIVEN>J</GIVEN><MIDDLE/></N>")),
              "<iq to='juliet@localhost/balcony' id='s' type='result'/>");
    const std::string vcard = "<vCard xmlns='vcard-temp'><FN>Juliet</FN><N><GIVEN>J</GIVEN><MIDDLE/></N></vCard>";
    EXPECT_THAT(juliet.ask(get()), HasSubstr(vcard));
    EXPECT_EQ(romeo.ask(get("juliet@localhost")),
              "<iq from='juliet@localhost' to='romeo@localhost/orchard' id='g' type='result'>" + vcard + "</iq>");
}

TEST_F(Vcards, OfUsersWithoutOneLookLikeThoseOfMissingUsers) {
    const std::string without = romeo.ask(get("juliet@localhost"));
    std::string missing = romeo.ask(get("nobody@localhost"));
    EXPECT_THAT(without, HasSubstr("<service-unavailable"));
    missing.replace(missing.find("nobody"), 6, "juliet");
    EXPECT_EQ(without, missing);
}

TEST_F(Vcards, OnesOwnMissingOneIsNotFound) { EXPECT_THAT(juliet.ask(get()), HasSubstr("<item-not-found")); }

TEST_F(Vcards, AreWrittenByTheirOwnerOnly) {
    juliet.ask(set("<FN>Juliet</FN>"));
    EXPECT_THAT(romeo.ask(set("<FN>Fool</FN>", "juliet@localhost")), HasSubstr("<forbidden"));
    EXPECT_THAT(romeo.ask(set("<FN>Fool</FN>", "nobody@localhost")), HasSubstr("<forbidden"));
    EXPECT_THAT(juliet.ask(get()), HasSubstr("<FN>Juliet</FN>"));
}

TEST(EmptiedVcard, IsSeenByItsOwnerAndContactsAndLooksLikeNoneToStrangers) {
    TestServer server;
    befriend(server, "juliet@localhost", "nurse@localhost");
    TestClient juliet(server, "juliet@localhost/balcony"), nurse(server, "nurse@localhost/room"),
        romeo(server, "romeo@localhost/orchard");
    juliet.ask(set("<FN>Juliet</FN>"));
    EXPECT_THAT(juliet.ask(set("")), HasSubstr("type='result'"));
    EXPECT_THAT(juliet.ask(get()), HasSubstr("type='result'><vCard xmlns='vcard-temp'/>"));
    EXPECT_THAT(nurse.ask(get("juliet@localhost")), HasSubstr("type='result'><vCard xmlns='vcard-temp'/>"));
    const std::string emptied = romeo.ask(get("juliet@localhost"));
    std::string missing = romeo.ask(get("nobody@localhost"));
    EXPECT_THAT(emptied, HasSubstr("<service-unavailable"));
    missing.replace(missing.find("nobody"), 6, "juliet");
    EXPECT_EQ(emptied, missing);
}

TEST_F(Vcards, HaveALargestSize) {
    juliet.ask(set("<FN>Juliet</FN>"));
    EXPECT_THAT(juliet.ask(set("<DESC>" + std::string(140'000, 'x') + "</DESC>")), HasSubstr("<not-acceptable"));
    EXPECT_THAT(juliet.ask(get()), HasSubstr("<FN>Juliet</FN>"));
}

TEST_F(Vcards, TheServerHasNoneUnlessConfigured) {
    EXPECT_THAT(juliet.ask(get("localhost")), HasSubstr("<service-unavailable"));
}

}  // namespace
}  // namespace rookery::test
