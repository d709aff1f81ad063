// R2: whatever is wrong with an error (or a result), nobody is told: two servers would answer each other for ever.
#include <gtest/gtest.h>

#include "tests/support/test_client.h"

namespace rookery::test {
namespace {

class Errors : public testing::TestWithParam<unsigned> {};

TEST_P(Errors, AreNeverAnswered) {
    TestServerOptions options;
    options.shards = GetParam();
    TestServer server(options);
    TestClient juliet(server, "juliet@localhost/balcony");
    TestClient romeo(server, "romeo@localhost/orchard");
    const std::vector<std::string> addresses = {
        "",           "localhost",         "other.localhost", "unknown.example",      "nurse@unknown.example", "nobody@localhost",
        "@@bad",      "juliet@localhost",  "romeo@localhost", "romeo@localhost/none", "localhost/none",        "nobody@localhost/none",
        "a b@c d/\t", std::string(4'000, 'x') + "@localhost"};
    const std::vector<std::string> insides = {"", "<error/>", "<error type='no such'><gone/></error>", "<a/><b/>", "<error xmlns='urn:x'/>",
                                              "<error type='cancel'><item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>"};
    for (const std::string kind : {"message type='error'", "presence type='error'", "iq type='error' id='e'", "iq type='error'",
                                   "iq type='result' id='r'", "iq type='result'"})
        for (const std::string& address : addresses)
            for (const std::string& inside : insides) {
                const std::string name = kind.substr(0, kind.find(' '));
                const std::string to = address.empty() ? "" : " to='" + address + "'";
                EXPECT_EQ(juliet.ask("<" + kind + to + ">" + inside + "</" + name + ">"), "") << kind << to << inside;
            }
    EXPECT_FALSE(juliet.closed());
    EXPECT_FALSE(romeo.closed());
}

INSTANTIATE_TEST_SUITE_P(Shards, Errors, testing::Values(1u, 2u));

}  // namespace
}  // namespace rookery::test
