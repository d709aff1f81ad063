#include "xmpp/payload/disco.h"

#include <gtest/gtest.h>

#include "xmpp/xml/stream_parser.h"

namespace rookery {
namespace {

DiscoInfo read(std::string_view inner) {
    const auto element =
        xml::parse_document("<query xmlns='http://jabber.org/protocol/disco#info'>" + std::string(inner) + "</query>");
    EXPECT_TRUE(element) << inner;
    auto info = DiscoInfo::parse(*element);
    EXPECT_TRUE(info) << inner;
    return info.value_or(DiscoInfo());
}

// XEP-0115 5.2
TEST(DiscoInfo, verification_string_simple_example) {
    const auto info = read(
        "<identity category='client' type='pc' name='Exodus 0.9.1'/>"
        "<feature var='http://jabber.org/protocol/muc'/><feature var='http://jabber.org/protocol/disco#info'/>"
        "<feature var='http://jabber.org/protocol/disco#items'/><feature var='http://jabber.org/protocol/caps'/>");
    EXPECT_EQ(info.verification(), "QgayPKawpkPSDYmwT/WM94uAlu0=");
}

const std::string complex_example =
    "<identity xml:lang='en' category='client' name='Psi 0.11' type='pc'/>"
    "<identity xml:lang='el' category='client' name='\u03A8 0.11' type='pc'/>"
    "<feature var='http://jabber.org/protocol/caps'/><feature var='http://jabber.org/protocol/disco#info'/>"
    "<feature var='http://jabber.org/protocol/disco#items'/><feature var='http://jabber.org/protocol/muc'/>"
    "<x xmlns='jabber:x:data' type='result'>"
    "<field var='FORM_TYPE' type='hidden'><value>urn:xmpp:dataforms:softwareinfo</value></field>"
    "<field var='ip_version' type='text-multi'><value>ipv6</value><value>ipv4</value></field>"
    "<field var='software'><value>Psi</value></field><field var='os'><value>Mac</value></field>"
    "<field var='os_version'><value>10.5.1</value></field>"
    "<field var='software_version'><value>0.11</value></field></x>";

// XEP-0115 5.3
TEST(DiscoInfo, verification_string_complex_example) {
    EXPECT_EQ(read(complex_example).verification(), "q07IKJEyjvHSyhy//CH0CxmKi8w=");
}

// XEP-0115 5.4, steps 3.3 to 3.6
TEST(DiscoInfo, ill_formed_answers_have_no_verification_string) {
    const std::string identity = "<identity category='client' type='pc'/>";
    const std::string form =
        "<x xmlns='jabber:x:data' type='result'><field var='FORM_TYPE' type='hidden'><value>urn:x</value></field></x>";
    EXPECT_TRUE(read(identity + form).verification());
    EXPECT_FALSE(read(identity + identity).verification());
    EXPECT_FALSE(read(identity + "<feature var='a'/><feature var='a'/>").verification());
    EXPECT_FALSE(read(identity + form + form).verification());
    EXPECT_FALSE(read("<x xmlns='jabber:x:data' type='result'><field var='FORM_TYPE' type='hidden'><value>a</value>"
                      "<value>b</value></field></x>")
                     .verification());
    EXPECT_EQ(
        read(identity + "<x xmlns='jabber:x:data' type='result'><field var='FORM_TYPE'><value>a</value></field></x>")
            .verification(),
        read(identity).verification());
}

// R12: another answer with the same hash input.
TEST(DiscoInfo, texts_that_pass_for_two_are_not_hashed) {
    EXPECT_FALSE(read("<identity category='client' type='pc' name='x&lt;urn:feature'/>").verification());
    EXPECT_FALSE(read("<feature var='a&lt;b'/>").verification());
    EXPECT_FALSE(read("<x xmlns='jabber:x:data' type='result'><field var='FORM_TYPE' type='hidden'><value>a&lt;</value>"
                      "</field></x>")
                     .verification());
}

TEST(DiscoInfo, what_is_written_is_read) {
    DiscoInfo info;
    info.node = "n";
    info.identities.emplace_back("server", "im", "Rookery", "en");
    info.features = {"urn:a", "urn:b"};
    info.forms.emplace_back(FormType::result, "urn:form");
    const auto text = info.to_xml().to_string();
    EXPECT_EQ(text,
              "<query xmlns='http://jabber.org/protocol/disco#info' node='n'>"
              "<identity category='server' type='im' name='Rookery' xml:lang='en'/><feature var='urn:a'/>"
              "<feature var='urn:b'/><x xmlns='jabber:x:data' type='result'><field var='FORM_TYPE' type='hidden'>"
              "<value>urn:form</value></field></x></query>");
    const auto again = DiscoInfo::parse(*xml::parse_document(text));
    ASSERT_TRUE(again);
    EXPECT_EQ(again->to_xml().to_string(), text);
    EXPECT_TRUE(again->has_feature("urn:b"));
    EXPECT_FALSE(again->has_feature("urn:c"));
    for (const auto* bad :
         {"<identity category='a'/>", "<identity type='a'/>", "<feature/>", "<x xmlns='jabber:x:data'/>"}) {
        EXPECT_FALSE(DiscoInfo::parse(*xml::parse_document("<query xmlns='http://jabber.org/protocol/disco#info'>" +
                                                           std::string(bad) + "</query>")))
            << bad;
    }
}

TEST(DiscoItems, what_is_written_is_read) {
    DiscoItems items;
    items.items.emplace_back(*Jid::parse("a.example"), "n", "Name");
    items.items.emplace_back(*Jid::parse("b.example"));
    const auto text = items.to_xml().to_string();
    EXPECT_EQ(text,
              "<query xmlns='http://jabber.org/protocol/disco#items'><item jid='a.example' node='n' name='Name'/>"
              "<item jid='b.example'/></query>");
    EXPECT_EQ(DiscoItems::parse(*xml::parse_document(text))->to_xml().to_string(), text);
    EXPECT_FALSE(DiscoItems::parse(
        *xml::parse_document("<query xmlns='http://jabber.org/protocol/disco#items'><item/></query>")));
}

}  // namespace
}  // namespace rookery
