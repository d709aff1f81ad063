// The verb `queues`: who is behind comes first, by name, with rates and the time it will take.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <set>
#include <sstream>

#include "admin/cli.h"
#include "admin/json.h"
#include "tests/modules/contacts.h"
#include "tests/support/test_client.h"

namespace rookery::test {
namespace {

using testing::HasSubstr;

class Queues : public testing::Test {
protected:
    explicit Queues(unsigned shards = 1) : server(options(shards)) {}

    static TestServerOptions options(unsigned shards) {
        TestServerOptions wanted;
        wanted.shards = shards;
        return wanted;
    }
    Value::List rows(Value::Object arguments = {}) {
        const Result<Value> result = server.run_command("queues", std::move(arguments));
        if (!result.ok()) ADD_FAILURE() << result.error().message;
        return result.ok() ? *result->as_list() : Value::List();
    }
    Value worst() { return rows().at(0); }
    Value only(const std::string& name) { return rows({{"name", name}}).at(0); }
    void send(TestClient& from, int messages, std::size_t bytes) {
        const std::string text(bytes, 'x');
        for (int i = 0; i < messages; ++i)
            from.send("<message to='romeo@localhost' type='chat'><body>" + text + "</body></message>");
        server.run_until_idle();
    }

    TestServer server;
};

class QueuesOfTwoShards : public Queues {
protected:
    QueuesOfTwoShards() : Queues(2) {}
};

double number(const Value& value) { return value.as_double().value_or(-1); }

TEST_F(Queues, AClientThatDoesNotReadShowsFirst) {
    TestClient juliet(server, "juliet@localhost/balcony");
    TestClient romeo(server, "romeo@localhost/orchard");
    romeo.become_available();
    romeo.stall();
    send(juliet, 60, 9'000);
    server.loops().advance(Seconds(3));
    const Value row = worst();
    EXPECT_EQ(row["queue"], Value("output")) << to_json(row);
    EXPECT_GT(row["percent"].as_int(), 3);
    EXPECT_GT(number(row["oldest"]), 1);
    ASSERT_EQ(row["longest"].as_list()->size(), 1u);
    EXPECT_THAT(row["longest"].as_list()->at(0).string_or(""), HasSubstr("romeo@localhost/orchard "));
}

TEST_F(Queues, AClientThatDoesNotAcknowledgeShowsFirst) {
    TestClient juliet(server, "juliet@localhost/balcony");
    TestClient romeo(server, "romeo@localhost/orchard");
    romeo.become_available();
    romeo.ask("<enable xmlns='urn:xmpp:sm:3' resume='true'/>");
    rows();
    send(juliet, 300, 10);
    server.loops().advance(Seconds(10));
    const Value row = worst();
    EXPECT_EQ(row["queue"], Value("unacknowledged")) << to_json(row);
    EXPECT_EQ(row["length"], Value(300));
    EXPECT_EQ(row["bound"], Value(1'000));
    EXPECT_EQ(row["percent"], Value(30));
    EXPECT_NEAR(number(row["in_10s"]), 30, 1);
    EXPECT_EQ(row["drain"], Value("never"));
    EXPECT_EQ(row["longest"], Value::list({"romeo@localhost/orchard 300"}));
    romeo.send("<a xmlns='urn:xmpp:sm:3' h='200'/>");
    server.loops().advance(Seconds(10));
    const Value draining = only("unacknowledged");
    EXPECT_EQ(draining["length"], Value(100));
    EXPECT_GT(number(draining["out_1s"]), 15);
    EXPECT_GT(number(draining["drain"]), 0) << to_json(draining);
    romeo.leave();
    server.run_until_idle();
    EXPECT_EQ(only("unacknowledged")["length"], Value(0));
}

TEST_F(QueuesOfTwoShards, ShowRings) {
    TestClient juliet(server, "juliet@localhost/balcony");
    TestClient romeo(server, "romeo@localhost/orchard");
    TestClient nurse(server, "nurse@localhost/garden");
    const Value::List before = rows({{"name", "ring"}});
    ASSERT_EQ(before.size(), 2u);
    EXPECT_EQ(before[0]["bound"], Value(4'096));
    std::set<std::string> where;
    for (const Value& row : before) where.insert(row["where"].string_or(""));
    EXPECT_EQ(where, (std::set<std::string>{"shard 0 to 1", "shard 1 to 0"}));
    for (TestClient* from : {&juliet, &nurse}) send(*from, 50, 10);
    romeo.send("<message to='juliet@localhost' type='chat'><body>1</body></message>");
    romeo.send("<message to='nurse@localhost' type='chat'><body>1</body></message>");
    server.loops().advance(Seconds(1));
    double in = 0, out = 0;
    for (const Value& row : rows({{"name", "ring"}})) {
        in += number(row["in_1s"]);
        out += number(row["out_1s"]);
    }
    EXPECT_GT(in, 0);
    EXPECT_EQ(in, out);
}

TEST_F(Queues, OneByName) {
    EXPECT_EQ(only("parsers")["kind"], Value("pool"));
    const Result<Value> unknown = server.run_command("queues", {{"name", "biscuits"}});
    ASSERT_FALSE(unknown.ok());
    EXPECT_EQ(unknown.error().code, ErrorCode::invalid);
}

TEST_F(Queues, FullCachesAreNoTrouble) {
    const Value::List all = rows();
    const auto is_cache = [](const Value& row) { return row["kind"] == Value("cache"); };
    EXPECT_TRUE(std::ranges::is_partitioned(all, [&](const Value& row) { return !is_cache(row); }));
    EXPECT_TRUE(is_cache(all.back()));
}

TEST_F(QueuesOfTwoShards, AreAllInTheManual) {
    std::ifstream file(std::string(ROOKERY_SOURCE_DIR) + "/docs/queues.md");
    std::stringstream manual;
    manual << file.rdbuf();
    for (const Value& row : rows()) EXPECT_THAT(manual.str(), HasSubstr("| `" + row["queue"].string_or("") + "` |"));
}

TEST(Screen, ShowsWhatFits) {
    EXPECT_EQ(cut_to("one\ntwo\nthree\n", 2, 80), "one\ntwo\n");
    EXPECT_EQ(cut_to("abcdef\nab\n\nx", 10, 3), "abc\nab\n\nx\n");
    EXPECT_EQ(cut_to("\xC3\xA4\xC3\xB6\xC3\xBC!\n", 1, 2), "\xC3\xA4\xC3\xB6\n");  // characters are cut between, not within
    EXPECT_EQ(cut_to("", 5, 5), "");
}

}  // namespace
}  // namespace rookery::test
