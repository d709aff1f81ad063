// A database that lags shows as what it is: its writer's queue comes first among all queues.
#include <gtest/gtest.h>

#include "admin/json.h"
#include "storage/sql/sqlite_database.h"
#include "tests/modules/contacts.h"
#include "tests/simulation/flaky_database.h"

namespace rookery::test {
namespace {

TEST(SlowStorage, ShowsItsWritersQueueFirst) {
    Dice dice(1);
    FlakyDatabase* flaky = nullptr;
    TestServerOptions options;
    options.storage = [&](const Clock& clock) {
        auto database = std::make_unique<FlakyDatabase>(open_memory_database(clock), dice);
        flaky = database.get();
        return std::make_unique<Storage>(std::move(database));
    };
    TestServer server(std::move(options));
    ASSERT_TRUE(server.make_account("romeo", "localhost", "secret").ok());
    TestClient juliet(server, "juliet@localhost/balcony");
    const auto worst = [&] { return server.run_command("queues", {}).value().as_list()->at(0); };
    (void)worst();
    juliet.send("<message to='romeo@localhost' type='chat'><body>Who waits is known by now</body></message>");
    server.run_until_idle();
    flaky->set_mood(Mood::slow);
    for (int i = 0; i < 40; ++i) juliet.send("<message to='romeo@localhost' type='chat'><body>Wait for it</body></message>");
    server.run_until_idle();
    const Value behind = worst();
    EXPECT_EQ(behind["queue"], Value("storage_writes")) << to_json(behind);
    EXPECT_GT(behind["length"].as_int(), 10);
    flaky->set_mood(Mood::well);
    server.loops().advance(Seconds(60));
    const Value after = server.run_command("queues", {{"name", "storage_writes"}}).value().as_list()->at(0);
    EXPECT_EQ(after["length"], Value(0));
    EXPECT_GT(after["out_100s"].as_double(), 0.5);
}

}  // namespace
}  // namespace rookery::test
