// The plain reader against expat: what it takes, expat takes, and the same comes of it.
#include "xmpp/xml/plain.h"

#include <gtest/gtest.h>

#include <random>

namespace rookery::xml {
namespace {

std::string plain(std::string_view text, const ParserLimits& limits = {}) {
    ElementBuilder builder;
    const std::size_t size = read_plain(text, limits, builder);
    if (size == 0) return builder.depth() == 0 ? "" : "something is left in the builder";
    std::string out;
    builder.take().write(out, "jabber:client");
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
