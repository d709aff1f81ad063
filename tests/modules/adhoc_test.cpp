// The protocol of ad-hoc commands, on a command of two steps; what commands do is tested with their modules and in
// tests/scenarios/commands.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/adhoc.h"
#include "tests/support/test_client.h"

namespace rookery::test {
namespace {

using testing::HasSubstr;
using testing::Not;

DataForm question(const char* var) {
    DataForm form(FormType::form);
    FormField field(var, FieldType::text_single);
    field.required = true;
    form.add(std::move(field));
    return form;
}

// Asks for two words and says them.
Task<AdHocStep> two_words(void*, AdHocRequest request) {
    if (request.answers.empty()) co_return AdHocStep::ask(question("first"), false);
    if (request.answers.size() == 1) co_return AdHocStep::ask(question("second"));
    co_return AdHocStep::done(std::string(*request.answers[0].value("first")) + " " + request.text("second"));
}

class AdHocCommandsTest : public testing::Test {
protected:
    AdHocCommandsTest() {
        AdHocCommands& commands = server.home("juliet@localhost").find_host("localhost")->commands();
        commands.add({"two-words", "Two words", AccessRule("all"), &server, two_words});
        commands.add({"secret", "Secret", AccessRule("none"), &server, two_words});
    }
    ~AdHocCommandsTest() override { server.home("juliet@localhost").find_host("localhost")->commands().remove_all(&server); }

    static std::string command(const std::string& attributes, const std::string& content = "") {
        return "<iq type='set' id='c' to='localhost'><command xmlns='http://jabber.org/protocol/commands' " + attributes + ">" +
               content + "</command></iq>";
    }
    static std::string form(const std::string& var, const std::string& value) {
        return "<x xmlns='jabber:x:data' type='submit'><field var='" + var + "'><value>" + value + "</value></field></x>";
    }
    std::string begin() {
        const std::string answer = juliet.ask(command("node='two-words'"));
        const auto at = answer.find("sessionid='") + 11;
        session = "node='two-words' sessionid='" + answer.substr(at, answer.find('\'', at) - at) + "'";
        return answer;
    }

    TestServer server;
    TestClient juliet{server, "juliet@localhost/balcony"};
    std::string session;
};

TEST_F(AdHocCommandsTest, GoForwardAndBack) {
    const std::string first = begin();
    EXPECT_THAT(first, HasSubstr("status='executing'"));
    EXPECT_THAT(first, HasSubstr("<actions execute='next'><next/></actions>"));
    EXPECT_THAT(juliet.ask(command(session + " action='next'", form("first", "hello"))),
                HasSubstr("<actions execute='complete'><prev/><complete/></actions>"));
    EXPECT_THAT(juliet.ask(command(session + " action='prev'")), HasSubstr("var='first'"));
    EXPECT_THAT(juliet.ask(command(session, form("first", "good"))), HasSubstr("var='second'"));
    const std::string last = juliet.ask(command(session + " action='complete'", form("second", "bye")));
    EXPECT_THAT(last, HasSubstr("status='completed'"));
    EXPECT_THAT(last, HasSubstr("<note type='info'>good bye</note>"));
    EXPECT_THAT(juliet.ask(command(session + " action='complete'", form("second", "bye"))), HasSubstr("<bad-sessionid"));
}

TEST_F(AdHocCommandsTest, RefuseActionsThatDoNotFit) {
    EXPECT_THAT(juliet.ask(command("node='two-words' action='cancel'")), HasSubstr("<bad-action"));
    EXPECT_THAT(juliet.ask(command("node='two-words' action='dance'")), HasSubstr("<malformed-action"));
    EXPECT_THAT(juliet.ask(command("action='execute'")), HasSubstr("<item-not-found"));
    begin();
    EXPECT_THAT(juliet.ask(command(session + " action='prev'")), HasSubstr("<bad-action"));
    EXPECT_THAT(juliet.ask(command(session + " action='complete'", form("first", "x"))), HasSubstr("<bad-action"));
    EXPECT_THAT(juliet.ask(command(session)), HasSubstr("<bad-payload"));
    EXPECT_THAT(juliet.ask(command(session, form("other", "x"))), HasSubstr("<bad-payload"));
    EXPECT_THAT(juliet.ask(command(session, "<x xmlns='jabber:x:data' type='odd'/>")), HasSubstr("<bad-payload"));
    EXPECT_THAT(juliet.ask(command(session, form("first", "x"))), HasSubstr("var='second'"));  // none of it did harm
}

TEST_F(AdHocCommandsTest, BelongToWhoBeganThem) {
    begin();
    TestClient chamber(server, "juliet@localhost/chamber");
    TestClient romeo(server, "romeo@localhost/orchard");
    EXPECT_THAT(chamber.ask(command(session, form("first", "x"))), HasSubstr("<bad-sessionid"));
    EXPECT_THAT(romeo.ask(command(session + " action='cancel'")), HasSubstr("<bad-sessionid"));
    EXPECT_THAT(juliet.ask(command(session, form("first", "x"))), HasSubstr("var='second'"));
}

TEST_F(AdHocCommandsTest, AreForgottenAfterAWhile) {
    begin();
    ASSERT_TRUE(server.advance(std::chrono::minutes(12)).ok());
    juliet.receive();
    EXPECT_THAT(juliet.ask(command(session, form("first", "x"))), HasSubstr("<bad-sessionid"));
}

TEST_F(AdHocCommandsTest, AreBoundedInNumber) {
    std::string answer;
    for (int i = 0; i < 20; ++i) answer = begin();
    EXPECT_THAT(answer, HasSubstr("status='executing'"));
    EXPECT_THAT(juliet.ask(command("node='two-words'")), HasSubstr("<resource-constraint"));
    EXPECT_THAT(juliet.ask(command(session + " action='cancel'")), HasSubstr("status='canceled'"));
    EXPECT_THAT(begin(), HasSubstr("status='executing'"));
}

TEST_F(AdHocCommandsTest, AreSeenByThoseWhoMayRunThem) {
    const std::string list = juliet.ask("<iq type='get' id='d' to='localhost'><query xmlns='http://jabber.org/protocol/disco#items' "
                                        "node='http://jabber.org/protocol/commands'/></iq>");
    EXPECT_THAT(list, HasSubstr("node='two-words'"));
    EXPECT_THAT(list, Not(HasSubstr("node='secret'")));
    const auto describe = [](const std::string& node) {
        return "<iq type='get' id='d' to='localhost'><query xmlns='http://jabber.org/protocol/disco#info' node='" + node + "'/></iq>";
    };
    EXPECT_THAT(juliet.ask(describe("two-words")), HasSubstr("category='automation' type='command-node'"));
    EXPECT_THAT(juliet.ask(describe("http://jabber.org/protocol/commands")), HasSubstr("type='command-list'"));
    EXPECT_THAT(juliet.ask(describe("secret")), HasSubstr("<forbidden"));
    EXPECT_THAT(juliet.ask(command("node='secret'")), HasSubstr("<forbidden"));
}

}  // namespace
}  // namespace rookery::test
