#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/modules/contacts.h"
#include "tests/support/test_client.h"
#include "xmpp/payload/disco.h"
#include "xmpp/xml/stream_parser.h"

namespace rookery::test {
namespace {

using testing::HasSubstr;
using testing::Not;

std::string info(std::string_view to, std::string_view node = "") {
    return "<iq type='get' id='d' to='" + std::string(to) + "'><query xmlns='http://jabber.org/protocol/disco#info'" +
           (node.empty() ? "" : " node='" + std::string(node) + "'") + "/></iq>";
}
std::string items(std::string_view to) {
    return "<iq type='get' id='d' to='" + std::string(to) + "'><query xmlns='http://jabber.org/protocol/disco#items'/></iq>";
}

std::string attribute_after(const std::string& text, std::string_view element, const std::string& name) {
    const auto at = text.find(name + "='", text.find(element));
    const auto begin = at + name.size() + 2;
    return at == std::string::npos ? "" : text.substr(begin, text.find('\'', begin) - begin);
}

std::optional<DiscoInfo> answer_in(const std::string& stanza) {
    const auto element = xml::parse_document(stanza);
    return element ? DiscoInfo::parse(element->view().first_child()) : std::nullopt;
}

TestServerOptions with(const std::string& yaml) {
    TestServerOptions options;
    options.config_yaml = yaml;
    return options;
}

TEST(Disco, CapabilitiesAreTheHashOfTheAnswer) {
    TestServer server(with("modules: {disco: {server_info: [{name: abuse-addresses, urls: ['mailto:a@localhost']}]}}"));
    TestClient juliet(server, "juliet@localhost/balcony");
    const std::string ver = attribute_after(juliet.features(), "<c ", "ver");
    const std::string node = attribute_after(juliet.features(), "<c ", "node");
    const std::optional<DiscoInfo> answer = answer_in(juliet.ask(info("localhost", node + "#" + ver)));
    ASSERT_TRUE(answer);
    EXPECT_EQ(answer->verification(), ver);
    EXPECT_EQ(answer->forms.size(), 1u);
    EXPECT_TRUE(answer->has_feature("http://jabber.org/protocol/caps"));
}

TEST(Disco, CapabilitiesAreNotOfferedToStrangers) {
    TestServer server;
    EXPECT_THAT(TestClient::stranger(server).features(), Not(HasSubstr("protocol/caps")));
}

TEST(Disco, CapabilitiesFollowTheModules) {
    TestServer server;
    TestClient before(server, "juliet@localhost/balcony");
    Shard& home = server.home("juliet@localhost");
    int owner = 0;
    home.find_host("localhost")->features.add_feature("urn:new", At::host, &owner);
    TestClient after(server, "juliet@localhost/chamber");
    EXPECT_NE(attribute_after(before.features(), "<c ", "ver"), attribute_after(after.features(), "<c ", "ver"));
    home.find_host("localhost")->features.remove_all(&owner);
}

TEST(Disco, AddressesForOtherModulesAreNotTheServers) {
    TestServer server(with("modules: {mod_disco: {server_info: [{modules: [mod_muc], name: abuse-addresses, urls: ['mailto:a@b']}]}}"));
    TestClient juliet(server, "juliet@localhost/balcony");
    EXPECT_THAT(juliet.ask(info("localhost")), Not(HasSubstr("jabber:x:data")));
}

TEST(Disco, ListsMoreDomainsAndItsName) {
    TestServer server(with("modules: {mod_disco: {name: Example chat, extra_domains: [users.localhost]}}"));
    TestClient juliet(server, "juliet@localhost/balcony");
    EXPECT_THAT(juliet.ask(items("localhost")), HasSubstr("<item jid='users.localhost'/>"));
    EXPECT_THAT(juliet.ask(info("localhost")), HasSubstr("name='Example chat'"));
}

TEST(Disco, AccountsAnswerThoseTheyShowTheirPresenceTo) {
    TestServer server;
    put_contact(server, "juliet@localhost", "romeo@localhost", Subscription::from);
    put_contact(server, "juliet@localhost", "paris@localhost", Subscription::to);
    TestClient juliet(server, "juliet@localhost/balcony");
    TestClient romeo(server, "romeo@localhost/orchard");
    TestClient paris(server, "paris@localhost/hall");
    juliet.become_available();
    EXPECT_THAT(romeo.ask(info("juliet@localhost")), HasSubstr("category='account' type='registered'"));
    EXPECT_THAT(romeo.ask(items("juliet@localhost")), HasSubstr("<item jid='juliet@localhost/balcony'/>"));
    EXPECT_THAT(juliet.ask(items("juliet@localhost")), HasSubstr("<item jid='juliet@localhost/balcony'/>"));
    for (const std::string& question : {info("juliet@localhost"), info("juliet@localhost", "x")})
        EXPECT_THAT(paris.ask(question), HasSubstr("<service-unavailable"));
    EXPECT_THAT(paris.ask(items("juliet@localhost")), HasSubstr("<query xmlns='http://jabber.org/protocol/disco#items'/>"));
    EXPECT_THAT(romeo.ask(info("juliet@localhost", "x")), HasSubstr("<item-not-found"));
}

}  // namespace
}  // namespace rookery::test
