// Stanzas for an account that is not in memory keep their order, and wait in bounded number.
#include <gtest/gtest.h>

#include "tests/support/test_client.h"

namespace rookery::test {
namespace {

std::string request(int number) {
    return "<iq type='get' id='r" + std::to_string(number) + "' to='romeo@localhost'><query xmlns='urn:example:unknown'/></iq>";
}

TEST(RouterOrder, AnswersComeInTheOrderOfTheQuestions) {
    TestServer server;
    TestClient juliet(server, "juliet@localhost/balcony");
    ASSERT_TRUE(server.make_account("romeo", "localhost", "secret").ok());
    std::string questions;
    for (int i = 0; i < 50; ++i) questions += request(i);
    juliet.send(questions);
    const std::string answers = juliet.receive();
    std::size_t last = 0;
    for (int i = 0; i < 50; ++i) {
        const std::size_t at = answers.find("id='r" + std::to_string(i) + "'");
        ASSERT_NE(at, std::string::npos) << i;
        EXPECT_LE(last, at) << i;
        last = at;
    }
}

TEST(RouterOrder, OnlySoManyWait) {
    TestServer server;
    TestClient juliet(server, "juliet@localhost/balcony");
    ASSERT_TRUE(server.make_account("romeo", "localhost", "secret").ok());
    std::string questions;
    for (int i = 0; i < 1'100; ++i) questions += request(i);
    juliet.send(questions);
    const std::string answers = juliet.receive();
    EXPECT_NE(answers.find("<resource-constraint "), std::string::npos);
    EXPECT_NE(answers.find("id='r1099'"), std::string::npos);
}

}  // namespace
}  // namespace rookery::test
