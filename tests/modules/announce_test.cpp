#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/modules/admin_client.h"

namespace rookery::test {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

std::string message(const std::string& where, const std::string& body) {
    return "<message to='localhost/" + where + "' id='m'><subject>News</subject><body>" + body + "</body></message>";
}

class Announce : public testing::TestWithParam<unsigned> {
protected:
    // All that comes, timers included.
    std::string later(TestClient& client) {
        (void)server.advance(Seconds(2));
        return client.receive();
    }
    std::string login(const std::string& address) {
        TestClient client(server, address);
        client.send("<presence/>");
        return client.receive();
    }

    TestServer server{administered("", GetParam())};
    AdminClient admin{server};
    TestClient juliet{server, "juliet@localhost/balcony"};
    TestClient away{server, "romeo@localhost/orchard"};  // connected, not available
};

TEST_P(Announce, ReachesWhoIsOnline) {
    juliet.become_available();
    TestClient elsewhere(server, "paris@other.localhost/hall");
    elsewhere.become_available();
    EXPECT_THAT(admin.execute("announce", {{"subject", {"News"}}, {"announcement", {"line 1", "line 2"}}}), HasSubstr("status='completed'"));
    EXPECT_THAT(later(juliet), AllOf(HasSubstr("<message from='localhost' to='juliet@localhost/balcony'"), HasSubstr(" type='headline'"), HasSubstr(" id='"),
                                     HasSubstr("<subject>News</subject><body>line 1\nline 2</body>")));
    EXPECT_EQ(later(away), "");
    EXPECT_EQ(later(elsewhere), "");
}

TEST_P(Announce, ReachesAllUsersOnceTheyComeIn) {
    (void)server.make_account("paris", "localhost", "secret");
    juliet.become_available();
    EXPECT_THAT(admin.execute("announce-all", {{"announcement", {"to all"}}}), HasSubstr("status='completed'"));
    EXPECT_THAT(later(juliet), HasSubstr("<body>to all</body>"));
    EXPECT_EQ(later(away), "");
    EXPECT_THAT(login("paris@localhost/hall"), AllOf(HasSubstr("<body>to all</body>"), HasSubstr("<delay")));
}

TEST_P(Announce, MessageOfTheDayComesOnceToEachAccount) {
    juliet.become_available();
    EXPECT_THAT(admin.execute("set-motd", {{"motd", {"of the day"}}}), HasSubstr("status='completed'"));
    EXPECT_THAT(later(juliet), HasSubstr("<body>of the day</body>"));
    for (const char* address : {"paris@localhost/1", "tybalt@localhost/1"})
        EXPECT_THAT(login(address), HasSubstr("<body>of the day</body>")) << address;
    EXPECT_THAT(login("paris@localhost/2"), Not(HasSubstr("<body>")));
    juliet.send("<presence><show>away</show></presence>");
    EXPECT_THAT(later(juliet), Not(HasSubstr("<body>")));

    EXPECT_THAT(admin.execute("edit-motd"), HasSubstr("<value>of the day</value>"));
    EXPECT_THAT(admin.execute("edit-motd", {{"motd", {"changed"}}}), HasSubstr("status='completed'"));
    EXPECT_THAT(later(juliet), Not(HasSubstr("<body>")));
    EXPECT_THAT(login("paris@localhost/3"), HasSubstr("<body>changed</body>"));

    EXPECT_THAT(admin.execute("delete-motd"), HasSubstr("status='completed'"));
    EXPECT_THAT(login("paris@localhost/4"), Not(HasSubstr("<body>")));
}

TEST_P(Announce, WhoIsToldTheMessageOfTheDayWhenItIsSetIsNotToldAgain) {
    juliet.become_available();
    TestClient chamber(server, "juliet@localhost/chamber");
    chamber.become_available();
    admin.execute("set-motd", {{"motd", {"of the day"}}});
    for (TestClient* client : {&juliet, &chamber}) EXPECT_THAT(later(*client), HasSubstr("<body>of the day</body>"));
    EXPECT_THAT(login("juliet@localhost/garden"), Not(HasSubstr("<body>")));
    admin.client.ask(message("announce/motd", "of another day"));
    EXPECT_THAT(later(juliet), HasSubstr("<body>of another day</body>"));
    EXPECT_THAT(login("juliet@localhost/garden"), Not(HasSubstr("<body>")));
    EXPECT_THAT(login("romeo@localhost/garden"), HasSubstr("<body>of another day</body>")) << "connected, but not available then";
}

TEST_P(Announce, MessageOfTheDayIsOfOneDomain) {
    admin.execute("set-motd", {{"motd", {"of the day"}}});
    EXPECT_THAT(login("paris@other.localhost/1"), Not(HasSubstr("<body>")));
}

TEST_P(Announce, TakesMessagesOfAdministrators) {
    juliet.become_available();
    EXPECT_EQ(admin.client.ask(message("announce/online", "now")), "");
    EXPECT_THAT(later(juliet), HasSubstr("<subject>News</subject><body>now</body>"));
    admin.client.ask(message("announce/all", "all"));
    EXPECT_THAT(later(juliet), HasSubstr("<body>all</body>"));
    admin.client.ask(message("announce/motd", "day"));
    EXPECT_THAT(later(juliet), HasSubstr("<body>day</body>"));
    admin.client.ask(message("announce/motd/update", "night"));
    EXPECT_THAT(login("paris@localhost/1"), HasSubstr("<body>night</body>"));
    admin.client.ask(message("announce/motd/delete", ""));
    EXPECT_THAT(login("paris@localhost/1"), Not(HasSubstr("<body>")));
    EXPECT_THAT(admin.client.ask(message("announce/nowhere", "x")), HasSubstr("<item-not-found"));
    EXPECT_THAT(admin.client.ask(message("announce/online", "")), HasSubstr("<bad-request"));
    const std::string huge(64 * 1024, 'x');
    EXPECT_THAT(admin.client.ask(message("announce/motd", huge)), HasSubstr("<not-acceptable"));
}

TEST_P(Announce, TakesNoMessagesOfOthers) {
    juliet.become_available();
    for (const char* where : {"announce/online", "announce/all", "announce/motd", "announce/motd/delete"})
        EXPECT_THAT(away.ask(message(where, "spam")), HasSubstr("<forbidden")) << where;
    EXPECT_EQ(later(juliet), "");
}

TEST_P(Announce, NeedsAText) {
    EXPECT_THAT(admin.execute("announce", {{"announcement", {""}}}), HasSubstr("type='error'"));
    EXPECT_THAT(admin.execute("set-motd", {{"subject", {"x"}}}), HasSubstr("type='error'"));
}

INSTANTIATE_TEST_SUITE_P(Shards, Announce, testing::Values(1u, 2u));

}  // namespace
}  // namespace rookery::test
