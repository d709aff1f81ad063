// Sessions of push clients wait longer.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/test_client.h"
#include "tests/support/test_component.h"

namespace rookery::test {
namespace {

using testing::HasSubstr;

std::string id_in(const std::string& enabled) {
    const auto begin = enabled.find(" id='") + 5;
    return enabled.substr(begin, enabled.find('\'', begin) - begin);
}

// What a client gets that comes back after so long.
std::string come_back_after(Seconds away, bool push) {
    TestServer server(TestServerOptions{.modules = {{"push_keepalive", "resume_timeout: 2 hours"}}});
    TestClient phone(server, "juliet@localhost/phone");
    if (push) phone.ask("<iq type='set' id='e'><enable xmlns='urn:xmpp:push:0' jid='push.localhost' node='n'/></iq>");
    const std::string id = id_in(phone.ask("<enable xmlns='urn:xmpp:sm:3' resume='true'/>"));
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

// A phone of which nobody wants anything for as long as its session waits.
class PushKeepaliveEnd : public testing::Test {
protected:
    void start(const std::string& options) {
        connect(options);
        phone->drop();
    }
    void connect(const std::string& options) {
        server = std::make_unique<TestServer>(TestServerOptions{.modules = {{"push_keepalive", options}},
                                                                .components = {{"push.localhost", "secret"}}});
        service = std::make_unique<TestComponent>(*server, "push.localhost");
        phone = std::make_unique<TestClient>(*server, "juliet@localhost/phone");
        phone->ask("<iq type='set' id='e'><enable xmlns='urn:xmpp:push:0' jid='push.localhost' node='n'/></iq>");
        id = id_in(phone->ask("<enable xmlns='urn:xmpp:sm:3' resume='true'/>"));
    }
    std::string told_after(Seconds time) {
        EXPECT_TRUE(server->advance(time).ok());
        return service->receive();
    }
    std::string resume(unsigned received = 0) {
        phone = std::make_unique<TestClient>(TestClient::logged_in(*server, "juliet@localhost"));
        return phone->ask("<resume xmlns='urn:xmpp:sm:3' h='" + std::to_string(received) + "' previd='" + id + "'/>");
    }
    void want_no_push() { phone->ask("<iq type='set' id='d'><disable xmlns='urn:xmpp:push:0' jid='push.localhost'/></iq>"); }

    std::unique_ptr<TestServer> server;
    std::unique_ptr<TestComponent> service;
    std::unique_ptr<TestClient> phone;
    std::string id;
};

TEST_F(PushKeepaliveEnd, NotThoseThatWantNoPushAnyMore) {
    connect("resume_timeout: 2 hours");
    want_no_push();
    phone->drop();
    ASSERT_TRUE(server->advance(Seconds(400)).ok());
    EXPECT_THAT(resume(1), HasSubstr("<failed "));
}

TEST_F(PushKeepaliveEnd, AlsoWhereTheyWaitedLongOnce) {
    start("resume_timeout: 2 hours");
    ASSERT_TRUE(server->advance(Seconds(400)).ok());
    EXPECT_THAT(resume(), HasSubstr("<resumed "));
    want_no_push();
    phone->drop();
    ASSERT_TRUE(server->advance(Seconds(400)).ok());
    EXPECT_THAT(resume(1), HasSubstr("<failed "));
}

TEST_F(PushKeepaliveEnd, WakesThePhoneBeforeItsSessionEnds) {
    start("resume_timeout: 2 hours");
    EXPECT_EQ(told_after(Seconds(7'070)), "");
    const std::string told = told_after(Seconds(20));
    EXPECT_THAT(told, HasSubstr("<field var='message-count'><value>0</value></field>"));
    EXPECT_EQ(told.find("last-message"), std::string::npos);
    EXPECT_THAT(resume(), HasSubstr("<resumed "));
}

TEST_F(PushKeepaliveEnd, CountsFromTheLastTimeThePhoneWasHere) {
    start("resume_timeout: 2 hours");
    EXPECT_EQ(told_after(Seconds(5'000)), "");
    EXPECT_THAT(resume(), HasSubstr("<resumed "));
    EXPECT_EQ(told_after(Seconds(100)), "");
    phone->drop();
    EXPECT_EQ(told_after(Seconds(7'070)), "");
    EXPECT_THAT(told_after(Seconds(20)), HasSubstr("<notification "));
}

// Its service says so by an error that is there to stay (XEP-0357 7.1).
TEST_F(PushKeepaliveEnd, NotOneThatCannotBeWokenAnyMore) {
    connect("resume_timeout: 2 hours");
    TestClient romeo(*server, "romeo@localhost/orchard");
    romeo.send("<message to='juliet@localhost/phone' type='chat'><body>hello</body></message>");
    const std::string told = told_after(Seconds(12));
    service->send("<iq type='error' id='" + id_in(told) + "' from='push.localhost' to='juliet@localhost'><error type='cancel'>"
                  "<item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>");
    phone->drop();
    EXPECT_EQ(told_after(Seconds(400)), "");
    EXPECT_THAT(resume(), HasSubstr("<failed "));
}

TEST_F(PushKeepaliveEnd, UnlessItIsToldNotTo) {
    start("resume_timeout: 2 hours\nwake_on_timeout: false");
    EXPECT_EQ(told_after(Seconds(8'000)), "");
}

TEST_F(PushKeepaliveEnd, NotWhenTheWaitIsTooShortForIt) {
    start("resume_timeout: 100");
    EXPECT_EQ(told_after(Seconds(1'000)), "");
}

}  // namespace
}  // namespace rookery::test
