// A client's stanzas are settled from the first on, whatever the order in which they come to their ends.
#include "core/ticket.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "core/session.h"
#include "tests/support/fake_loop.h"
#include "tests/support/test_client.h"

namespace rookery::test {
namespace {

class Tickets : public testing::Test {
protected:
    Tickets() : juliet(server, "juliet@localhost/balcony") {
        home().run_here([&] { session = server.home("juliet@localhost").find_account("juliet@localhost")->find_session("balcony"); });
    }
    FakeLoop& home() { return server.loops().at(server.home("juliet@localhost").index()); }
    TicketPtr issue(std::size_t bytes = 1) { return session->issue_ticket(server.home("juliet@localhost"), bytes); }

    TestServer server;
    TestClient juliet;
    SessionPtr session;
};

TEST_F(Tickets, AreSettledFromTheFirstOn) {
    home().run_here([&] {
        const std::uint32_t before = session->settled();
        TicketPtr first = issue(), second = issue(), third = issue();
        third.reset();
        first.reset();
        EXPECT_EQ(session->settled(), before + 1);
        TicketPtr copy = second;
        second.reset();
        EXPECT_EQ(session->settled(), before + 1);
        copy.reset();
        EXPECT_EQ(session->settled(), before + 3);
    });
}

TEST_F(Tickets, AnyOrderEndsWithAllOfThem) {
    home().run_here([&] {
        std::mt19937 random(7);
        for (int round = 0; round < 100; ++round) {
            std::vector<TicketPtr> open;
            for (int i = 0; i < 50; ++i) open.push_back(issue());
            std::shuffle(open.begin(), open.end(), random);
            open.clear();
            EXPECT_EQ(session->settled(), session->issued());
        }
    });
}

TEST_F(Tickets, TooManyHoldTheSession) {
    home().run_here([&] {
        std::vector<TicketPtr> open;
        while (open.size() < Session::max_open) open.push_back(issue());
        EXPECT_FALSE(session->held());
        open.push_back(issue());
        EXPECT_TRUE(session->held());
        open.erase(open.begin());
        EXPECT_FALSE(session->held());
    });
}

TEST_F(Tickets, TooManyBytesHoldTheSession) {
    home().run_here([&] {
        TicketPtr large = issue(Session::max_open_bytes + 1);
        EXPECT_TRUE(session->held());
        large.reset();
        EXPECT_FALSE(session->held());
    });
}

}  // namespace
}  // namespace rookery::test
