// Sessions of push clients wait longer.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/test_client.h"

namespace rookery::test {
namespace {

using testing::HasSubstr;

std::string resumption_id(const std::string& enabled) {
    const auto begin = enabled.find(" id='") + 5;
    return enabled.substr(begin, enabled.find('\'', begin) - begin);
}

// What a client gets that comes back after so long.
std::string come_back_after(Seconds away, bool push) {
    TestServer server(TestServerOptions{.modules = {{"push_keepalive", "resume_timeout: 2 hours"}}});
    TestClient phone(server, "juliet@localhost/phone");
    if (push) phone.ask("<iq type='set' id='e'><enable xmlns='urn:xmpp:push:0' jid='push.localhost' node='n'/></iq>");
    const std::string id = resumption_id(phone.ask("<enable xmlns='urn:xmpp:sm:3' resume='true'/>"));
    phone.drop();
    EXPECT_TRUE(server.advance(away).ok());
    TestClient again = TestClient::logged_in(server, "juliet@localhost");
    return again.ask("<resume xmlns='urn:xmpp:sm:3' h='0' previd='" + id + "'/>");
}

TEST(PushKeepalive, SessionsOfPushClientsWaitLonger) {
    EXPECT_THAT(come_back_after(Seconds(7'100), true), HasSubstr("<resumed "));
    EXPECT_THAT(come_back_after(Seconds(7'300), true), HasSubstr("<failed "));
}

TEST(PushKeepalive, OthersAsLongAsEver) {
    EXPECT_THAT(come_back_after(Seconds(290), false), HasSubstr("<resumed "));
    EXPECT_THAT(come_back_after(Seconds(400), false), HasSubstr("<failed "));
}

TEST(PushKeepalive, NotThoseThatWantNoPushAnyMore) {
    TestServer server(TestServerOptions{.modules = {{"push_keepalive", "resume_timeout: 2 hours"}}});
    TestClient phone(server, "juliet@localhost/phone");
    phone.ask("<iq type='set' id='e'><enable xmlns='urn:xmpp:push:0' jid='push.localhost' node='n'/></iq>");
    phone.ask("<iq type='set' id='d'><disable xmlns='urn:xmpp:push:0' jid='push.localhost'/></iq>");
    const std::string id = resumption_id(phone.ask("<enable xmlns='urn:xmpp:sm:3' resume='true'/>"));
    phone.drop();
    ASSERT_TRUE(server.advance(Seconds(400)).ok());
    TestClient again = TestClient::logged_in(server, "juliet@localhost");
    EXPECT_THAT(again.ask("<resume xmlns='urn:xmpp:sm:3' h='0' previd='" + id + "'/>"), HasSubstr("<failed "));
}

}  // namespace
}  // namespace rookery::test
