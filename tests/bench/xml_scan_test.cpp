#include "bench/load/xml_scan.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace rookery::bench {
namespace {

constexpr std::string_view kStream =
    "<?xml version='1.0'?><stream:stream from='a' id=\"x>y\" xmlns='jabber:client'>"
    "<stream:features><bind xmlns='b'/></stream:features>\n "
    "<message from='u1@h/r' id='7'><body>it's &lt;x&gt;</body><a><a/></a></message><r/></stream:stream>";

std::vector<std::string> cut(std::string_view stream, std::size_t step) {
    XmlScanner scanner;
    std::vector<std::string> units;
    for (std::size_t at = 0; at < stream.size(); at += step) {
        const std::string piece(stream.substr(at, step));
        scanner.feed(piece);
        while (const auto unit = scanner.next()) units.emplace_back(unit->text);
    }
    EXPECT_FALSE(scanner.is_broken());
    return units;
}

TEST(XmlScanner, cuts_the_same_units_whatever_the_pieces) {
    const auto whole = cut(kStream, kStream.size());
    ASSERT_EQ(whole.size(), 5U);
    EXPECT_TRUE(whole[0].starts_with("<stream:stream ") && whole[0].ends_with('>'));
    EXPECT_EQ(whole[1], "<stream:features><bind xmlns='b'/></stream:features>");
    EXPECT_TRUE(whole[2].starts_with("<message") && whole[2].ends_with("</message>"));
    EXPECT_EQ(whole[3], "<r/>");
    EXPECT_EQ(whole[4], "</stream:stream>");
    for (std::size_t step = 1; step < 60; ++step) EXPECT_EQ(cut(kStream, step), whole) << step;
}

TEST(XmlScanner, text_between_stanzas_breaks_the_stream) {
    XmlScanner scanner;
    scanner.feed("hello <a/>");
    EXPECT_FALSE(scanner.next());
    EXPECT_TRUE(scanner.is_broken());
}

TEST(XmlScanner, an_endless_unit_breaks_the_stream) {
    XmlScanner scanner;
    const std::string chunk(64 * 1024, 'x');
    scanner.feed("<a>");
    while (scanner.next()) {
    }
    for (int i = 0; i < 20 && !scanner.is_broken(); ++i) {
        scanner.feed(chunk);
        EXPECT_FALSE(scanner.next());
    }
    EXPECT_TRUE(scanner.is_broken());
}

TEST(XmlScan, finds_attributes_elements_and_text) {
    constexpr std::string_view kMessage =
        "<message xid='0' from=\"u1@h/r\" id='7'><bodyguard/><body a='>'>hi</body></message>";
    EXPECT_EQ(attribute(kMessage, "id"), "7");
    EXPECT_EQ(attribute(kMessage, "from"), "u1@h/r");
    EXPECT_EQ(attribute(kMessage, "a"), "");
    EXPECT_EQ(element_name(kMessage), "message");
    EXPECT_TRUE(has_element(kMessage, "bodyguard"));
    EXPECT_FALSE(has_element(kMessage, "bod"));
    EXPECT_EQ(text_of(kMessage, "body"), "hi");
}

TEST(XmlScan, elements_are_found_one_after_the_other) {
    const std::string_view iq =
        "<iq type='result'><query><item jid='a'/><item jid='b'><group>g</group></item><items/></query></iq>";
    EXPECT_EQ(count_elements(iq, "item"), 2U);
    const std::string_view first = find_element(iq, "item");
    EXPECT_EQ(attribute(first, "jid"), "a");
    EXPECT_EQ(attribute(find_element(first.substr(1), "item"), "jid"), "b");
    EXPECT_TRUE(find_element(iq, "group").starts_with("<group>g"));
    EXPECT_EQ(find_element(iq, "nothing"), "");
}

}  // namespace
}  // namespace rookery::bench
