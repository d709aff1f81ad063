// XEP-0352 over whole streams.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/modules/contacts.h"
#include "tests/support/reload.h"
#include "tests/support/test_client.h"

namespace rookery::test {
namespace {

using testing::HasSubstr;
using testing::Not;

const std::string inactive = "<inactive xmlns='urn:xmpp:csi:0'/>";
const std::string active = "<active xmlns='urn:xmpp:csi:0'/>";
const std::string composing = "<message to='juliet@localhost/phone' type='chat'><composing xmlns='http://jabber.org/protocol/chatstates'/></message>";

class ClientState : public testing::Test {
protected:
    ClientState() {
        befriend(server, "juliet@localhost", "romeo@localhost");
        befriend(server, "juliet@localhost", "nurse@localhost");
        phone = std::make_unique<TestClient>(server, "juliet@localhost/phone");
        romeo = std::make_unique<TestClient>(server, "romeo@localhost/orchard");
        nurse = std::make_unique<TestClient>(server, "nurse@localhost/home");
        for (TestClient* client : {phone.get(), romeo.get(), nurse.get()}) client->become_available();
        phone->receive();
    }
    static std::string show(std::string_view what) { return "<presence><show>" + std::string(what) + "</show></presence>"; }
    static std::string chat(std::string_view body) {
        return "<message to='juliet@localhost/phone' type='chat'><body>" + std::string(body) + "</body></message>";
    }

    TestServer server;
    std::unique_ptr<TestClient> phone, romeo, nurse;
};

TEST_F(ClientState, IsOffered) { EXPECT_THAT(phone->features(), HasSubstr("<csi xmlns='urn:xmpp:csi:0'/>")); }

TEST_F(ClientState, InactiveHoldsThePresenceThatIsNewest) {
    phone->send(inactive);
    romeo->send(show("away") + show("dnd"));
    nurse->send(show("xa"));
    romeo->send(show("chat"));
    EXPECT_EQ(phone->receive(), "");
    const std::string got = phone->ask(active);
    EXPECT_EQ(count_of(got, "<presence "), 2u);
    EXPECT_THAT(got, HasSubstr("<show>xa</show>"));
    EXPECT_THAT(got, HasSubstr("<show>chat</show>"));
    EXPECT_LT(got.find("nurse@"), got.find("romeo@"));
    romeo->send(show("away"));
    EXPECT_THAT(phone->receive(), HasSubstr("<show>away</show>"));
}

TEST_F(ClientState, InactiveGetsMessagesBehindWhatWasHeld) {
    phone->send(inactive);
    romeo->send(show("away"));
    nurse->send(chat("x"));
    const std::string got = phone->receive();
    EXPECT_LT(got.find("<show>away</show>"), got.find("<body>x</body>"));
    EXPECT_THAT(got, HasSubstr("<body>x</body>"));
    romeo->send(show("dnd"));
    EXPECT_EQ(phone->receive(), "");  // still inactive
}

TEST_F(ClientState, InactiveGetsNoChatStates) {
    phone->send(inactive);
    romeo->send(composing);
    EXPECT_EQ(phone->receive(), "");
    EXPECT_EQ(phone->ask(active), "");
    romeo->send(composing);
    EXPECT_THAT(phone->receive(), HasSubstr("<composing "));
}

TEST_F(ClientState, InactiveGetsNoCopiesOfChatStates) {
    TestClient desk(server, "juliet@localhost/desk");
    phone->ask("<iq type='set' id='e'><enable xmlns='urn:xmpp:carbons:2'/></iq>");
    phone->receive();
    phone->send(inactive);
    romeo->send("<message to='juliet@localhost/desk' type='chat'><composing xmlns='http://jabber.org/protocol/chatstates'/></message>");
    EXPECT_EQ(phone->receive(), "");
    romeo->send("<message to='juliet@localhost/desk' type='chat'><body>x</body></message>");
    EXPECT_THAT(phone->receive(), HasSubstr("<body>x</body>"));
}

TEST_F(ClientState, AnswersComeAfterWhatActiveLetOut) {
    phone->send(inactive);
    romeo->send(show("away"));
    const std::string got = phone->ask(active + "<iq type='get' id='p' to='localhost'><ping xmlns='urn:xmpp:ping'/></iq>");
    EXPECT_LT(got.find("<show>away</show>"), got.find("id='p'"));
}

TEST_F(ClientState, RequestsForPresenceDoNotWait) {
    TestClient paris(server, "paris@localhost/hall");
    phone->send(inactive);
    paris.send("<presence type='subscribe' to='juliet@localhost'/>");
    EXPECT_THAT(phone->receive(), HasSubstr("type='subscribe'"));
}

TEST_F(ClientState, ActiveWithoutInactiveChangesNothing) {
    EXPECT_EQ(phone->ask(active + active), "");
    EXPECT_EQ(phone->ask(inactive + inactive), "");
    EXPECT_FALSE(phone->closed());
}

TEST_F(ClientState, OfAResumedStreamIsActive) {
    const std::string answer = phone->ask("<enable xmlns='urn:xmpp:sm:3' resume='true'/>");
    const std::size_t at = answer.find(" id='") + 5;
    const std::string id = answer.substr(at, answer.find('\'', at) - at);
    phone->send(inactive);
    romeo->send(show("away"));
    EXPECT_EQ(phone->receive(), "");
    phone->drop();
    romeo->send(show("dnd"));
    TestClient back = TestClient::logged_in(server, "juliet@localhost");
    const std::string got = back.ask("<resume xmlns='urn:xmpp:sm:3' previd='" + id + "' h='0'/>");
    EXPECT_EQ(count_of(got, "<presence "), 1u);
    EXPECT_THAT(got, HasSubstr("<show>dnd</show>"));
    romeo->send(show("chat"));
    EXPECT_THAT(back.receive(), HasSubstr("<show>chat</show>"));
}

// Nobody would ever let it out.
TEST_F(ClientState, SwitchedOffByAReloadLetsOutWhatWasHeld) {
    phone->send(inactive);
    romeo->send(show("away"));
    nurse->send(show("xa"));
    EXPECT_EQ(phone->receive(), "");
    reload(server, "csi", Reload::taken_away);
    const std::string got = phone->receive();
    EXPECT_THAT(got, HasSubstr("<show>away</show>"));
    EXPECT_THAT(got, HasSubstr("<show>xa</show>"));
    romeo->send(show("chat"));
    EXPECT_THAT(phone->receive(), HasSubstr("<show>chat</show>"));
}

TEST_F(ClientState, ChangedByAReloadStaysInactive) {
    phone->send(inactive);
    reload(server, "csi", Reload::changed);
    romeo->send(show("away"));
    EXPECT_EQ(phone->receive(), "");
    EXPECT_THAT(phone->ask(active), HasSubstr("<show>away</show>"));
}

TEST(ClientStateOptions, TurnItOff) {
    TestServerOptions options;
    options.config_yaml = "modules: {mod_client_state: {queue_presence: false, queue_chat_states: false}}";
    TestServer server(std::move(options));
    befriend(server, "juliet@localhost", "romeo@localhost");
    TestClient phone(server, "juliet@localhost/phone");
    phone.become_available();
    phone.send(inactive);
    TestClient romeo(server, "romeo@localhost/orchard");
    romeo.become_available();
    EXPECT_THAT(phone.receive(), HasSubstr("<presence "));
    romeo.send(composing);
    EXPECT_THAT(phone.receive(), HasSubstr("<composing "));
}

}  // namespace
}  // namespace rookery::test
