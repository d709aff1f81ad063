#include <gtest/gtest.h>

#include "tests/support/test_client.h"

namespace rookery::test {
namespace {

constexpr const char* question = "<iq type='get' id='1' to='localhost'><query xmlns='jabber:iq:version'/></iq>";

TEST(Version, TellsNameVersionAndSystem) {
    TestServer server;
    TestClient juliet(server, "juliet@localhost/balcony");
    EXPECT_EQ(juliet.ask(question),
              "<iq from='localhost' to='juliet@localhost/balcony' id='1' type='result'><query xmlns='jabber:iq:version'>"
              "<name>Rookery</name><version>0.1.0</version><os>Linux</os></query></iq>");
}

}  // namespace
}  // namespace rookery::test
