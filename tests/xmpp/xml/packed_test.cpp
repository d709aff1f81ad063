#include "xmpp/xml/packed.h"

#include <gtest/gtest.h>

#include <array>

#include "xmpp/stanza.h"
#include "xmpp/xml/stream_parser.h"

namespace rookery::test {
namespace {

void expect_comes_back(const std::string& document) {
    const auto element = xml::parse_document(document);
    ASSERT_TRUE(element) << document;
    const xml::Element again = xml::unpack(xml::pack(*element));
    EXPECT_TRUE(again.view().equals(*element)) << again.to_string();
}

TEST(Packed, ComesBackAsItWas) {
    expect_comes_back("<presence xmlns='jabber:client'/>");
    expect_comes_back("<presence xmlns='jabber:client' id='a' xml:lang='de'><show>away</show><status>x &lt; y</status>"
                      "<c xmlns='http://jabber.org/protocol/caps' hash='sha-1' node='n' ver='v'/></presence>");
    expect_comes_back("<a xmlns='urn:unknown:one'><b xmlns='urn:unknown:two'>mixed<c/>text<d>&#x10FFFF;</d></b>end</a>");
    expect_comes_back("<a xmlns='urn:a' xmlns:p='urn:p' p:x='1' x='2'/>");
    expect_comes_back("<a xmlns=''><b/></a>");
    expect_comes_back("<a xmlns='urn:a'>" + std::string(100'000, 'x') + "</a>");
}

TEST(Packed, OfAChildAlone) {
    const auto element = xml::parse_document("<a xmlns='urn:a'><b x='1'><c/></b><d/></a>");
    const xml::View child = element->view().first_child();
    EXPECT_TRUE(xml::unpack(xml::pack(child)).view().equals(child));
}

TEST(Packed, AttributesInstead) {
    const auto element = xml::parse_document("<a xmlns='urn:a' x='old' y='gone' z='stays'><b x='inner'/></a>");
    const std::array<xml::RootAttribute, 2> instead{{{"x", "new"}, {"y", ""}}};
    const auto expected = xml::parse_document("<a xmlns='urn:a' x='new' z='stays'><b x='inner'/></a>");
    EXPECT_TRUE(xml::unpack(xml::pack(*element, instead)).view().equals(*expected));
}

TEST(Packed, PresenceIsSmall) {
    const Stanza presence = Stanza::presence(PresenceType::available);
    EXPECT_LE(presence.packed().size(), 4u);
}

TEST(Packed, StanzaKeepsAllButItsAddresses) {
    const auto stanza = parse_stanza("<presence from='a@b/c' to='d@e' id='1' xml:lang='de'><show>dnd</show></presence>");
    ASSERT_TRUE(stanza);
    const Stanza again = Stanza::unpack(stanza->packed(), *Jid::parse("x@y/z"));
    EXPECT_EQ(again.to_string(), "<presence from='x@y/z' id='1' xml:lang='de'><show>dnd</show></presence>");
    const Stanza gone = Stanza::unpack(Stanza::presence(PresenceType::unavailable).packed(), Jid());
    EXPECT_EQ(gone.presence_type(), PresenceType::unavailable);
}

}  // namespace
}  // namespace rookery::test
