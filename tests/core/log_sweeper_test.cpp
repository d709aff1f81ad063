// What was received goes when the window for duplicates is over; what waits stays.
#include "core/log_sweeper.h"

#include <gtest/gtest.h>

#include "tests/modules/contacts.h"
#include "tests/support/test_client.h"

namespace rookery::test {
namespace {

std::int64_t rows(TestServer& server) {
    return server.wait(server.storage().database().query(Statement("SELECT count(*) FROM log"))).value().at(0, 0).integer();
}

TEST(LogSweeper, TakesOutWhatWasReceived) {
    TestServerOptions without_archive;
    without_archive.modules = {{"-mam", ""}};
    TestServer server(std::move(without_archive));
    ASSERT_TRUE(server.make_account("romeo", "localhost", "secret").ok());
    TestClient juliet(server, "juliet@localhost/balcony");
    const std::string message = "<message type='chat' to='romeo@localhost'><body>1</body><origin-id xmlns='urn:xmpp:sid:0' id='o'/></message>";
    juliet.ask(message);
    {
        TestClient romeo(server, "romeo@localhost/orchard");
        romeo.become_available();
        ASSERT_TRUE(server.advance(Seconds(2)).ok());
        romeo.leave();
    }
    juliet.ask("<message type='chat' to='romeo@localhost'><body>2</body></message>");
    EXPECT_EQ(rows(server), 2);
    ASSERT_TRUE(server.advance(std::chrono::hours(25)).ok());
    ASSERT_TRUE(server.advance(std::chrono::minutes(11)).ok());
    EXPECT_EQ(rows(server), 1);
    TestClient romeo(server, "romeo@localhost/orchard");
    EXPECT_NE(romeo.ask("<presence/>").find("<body>2</body>"), std::string::npos);
}

}  // namespace
}  // namespace rookery::test
