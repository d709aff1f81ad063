#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/test_client.h"

namespace rookery::test {
namespace {

using testing::HasSubstr;

std::string set(std::string_view content, std::string_view to = "") {
    return "<iq type='set' id='s'" + (to.empty() ? std::string() : " to='" + std::string(to) + "'") +
           "><query xmlns='jabber:iq:private'>" + std::string(content) + "</query></iq>";
}
std::string get(std::string_view content, std::string_view to = "") {
    return "<iq type='get' id='g'" + (to.empty() ? std::string() : " to='" + std::string(to) + "'") +
           "><query xmlns='jabber:iq:private'>" + std::string(content) + "</query></iq>";
}

class PrivateStorage : public testing::Test {
protected:
    TestServer server;
    TestClient juliet{server, "juliet@localhost/balcony"};
};

TEST_F(PrivateStorage, GivesBackWhatWasStored) {
    EXPECT_THAT(juliet.ask(set("<exodus xmlns='exodus:prefs'><nick a='1'>Ham &amp; let</nick></exodus>")),
                HasSubstr("type='result'"));
    EXPECT_THAT(juliet.ask(get("<exodus xmlns='exodus:prefs'/>")),
                HasSubstr("<query xmlns='jabber:iq:private'><exodus xmlns='exodus:prefs'><nick a='1'>Ham &amp; let</nick>"
                          "</exodus></query>"));
}

TEST_F(PrivateStorage, GivesBackTheQuestionWhenNothingIsStored) {
    EXPECT_THAT(juliet.ask(get("<exodus xmlns='exodus:prefs'/>")),
                HasSubstr("type='result'><query xmlns='jabber:iq:private'><exodus xmlns='exodus:prefs'/></query>"));
}

TEST_F(PrivateStorage, KeepsElementsOfDifferentNamesApart) {
    juliet.ask(set("<a xmlns='urn:x'>1</a><b xmlns='urn:x'>2</b><a xmlns='urn:y'>3</a>"));
    EXPECT_THAT(juliet.ask(get("<a xmlns='urn:x'/>")), HasSubstr("<a xmlns='urn:x'>1</a>"));
    EXPECT_THAT(juliet.ask(get("<b xmlns='urn:x'/>")), HasSubstr("<b xmlns='urn:x'>2</b>"));
    EXPECT_THAT(juliet.ask(get("<a xmlns='urn:y'/>")), HasSubstr("<a xmlns='urn:y'>3</a>"));
}

TEST_F(PrivateStorage, ReplacesWhatWasThere) {
    juliet.ask(set("<a xmlns='urn:x'>1</a>"));
    juliet.ask(set("<a xmlns='urn:x'>2</a>"));
    EXPECT_THAT(juliet.ask(get("<a xmlns='urn:x'/>")), HasSubstr("<a xmlns='urn:x'>2</a>"));
}

TEST_F(PrivateStorage, RefusesRequestsWithoutSense) {
    EXPECT_THAT(juliet.ask(get("")), HasSubstr("<bad-request"));
    EXPECT_THAT(juliet.ask(get("<a xmlns='urn:x'/><b xmlns='urn:x'/>")), HasSubstr("<bad-request"));
    EXPECT_THAT(juliet.ask(set("")), HasSubstr("<not-acceptable"));
    EXPECT_THAT(juliet.ask(set("<a/>")), HasSubstr("<not-acceptable"));
    EXPECT_THAT(juliet.ask(set("<a xmlns='urn:x'/><a xmlns='urn:x'/>")), HasSubstr("<not-acceptable"));
}

TEST_F(PrivateStorage, IsForbiddenToOthersWhetherOrNotTheAccountExists) {
    TestClient romeo(server, "romeo@localhost/orchard");
    juliet.ask(set("<a xmlns='urn:x'>secret</a>"));
    for (const char* whose : {"juliet@localhost", "nobody@localhost"}) {
        EXPECT_THAT(romeo.ask(get("<a xmlns='urn:x'/>", whose)), HasSubstr("<forbidden"));
        EXPECT_THAT(romeo.ask(set("<a xmlns='urn:x'/>", whose)), HasSubstr("<forbidden"));
    }
    EXPECT_THAT(juliet.ask(get("<a xmlns='urn:x'/>")), HasSubstr("secret"));
}

TEST_F(PrivateStorage, IsBounded) {
    const std::string large(70'000, 'x');
    EXPECT_THAT(juliet.ask(set("<a xmlns='urn:x'>" + large + "</a>")), HasSubstr("<not-acceptable"));
    std::string many;
    for (int i = 0; i < 17; ++i) many += "<a" + std::to_string(i) + " xmlns='urn:x'/>";
    EXPECT_THAT(juliet.ask(set(many)), HasSubstr("<not-acceptable"));

    const std::string fits(60'000, 'x');
    std::string answer;
    for (int i = 0; i < 100 && answer.find("type='error'") == std::string::npos; ++i)
        answer = juliet.ask(set("<a" + std::to_string(i) + " xmlns='urn:x'>" + fits + "</a" + std::to_string(i) + ">"));
    EXPECT_THAT(answer, HasSubstr("<resource-constraint"));
}

TEST_F(PrivateStorage, SurvivesALogin) {
    juliet.ask(set("<a xmlns='urn:x'>1</a>"));
    juliet.leave();
    TestClient again(server, "juliet@localhost/chamber");
    EXPECT_THAT(again.ask(get("<a xmlns='urn:x'/>")), HasSubstr("<a xmlns='urn:x'>1</a>"));
}

}  // namespace
}  // namespace rookery::test
