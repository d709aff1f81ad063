// What `rookery queues` shows a person.
#include "admin/queue_table.h"

#include <gtest/gtest.h>

namespace rookery {
namespace {

Value row(const std::string& queue, const std::string& where, Value length, const std::string& unit = "stanzas") {
    Value one = Value::object({{"queue", queue}, {"where", where}, {"percent", 25}, {"length", std::move(length)}, {"unit", unit},
                               {"bound", unit == "bytes" ? 4 << 20 : 1'000}, {"oldest", nullptr}, {"drain", 0.0},
                               {"refused", 0}, {"longest", Value::list()}});
    for (const char* rate : {"in_1s", "in_10s", "in_100s", "out_1s", "out_10s", "out_100s"}) one.set(rate, 0.0);
    return one;
}

TEST(QueueTable, SaysWhatAPersonReads) {
    Value output = row("output", "shard 1", 1 << 20, "bytes");
    output.set("oldest", 75.3);
    output.set("drain", "never");
    output.set("in_1s", 3'355'443.2);
    output.set("longest", Value::list({"romeo@localhost/orchard 1048576"}));
    Value queue = row("account_queue", "shard 0", 250);
    queue.set("oldest", 3.25);
    queue.set("drain", 9'000);
    queue.set("out_10s", 1.5);
    queue.set("refused", 200'000);
    EXPECT_EQ(queue_table(Value::list({output, queue})),
              "queue          where    full   length  unit       bound  oldest  drains in  in/s: 1s  10s  100s  out/s: 1s  10s  100s\n"
              "output         shard 1   25%  1.0 MiB           4.0 MiB    75 s      never   3.2 MiB  0 B   0 B        0 B  0 B   0 B"
              "  romeo@localhost/orchard 1048576\n"
              "account_queue  shard 0   25%      250  stanzas     1000   3.2 s      2.5 h         0    0     0          0  1.5     0"
              "  refused 200.0 k\n");
}

TEST(QueueTable, FoldsWhatIsIdle) {
    const Value busy = row("ring", "shard 0 to 1", 3);
    const std::string text = queue_table(Value::list({busy, row("ring", "shard 1 to 0", 0), row("parsers", "shard 0", 0), row("accept", "shard 0", 0)}));
    EXPECT_EQ(text.substr(text.find("nothing")), "nothing in: accept parsers\n");
    EXPECT_EQ(text.find("shard 1 to 0"), std::string::npos);
}

TEST(QueueTable, ShowsWhatWasAskedForAlsoWhereItIsIdle) {
    const std::string text = queue_table(Value::list({row("parsers", "shard 0", 0), row("parsers", "shard 1", 0)}));
    EXPECT_NE(text.find("shard 1"), std::string::npos);
}

TEST(QueueTable, NamesSteerNoTerminal) {
    Value evil = row("output", "shard 0", 1);
    evil.set("longest", Value::list({"romeo@localhost/\x1b[2J 1"}));
    EXPECT_EQ(queue_table(Value::list({evil})).find('\x1b'), std::string::npos);
}

}  // namespace
}  // namespace rookery
