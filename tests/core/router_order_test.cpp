// Stanzas for an account that is not in memory keep their order, and wait in bounded number.
#include <gtest/gtest.h>

#include "tests/modules/contacts.h"

namespace rookery::test {
namespace {

const xml::Name body_name{"jabber:client", "body"};

std::string request(int number) {
    return "<iq type='get' id='r" + std::to_string(number) + "' to='romeo@localhost'><query xmlns='urn:example:unknown'/></iq>";
}

Stanza message(int number) {
    Stanza stanza = Stanza::message(MessageType::chat, jid("romeo@localhost"));
    stanza.from = jid("juliet@localhost/balcony");
    stanza.element().add_text_child(body_name, std::to_string(number));
    return stanza;
}

class RouterOrder : public testing::Test {
protected:
    RouterOrder() { EXPECT_TRUE(server.make_account("romeo", "localhost", "secret").ok()); }

    TestServer server;
    TestClient juliet{server, "juliet@localhost/balcony"};
};

TEST_F(RouterOrder, AnswersComeInTheOrderOfTheQuestions) {
    std::string questions;
    for (int i = 0; i < 50; ++i) questions += request(i);
    const std::string answers = juliet.ask(questions);
    std::size_t last = 0;
    for (int i = 0; i < 50; ++i) {
        const std::size_t at = answers.find("id='r" + std::to_string(i) + "'");
        ASSERT_NE(at, std::string::npos) << i;
        EXPECT_LE(last, at) << i;
        last = at;
    }
}

// While storage is asked for the first one's account, its owner logs in: the second finds it in memory.
TEST_F(RouterOrder, NoneOvertakesOneThatStillWaitsForTheAccount) {
    Shard& home = server.home("romeo@localhost");
    server.loops().at(home.index()).run_here([&] {
        home.router().send(message(1));
        home.account_for_login(jid("romeo@localhost"));
        home.router().send(message(2));
    });
    TestClient romeo(server, "romeo@localhost/orchard");
    const std::string got = romeo.ask("<presence/>");
    ASSERT_EQ(count_of(got, "<body>"), 2u);
    EXPECT_LT(got.find("<body>1</body>"), got.find("<body>2</body>"));
}

TEST_F(RouterOrder, OnlySoManyWait) {
    Shard& home = server.home("romeo@localhost");
    server.loops().at(home.index()).run_here([&] {
        for (int i = 0; i < 1'100; ++i) {
            Stanza question = parse_stanza(request(i)).value();
            question.from = jid("juliet@localhost/balcony");
            home.router().send(std::move(question));
        }
    });
    const std::string answers = juliet.receive();
    EXPECT_EQ(count_of(answers, "<service-unavailable "), 1'000u);
    EXPECT_EQ(count_of(answers, "<resource-constraint "), 100u);
    EXPECT_LT(answers.find("id='r1099'"), answers.find("id='r0'"));  // refused at once
}

}  // namespace
}  // namespace rookery::test
