// The plain reader against expat: what it takes, expat takes, and the same comes of it.
#include "xmpp/xml/plain.h"

#include <gtest/gtest.h>

#include <random>

namespace rookery::xml {
namespace {

const Name body{"jabber:client", "body"};

// From its nodes, not as it came.
Element written_anew(Element element) { return element.set("changed", "").unset("changed").moved(); }

std::string plain(std::string_view text, const ParserLimits& limits = {}) {
    ElementBuilder builder;
    const std::size_t size = read_plain(text, limits, builder);
    if (size == 0) return builder.depth() == 0 ? "" : "something is left in the builder";
    const Element element = builder.take();
    const auto again = parse_document(element.to_string());  // as it came
    EXPECT_TRUE(again && again->view().equals(element)) << text;
    std::string out;
    written_anew(element).write(out, "jabber:client");
    return out + " " + std::to_string(size);
}

// The first stanza by expat: a stream whose header is not the usual one has no plain reader.
std::string by_expat(const std::string& text, const ParserLimits& limits = {}) {
    StreamParser parser;
    parser.set_limits(limits);
    const std::string header =
        "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' xmlns:other='urn:other'>";
    parser.feed(header);
    EXPECT_EQ(parser.next(), ParseStep::stream_opened);
    EXPECT_FALSE(parser.header().usual());
    EXPECT_EQ(parser.next(), ParseStep::need_more);
    parser.feed(text);
    if (parser.next() != ParseStep::element) return "";
    const std::size_t size = text.size() - parser.unread().size();
    std::string out;
    parser.take_element().write(out, "jabber:client");
    return out + " " + std::to_string(size);
}

TEST(PlainReader, reads_what_clients_write) {
    for (const char* text :
         {"<r xmlns='urn:xmpp:sm:3'/>", "<presence/>", "<iq type=\"get\" id='7'><ping xmlns='urn:xmpp:ping'/></iq>",
          "<message to='a@b' type='chat' id='1' xml:lang='en'><body>1 &lt; 2 &amp; it's \"so\"; [x]\n</body>"
          "<origin-id xmlns='urn:xmpp:sid:0' id='&apos;7&quot;'/><active xmlns='urn:c'></active></message>",
          "<message><body>\u20AC\U0001F600</body></message>", "<a  k='\u00E9' ><b xmlns='urn:x'><c/></b><c/></a>"}) {
        EXPECT_NE(plain(text), "") << text;
        EXPECT_EQ(plain(text), by_expat(text)) << text;
    }
}

Element plain_element(std::string_view text) {
    ElementBuilder builder;
    EXPECT_EQ(read_plain(text, {}, builder), text.size()) << text;
    return builder.take();
}

std::string written(const Element& element) {
    std::string out;
    element.write(out, "jabber:client");
    return out;
}

TEST(PlainReader, what_nobody_changed_is_written_as_it_came) {
    const std::string content = "<body  k=\"it's\">1 &gt; 2&apos;</body> <x xmlns=\"urn:x\"></x>";
    const Element element = plain_element("<message id=\"1\">" + content + "</message>");
    EXPECT_EQ(written(element), "<message id='1'>" + content + "</message>");
    EXPECT_EQ(element.child(body).text(), "1 > 2'");
    EXPECT_EQ(written(Element(element.child(body))), "<body k='it&apos;s'>1 &gt; 2'</body>");
    EXPECT_EQ(element.to_string(), "<message xmlns='jabber:client' id='1'>" + content + "</message>");
}

TEST(PlainReader, what_could_mislead_is_written_anew) {
    EXPECT_EQ(written(plain_element("<message><b k=\"/>\"/></message>")), "<message><b k='/&gt;'/></message>");
    EXPECT_EQ(written(plain_element("<message><b   />/message></message>")), "<message><b/>/message&gt;</message>");
}

TEST(PlainReader, a_namespace_said_twice_is_written_once) {
    EXPECT_EQ(written(plain_element("<message><body xmlns='jabber:client'>hi</body></message>")), "<message><body>hi</body></message>");
    EXPECT_EQ(written(plain_element("<message xmlns='jabber:client'><body  a=\"1\"/></message>")), "<message><body  a=\"1\"/></message>");
    const std::string forwarded = "<forwarded xmlns='urn:xmpp:forward:0'><message  xmlns='jabber:client'/></forwarded>";
    EXPECT_EQ(written(plain_element("<message>" + forwarded + "</message>")), "<message>" + forwarded + "</message>");
}

TEST(PlainReader, what_is_added_follows_what_came) {
    Element element = plain_element("<message><body>a &lt; <b/></body></message>");
    element.add_text_child(body, "<").add_text("&").add(plain_element("<body a=\"1\"></body>"));
    EXPECT_EQ(written(element), "<message><body>a &lt; <b/></body><body>&lt;</body>&amp;<body a='1'/></message>");
    const Element copy = element;
    EXPECT_EQ(written(copy), written(element));
}

TEST(PlainReader, what_was_changed_is_written_anew) {
    const Element came = plain_element("<message k=\"1\"><body  a=\"1\"/><x xmlns='urn:x'></x></message>");
    EXPECT_EQ(written(Element(came).set("k", "2")), "<message k='2'><body  a=\"1\"/><x xmlns='urn:x'></x></message>");
    EXPECT_EQ(written(Element(came).set("l", "2")), "<message k='1' l='2'><body a='1'/><x xmlns='urn:x'/></message>");
    EXPECT_EQ(written(Element(came).unset("k")), "<message><body a='1'/><x xmlns='urn:x'/></message>");
    Element less = came;
    less.remove_children([](View child) { return child.is(body); });
    EXPECT_EQ(written(less), "<message k='1'><x xmlns='urn:x'/></message>");
}

// What is not a part of the source stands behind it.
TEST(PlainReader, keeps_what_it_had_to_read_with_what_it_found) {
    const Element element =
        plain_element("<message><u a='&lt;1'>x]y&amp;z]<v b='&gt;'/>w</u><u/><t xmlns='urn:t' c='2'/></message>");
    const View u = element.view().first_child();
    EXPECT_TRUE(u.is("jabber:client", "u"));
    EXPECT_EQ(u.attr("a"), "<1");
    EXPECT_EQ(u.text(), "x]y&z]w");
    EXPECT_EQ(u.first_child().attr("b"), ">");
    EXPECT_EQ(written(written_anew(element)),
              "<message><u a='&lt;1'>x]y&amp;z]<v b='&gt;'/>w</u><u/><t xmlns='urn:t' c='2'/></message>");
}

TEST(PlainReader, leaves_alone_what_is_unusual) {
    for (const char* text :
         {"</stream:stream>", "<a><![CDATA[x]]></a>", "<a>&#65;</a>", "<p:a xmlns:p='urn:p'/>", "<a xmlns:p='urn:p'/>",
          "<a xmlns=''/>", "<a k='a\nb'/>", "<a>\r</a>", "<a k = '1'/>", "<a></a >", "<\u00E9/>"}) {
        EXPECT_EQ(plain(text), "") << text;
    }
}

TEST(PlainReader, leaves_alone_what_is_wrong_or_not_all_there) {
    for (const char* text :
         {"<a", "<a>", "<a></b>", "<a k='1' k='2'/>", "<a k='1'l='2'/>", "<a k/>", "<a k=1/>", "<a>]]></a>", "<a>&b;</a>",
          "<a k='<'/>", "<a>\xFF</a>", "<a k='\xC3'/>", "<a>\x01</a>", "<a xmlns='urn:a' xmlns='urn:b'/>", "< a/>", "<a/"}) {
        EXPECT_EQ(plain(text), "") << text;
        EXPECT_EQ(by_expat(text), "") << text;
    }
}

TEST(PlainReader, leaves_alone_what_passes_a_limit) {
    const std::string text = "<a k='1' l='2'><b><c/></b></a>";
    EXPECT_NE(plain(text, {.max_bytes = text.size(), .max_elements = 3, .max_depth = 3, .max_attributes = 2}), "");
    EXPECT_EQ(plain(text, {.max_bytes = text.size() - 1}), "");
    EXPECT_EQ(plain(text, {.max_elements = 2}), "");
    EXPECT_EQ(plain(text, {.max_depth = 2}), "");
    EXPECT_EQ(plain(text, {.max_attributes = 1}), "");
}

// Stanzas of pieces as they come in stanzas, most of them put together wrongly.
TEST(PlainReader, agrees_with_expat_about_a_million_pieces) {
    constexpr const char* pieces[] = {
        "<a", "<a", "<b", ">", ">", "/>", "</a>", "</a>", "</b>", " k='", " l=\"", "'", "'", "\"", "\"", " xmlns='urn:x'",
        " xmlns='urn:y'", " xmlns='", " xml:lang='en'", " xml:lang='de'", " xml:id='1'", "xmlns", "&lt;", "&amp;", "&apos;", "&#65;", "&b;",
        "v", "text of some bytes more", "]", "]]>", "\xE2\x82\xAC", "\xEF\xBF\xBE", "\xC3", "\n", " ", "\r", "\x7F", "=", "/",
        "<!--", "<![CDATA[", "<?", " other:k='1'", " xmlns:other='urn:z'", "</a >"};
    std::mt19937 random(198);
    const ParserLimits limits{.max_bytes = 200, .max_elements = 6, .max_depth = 3, .max_attributes = 3};
    std::size_t taken = 0;
    for (int i = 0; i < 100'000; ++i) {
        std::string text = "<a";
        for (auto count = random() % 20; count > 0; --count) text += pieces[random() % std::size(pieces)];
        const std::string read = plain(text, limits);
        if (read.empty()) continue;
        ++taken;
        ASSERT_EQ(read, by_expat(text, limits)) << text;
    }
    EXPECT_GT(taken, 1'000u);
}

}  // namespace
}  // namespace rookery::xml
