// What matches what, in plays.
#include "tests/support/xml_match.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace rookery::test {
namespace {

using testing::HasSubstr;

class XmlMatch : public testing::Test {
protected:
    xml::Element one(std::string_view text) {
        std::string why;
        auto stanzas = parse_stanzas(text, &why);
        EXPECT_TRUE(stanzas && stanzas->size() == 1) << text << ": " << why;
        return std::move(stanzas->front());
    }
    // Empty: they match.
    std::string compare(std::string_view expected, std::string_view actual, MatchMode mode = MatchMode::exact) {
        return find_difference(one(expected), one(actual), mode, captures).value_or("");
    }
    Captures captures;
};

TEST_F(XmlMatch, AttributeAndChildOrderAreFree) {
    EXPECT_EQ(compare("<x a='1' b='2'><p/><q/></x>", "<x b='2' a='1'><q/><p/></x>"), "");
}

TEST_F(XmlMatch, NamespacesCount) {
    EXPECT_THAT(compare("<x><y xmlns='urn:a'/></x>", "<x><y xmlns='urn:b'/></x>"), HasSubstr("urn:a"));
    EXPECT_EQ(compare("<x><y xmlns='urn:a'/></x>", "<x xmlns:p='urn:a'><p:y/></x>"), "");
}

TEST_F(XmlMatch, WhiteSpaceAroundChildrenDoesNotCount) {
    EXPECT_EQ(compare("<x>\n  <y/>\n</x>", "<x><y/></x>"), "");
    EXPECT_EQ(compare("<x><y/></x>", "<x> <y/> </x>"), "");
}

TEST_F(XmlMatch, TextIsExact) {
    EXPECT_EQ(compare("<x> a b</x>", "<x> a b</x>"), "");
    EXPECT_THAT(compare("<x>a</x>", "<x>a </x>"), HasSubstr("text"));
    EXPECT_THAT(compare("<x/>", "<x>a</x>"), HasSubstr("text"));
}

TEST_F(XmlMatch, NothingMoreThanExpected) {
    EXPECT_THAT(compare("<x/>", "<x a='1'/>"), HasSubstr("unexpected a"));
    EXPECT_THAT(compare("<x/>", "<x><y/></x>"), HasSubstr("unexpected <y"));
    EXPECT_THAT(compare("<x><y/></x>", "<x><y/><y/></x>"), HasSubstr("unexpected <y"));
    EXPECT_THAT(compare("<x><y/><y/></x>", "<x><y/></x>"), HasSubstr("no <y"));
    EXPECT_THAT(compare("<x a='1'/>", "<x/>"), HasSubstr("lacks a"));
}

TEST_F(XmlMatch, SubsetAllowsMoreEverywhere) {
    EXPECT_EQ(compare("<x><y><z/></y></x>", "<x a='1'><w/><y b='2'><z/>t</y></x>", MatchMode::subset), "");
    EXPECT_THAT(compare("<x><y/></x>", "<x/>", MatchMode::subset), HasSubstr("no <y"));
}

TEST_F(XmlMatch, DotsAllowMoreChildrenHere) {
    EXPECT_EQ(compare("<x><y/>{...}</x>", "<x><y/><z/>t</x>"), "");
    EXPECT_EQ(compare("<x>{...}</x>", "<x/>"), "");
    EXPECT_NE(compare("<x><y/>{...}</x>", "<x><y><z/></y></x>"), "");
}

TEST_F(XmlMatch, AnyNeedsSomething) {
    EXPECT_EQ(compare("<x a='{any}'>{any}</x>", "<x a='1'>t</x>"), "");
    EXPECT_NE(compare("<x a='{any}'/>", "<x a=''/>"), "");
    EXPECT_NE(compare("<x a='{any}'/>", "<x/>"), "");
    EXPECT_EQ(compare("<x a='r@l/{any}'/>", "<x a='r@l/q'/>"), "");
    EXPECT_NE(compare("<x a='r@l/{any}'/>", "<x a='s@l/q'/>"), "");
}

TEST_F(XmlMatch, MaybeAndNoneAreAboutPresence) {
    EXPECT_EQ(compare("<x a='{maybe}'/>", "<x/>"), "");
    EXPECT_EQ(compare("<x a='{maybe}'/>", "<x a=''/>"), "");
    EXPECT_EQ(compare("<iq to='{none}'/>", "<iq/>"), "");
    EXPECT_NE(compare("<iq to='{none}'/>", "<iq to='a'/>"), "");
}

TEST_F(XmlMatch, CapturesAreKeptAndReused) {
    EXPECT_EQ(compare("<x a='n-{=number}'><y>{number}</y></x>", "<x a='n-17'><y>17</y></x>"), "");
    EXPECT_EQ(captures.at("number"), "17");
    EXPECT_EQ(compare("<x a='{number}{number}'/>", "<x a='1717'/>"), "");
    EXPECT_NE(compare("<x a='{number}'/>", "<x a='18'/>"), "");
    EXPECT_NE(compare("<x a='{unknown}'/>", "<x a='18'/>"), "");
}

TEST_F(XmlMatch, FailedComparisonKeepsNoCapture) {
    EXPECT_NE(compare("<x a='{=id}'><y/></x>", "<x a='1'/>"), "");
    EXPECT_TRUE(captures.empty());
}

TEST_F(XmlMatch, CapturesFindTheChildThatFits) {
    EXPECT_EQ(compare("<x><y a='{=id}' b='2'/></x>", "<x><y a='7' b='2'/></x>"), "");
    EXPECT_EQ(compare("<x><y a='{id}'/><y a='{any}'/></x>", "<x><y a='8'/><y a='7'/></x>"), "");
}

TEST_F(XmlMatch, WildcardsTakeAsMuchAsTheyMust) {
    EXPECT_TRUE(value_matches("{any}/{=resource}", "a/b/c", captures));
    EXPECT_EQ(captures.at("resource"), "b/c");
    EXPECT_TRUE(value_matches("{any}c", "cc", captures));
    EXPECT_TRUE(value_matches("{{any}", "{any}", captures));
}

TEST_F(XmlMatch, StanzasMayCarryWhatServersAdd) {
    EXPECT_EQ(compare("<message><body>x</body></message>",
                      "<message from='a@b/c' to='d@e' id='1' xml:lang='en'><body>x</body>"
                      "<stanza-id xmlns='urn:xmpp:sid:0' by='d@e' id='7'/></message>"),
              "");
    EXPECT_EQ(compare("<presence/>", "<presence><delay xmlns='urn:xmpp:delay' stamp='x'/></presence>"), "");
    EXPECT_NE(compare("<message/>", "<message><delay xmlns='urn:xmpp:delay' stamp='x'/></message>"), "");
    EXPECT_NE(compare("<message/>", "<message type='chat'/>"), "");
}

TEST_F(XmlMatch, WrittenStanzaIdsAreAllThereMayBe) {
    constexpr auto one = "<message><stanza-id xmlns='urn:xmpp:sid:0' by='d@e' id='{any}'/></message>";
    EXPECT_EQ(compare(one, "<message><stanza-id xmlns='urn:xmpp:sid:0' by='d@e' id='7'/></message>"), "");
    EXPECT_NE(compare(one,
                      "<message><stanza-id xmlns='urn:xmpp:sid:0' by='d@e' id='7'/>"
                      "<stanza-id xmlns='urn:xmpp:sid:0' by='d@e' id='8'/></message>"),
              "");
}

TEST_F(XmlMatch, ErrorsAreComparedByTheirCondition) {
    constexpr auto expected =
        "<iq type='error'><error type='cancel'>"
        "<item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>";
    EXPECT_EQ(compare(expected,
                      "<iq type='error' id='1'><query xmlns='urn:x'/><error type='cancel' code='404' by='localhost'>"
                      "<item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/>"
                      "<text xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'>gone</text></error></iq>"),
              "");
    EXPECT_NE(compare(expected,
                      "<iq type='error'><error type='cancel'>"
                      "<forbidden xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>"),
              "");
}

TEST(ParseStanzas, SeveralAndNone) {
    std::string why;
    EXPECT_EQ(parse_stanzas("<a/>\n<b/>", &why)->size(), 2U);
    EXPECT_EQ(parse_stanzas("", &why)->size(), 0U);
    EXPECT_FALSE(parse_stanzas("<a>", &why));
    EXPECT_FALSE(parse_stanzas("<a/>text", &why));
    EXPECT_EQ(parse_stanzas("<stream:features/>", &why)->front().view().ns(), "http://etherx.jabber.org/streams");
}

}  // namespace
}  // namespace rookery::test
