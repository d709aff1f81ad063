// Whatever a stranger asks of an account, he learns neither whether it exists nor whether it is online.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/modules/contacts.h"
#include "tests/support/test_client.h"

namespace rookery::test {
namespace {

std::string without_name(std::string text, std::string_view name) {
    for (auto at = text.find(name); at != std::string::npos; at = text.find(name)) text.replace(at, name.size(), "?");
    return text;
}

constexpr const char* payloads[] = {
    "<query xmlns='http://jabber.org/protocol/disco#info'/>",
    "<query xmlns='http://jabber.org/protocol/disco#info' node='n'/>",
    "<query xmlns='http://jabber.org/protocol/disco#items'/>",
    "<query xmlns='http://jabber.org/protocol/disco#items' node='n'/>",
    "<query xmlns='jabber:iq:last'/>",
    "<query xmlns='jabber:iq:roster'/>",
    "<query xmlns='jabber:iq:roster'><item jid='juliet@localhost'/></query>",
    "<query xmlns='jabber:iq:private'><x xmlns='urn:x'/></query>",
    "<query xmlns='jabber:iq:register'/>",
    "<query xmlns='jabber:iq:version'/>",
    "<time xmlns='urn:xmpp:time'/>",
    "<ping xmlns='urn:xmpp:ping'/>",
    "<vCard xmlns='vcard-temp'/>",
    "<blocklist xmlns='urn:xmpp:blocking'/>",
    "<block xmlns='urn:xmpp:blocking'><item jid='juliet@localhost'/></block>",
    "<unblock xmlns='urn:xmpp:blocking'/>",
    "<command xmlns='http://jabber.org/protocol/commands' node='n'/>",
    "<session xmlns='urn:ietf:params:xml:ns:xmpp-session'/>",
    "<unknown xmlns='urn:x'/>",
};

TEST(Strangers, GetTheSameAnswerFromAnAccountOnlineOfflineOrMissing) {
    TestServer server;
    TestClient romeo(server, "romeo@localhost/orchard");
    romeo.become_available();
    ASSERT_TRUE(server.make_account("nurse", "localhost", "secret").ok());
    TestClient juliet(server, "juliet@localhost/balcony");
    const auto answer = [&juliet](std::string type, std::string name, std::string resource, std::string_view payload) {
        return without_name(juliet.ask("<iq type='" + type + "' id='q' to='" + name + "@localhost" + resource + "'>" +
                                       std::string(payload) + "</iq>"),
                            name);
    };
    for (const char* type : {"get", "set"})
        for (const char* resource : {"", "/orchard"})
            for (const char* payload : payloads) {
                const std::string missing = answer(type, "nobody", resource, payload);
                EXPECT_NE(missing, "");
                EXPECT_EQ(answer(type, "romeo", resource, payload), missing) << type << resource << payload;
                EXPECT_EQ(answer(type, "nurse", resource, payload), missing) << type << resource << payload;
            }
    EXPECT_EQ(romeo.receive(), "");
}

// Nor by the time it takes: storage is asked as often for a user who does not exist, the first time and later.
TEST(Strangers, CostTheSameReadsWhetherOrNotTheAccountExists) {
    TestServer server;
    TestClient juliet(server, "juliet@localhost/balcony");
    juliet.ask("<iq type='get' id='q' to='somebody@localhost'><query xmlns='urn:x'/></iq>");  // loads what is hers
    int number = 0;
    for (const char* type : {"get", "set"})
        for (const char* payload : payloads) {
            const std::string nurse = "nurse" + std::to_string(++number), nobody = "nobody" + std::to_string(number);
            ASSERT_TRUE(server.make_account(nurse, "localhost", "secret").ok());
            const auto ask = [&](const std::string& name) {
                const std::uint64_t before = server.storage().gauges().reads;
                juliet.ask("<iq type='" + std::string(type) + "' id='q' to='" + name + "@localhost'>" + payload + "</iq>");
                return server.storage().gauges().reads - before;
            };
            for (const char* time : {" first", " second"}) EXPECT_EQ(ask(nurse), ask(nobody)) << type << payload << time;
        }
}

TEST(Strangers, SeeNoEmptiedVcardByItsReads) {
    TestServer server;
    TestClient juliet(server, "juliet@localhost/balcony");
    TestClient nurse(server, "nurse@localhost/room");
    const std::string vcard = "<vCard xmlns='vcard-temp'/>";
    nurse.ask("<iq type='set' id='s'>" + vcard + "</iq>");
    nurse.leave();
    const auto ask = [&](const std::string& name) {
        const std::uint64_t before = server.storage().gauges().reads;
        juliet.ask("<iq type='get' id='q' to='" + name + "@localhost'>" + vcard + "</iq>");
        return server.storage().gauges().reads - before;
    };
    ask("nobody"), ask("nurse");
    EXPECT_EQ(ask("nurse"), ask("nobody"));
}

// But for a message that is kept: its addressee will see it.
TEST(Strangers, MessagesThatAreNotKeptTellNothing) {
    TestServer server;
    ASSERT_TRUE(server.make_account("nurse", "localhost", "secret").ok());
    TestClient juliet(server, "juliet@localhost/balcony");
    const auto answer = [&juliet](std::string type, std::string to, std::string_view payload) {
        return without_name(juliet.ask("<message type='" + type + "' id='q' to='" + to + "'>" + std::string(payload) + "</message>"),
                            to.substr(0, to.find('@')));
    };
    for (const char* type : {"normal", "chat", "headline", "groupchat", "error"})
        for (const char* resource : {"", "/orchard"})
            for (const char* payload : {"", "<composing xmlns='http://jabber.org/protocol/chatstates'/>",
                                        "<body>x</body><no-store xmlns='urn:xmpp:hints'/>"})
                EXPECT_EQ(answer(type, std::string("nurse@localhost") + resource, payload),
                          answer(type, std::string("nobody@localhost") + resource, payload))
                    << type << resource << payload;
}

}  // namespace
}  // namespace rookery::test
