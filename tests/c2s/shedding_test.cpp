// O6: clients that do not keep up share a bound; past it the slowest go, and nobody new comes.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/modules/contacts.h"
#include "tests/support/test_client.h"

namespace rookery::test {
namespace {

using testing::HasSubstr;
using testing::Not;

class Shedding : public testing::Test {
protected:
    Shedding() : server({.modules = {{"stream_mgmt", "max_ack_size: 100 MB"}}, .assembly = {.c2s = {.max_backlog_bytes = 4u << 20}}}) {}

    // Takes part in acknowledging, and then says nothing more.
    static void fall_silent(TestClient& client) {
        client.become_available();
        client.ask("<enable xmlns='urn:xmpp:sm:3' resume='true'/>");
    }
    // In memory each is about 20 kB.
    void send(std::string_view to, int messages) {
        const std::string body(10'000, 'x');
        for (int i = 0; i < messages; ++i) juliet.send("<message to='" + std::string(to) + "' type='chat'><body>" + body + "</body></message>");
        server.run_until_idle();
    }
    QueueReport backlog() {
        for (const QueueReport& report : server.home("juliet@localhost").queues().report(server.loops().clock().steady_now()))
            if (report.name == "client_backlog") return report;
        ADD_FAILURE() << "not on the board";
        return {};
    }
    SessionPtr session(std::string_view bare, std::string_view resource) {
        const AccountPtr account = server.home(bare).find_account(bare);
        return account ? account->find_session(resource) : nullptr;
    }

    TestServer server;
    TestClient juliet{server, "juliet@localhost/balcony"};
};

TEST_F(Shedding, TheSlowestGoesAndLosesNothing) {
    TestClient romeo(server, "romeo@localhost/orchard");
    TestClient nurse(server, "nurse@localhost/garden");
    fall_silent(romeo);
    fall_silent(nurse);
    send("nurse@localhost", 40);
    send("romeo@localhost", 120);
    EXPECT_TRUE(session("romeo@localhost", "orchard"));
    EXPECT_GT(backlog().now.length, 3u << 20);
    send("romeo@localhost", 60);
    EXPECT_FALSE(session("romeo@localhost", "orchard"));
    (void)romeo.receive();
    EXPECT_TRUE(romeo.closed());
    EXPECT_TRUE(session("nurse@localhost", "garden"));
    EXPECT_LE(backlog().now.length, 2u << 20);
    EXPECT_EQ(backlog().refused, 1u);
    TestClient back(server, "romeo@localhost/orchard");
    back.send("<presence/>");
    server.run_until_idle();
    EXPECT_EQ(count_of(back.receive(), "<body>"), 180u);
}

// A loop's output is also that of components and of strangers: no client can make room there.
TEST_F(Shedding, NobodyGoesForWhatOthersDoNotTake) {
    TestClient nurse(server, "nurse@localhost/garden");
    fall_silent(nurse);
    server.loops().at(0).claim_output(5u << 20);
    send("nurse@localhost", 40);
    EXPECT_TRUE(session("nurse@localhost", "garden"));
    EXPECT_EQ(backlog().refused, 0u);
}

TEST_F(Shedding, NobodyNewComesAtThreeQuarters) {
    TestClient romeo(server, "romeo@localhost/orchard");
    fall_silent(romeo);
    send("romeo@localhost", 170);
    ASSERT_TRUE(server.make_account("paris", "localhost", "secret").ok());
    const std::string bind = "<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>";
    {
        TestClient paris = TestClient::logged_in(server, "paris@localhost");
        const std::string refused = paris.ask(bind);
        EXPECT_THAT(refused, HasSubstr("type='wait'"));
        EXPECT_THAT(refused, HasSubstr("<resource-constraint"));
    }
    romeo.send("<a xmlns='urn:xmpp:sm:3' h='170'/>");
    server.run_until_idle();
    TestClient paris = TestClient::logged_in(server, "paris@localhost");
    EXPECT_THAT(paris.ask(bind), HasSubstr("<jid>"));
}

}  // namespace
}  // namespace rookery::test
