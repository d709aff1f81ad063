#include "xmpp/xml/stream_parser.h"

#include <gtest/gtest.h>
#include <malloc.h>
#include <pthread.h>

#include <chrono>
#include <ctime>
#include <random>

namespace rookery::xml {
namespace {

using Events = std::vector<std::string>;

const std::string header_text =
    "<?xml version='1.0'?>"
    "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' to='a.example' "
    "version='1.0' xml:lang='en'>";

ParserLimits before_login() {
    ParserLimits limits;
    limits.max_bytes = 8'192;
    limits.max_elements = 32;
    limits.max_depth = 64;
    limits.max_whitespace = 1'024;
    return limits;
}

void drain(StreamParser& parser, std::string_view bytes, Events& events) {
    parser.feed(bytes);
    for (;;) {
        switch (parser.next()) {
            case ParseStep::need_more:
                return;
            case ParseStep::stream_opened:
                events.push_back("open " + parser.header().local);
                break;
            case ParseStep::element: {
                std::string out;
                parser.take_element().write(out, "jabber:client");
                events.push_back(out);
                break;
            }
            case ParseStep::stream_closed:
                events.push_back("close");
                break;
            case ParseStep::failed:
                if (events.empty() || !events.back().starts_with("error ")) {
                    events.push_back(std::string("error ") + to_string(parser.error().condition));
                }
                return;
        }
    }
}

Events parse(std::string_view text, const ParserLimits& limits = {}, std::size_t piece = std::string_view::npos) {
    StreamParser parser;
    parser.set_limits(limits);
    Events events;
    for (; !text.empty(); text.remove_prefix(std::min(piece, text.size()))) {
        const std::string copy(text.substr(0, piece));  // its end is the end of an allocation
        drain(parser, copy, events);
    }
    return events;
}

// The last event of a stream that begins with the usual header; the same whole and byte by byte.
std::string last(std::string_view text, const ParserLimits& limits = {}) {
    const auto whole = parse(header_text + std::string(text), limits);
    const auto dribbled = parse(header_text + std::string(text), limits, 1);
    EXPECT_EQ(whole, dribbled) << text.substr(0, 200);
    return whole.empty() ? "" : whole.back();
}

std::string first(std::string_view text, const ParserLimits& limits = {}) {
    const auto whole = parse(text, limits);
    EXPECT_EQ(whole, parse(text, limits, 1)) << text.substr(0, 200);
    return whole.empty() ? "" : whole.front();
}

std::string repeat(std::string_view text, std::size_t count) {
    std::string result;
    for (std::size_t i = 0; i < count; ++i) result += text;
    return result;
}

template <class Work>
std::chrono::nanoseconds cpu_time_of(Work work) {
    timespec start{};
    timespec end{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &start);
    work();
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &end);
    return std::chrono::seconds(end.tv_sec - start.tv_sec) + std::chrono::nanoseconds(end.tv_nsec - start.tv_nsec);
}

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr int slow = 20;  // how much longer things may take under a sanitizer
#else
constexpr int slow = 4;  // unoptimised, on a busy machine
#endif

TEST(StreamParser, a_whole_stream) {
    EXPECT_EQ(parse(header_text + "<message><body>hi</body></message> <iq id='1'/>\n</stream:stream>ignored"),
              (Events{"open stream", "<message><body>hi</body></message>", "<iq id='1'/>", "close"}));
}

TEST(StreamParser, the_header_is_read) {
    StreamParser parser;
    parser.feed(header_text);
    ASSERT_EQ(parser.next(), ParseStep::stream_opened);
    const auto& header = parser.header();
    EXPECT_EQ(header.ns, "http://etherx.jabber.org/streams");
    EXPECT_EQ(header.local, "stream");
    EXPECT_EQ(header.prefix, "stream");
    EXPECT_EQ(header.default_ns, "jabber:client");
    EXPECT_EQ(header.attr("to"), "a.example");
    EXPECT_EQ(header.attr("xml:lang"), "en");
    EXPECT_EQ(header.attr("from"), std::nullopt);
    EXPECT_TRUE(header.usual());
    EXPECT_TRUE(parser.at_boundary());
}

TEST(StreamParser, headers_that_are_not_the_usual_one) {
    for (const auto* text :
         {"<stream:stream xmlns='jabber:server' xmlns:stream='http://etherx.jabber.org/streams'>",
          "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' xmlns:db='urn:db'>",
          "<s:stream xmlns='jabber:client' xmlns:s='http://etherx.jabber.org/streams'>",
          "<stream:other xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>",
          "<stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>",
          "<stream xmlns='http://etherx.jabber.org/streams'>"}) {
        StreamParser parser;
        parser.feed(text);
        ASSERT_EQ(parser.next(), ParseStep::stream_opened) << text;
        EXPECT_FALSE(parser.header().usual()) << text;
    }
}

TEST(StreamParser, one_element_at_a_time_and_the_rest_stays_unread) {
    StreamParser parser;
    const auto text = header_text + "<a/><b/> <c/><d";
    parser.feed(text);
    EXPECT_EQ(parser.next(), ParseStep::stream_opened);
    EXPECT_EQ(parser.unread(), "<a/><b/> <c/><d");
    EXPECT_FALSE(parser.at_boundary());
    EXPECT_EQ(parser.next(), ParseStep::element);
    EXPECT_EQ(parser.take_element().view().local(), "a");
    EXPECT_EQ(parser.unread(), "<b/> <c/><d");
    EXPECT_EQ(parser.next(), ParseStep::element);  // nobody took it
    EXPECT_EQ(parser.unread(), " <c/><d");
    EXPECT_EQ(parser.next(), ParseStep::element);
    EXPECT_EQ(parser.take_element().view().local(), "c");
    EXPECT_EQ(parser.next(), ParseStep::need_more);
    EXPECT_EQ(parser.unread(), "");
    EXPECT_FALSE(parser.at_boundary());
    parser.feed("/>");
    EXPECT_EQ(parser.next(), ParseStep::element);
    EXPECT_TRUE(parser.at_boundary());
}

TEST(StreamParser, white_space_between_stanzas_is_counted_and_is_no_stanza) {
    StreamParser parser;
    parser.feed(header_text);
    EXPECT_EQ(parser.next(), ParseStep::stream_opened);
    EXPECT_EQ(parser.next(), ParseStep::need_more);
    parser.feed(" \r\n\t");
    EXPECT_FALSE(parser.at_boundary());
    EXPECT_EQ(parser.next(), ParseStep::need_more);
    EXPECT_TRUE(parser.at_boundary());
    EXPECT_EQ(parser.idle_whitespace(), 4u);
    parser.feed("<a/> ");
    EXPECT_EQ(parser.next(), ParseStep::element);
    EXPECT_EQ(parser.take_element().view().local(), "a");
    EXPECT_EQ(parser.idle_whitespace(), 0u);
}

TEST(StreamParser, names_are_resolved_and_interned) {
    EXPECT_EQ(last("<p:a xmlns:p='urn:x' p:k='1' k='2' xml:lang='de'><p:b/><stream:c/></p:a>"),
              "<a xmlns='urn:x' xmlns:ns1='urn:x' ns1:k='1' k='2' xml:lang='de'><b/>"
              "<c xmlns='http://etherx.jabber.org/streams'/></a>");
}

TEST(StreamParser, references_of_xml_are_text) {
    EXPECT_EQ(last("<a>&lt;&gt;&amp;&apos;&quot;&#65;&#x20AC;</a>"), "<a>&lt;&gt;&amp;'\"A\u20AC</a>");
    EXPECT_EQ(last("<a k='&#10;&#9;&#13; \t\n'/>"), "<a k='&#xA;&#x9;&#xD;   '/>");
}

// ---- group X of the bad inputs

TEST(StreamParser, x1_x2_no_dtd) {
    EXPECT_EQ(first("<!DOCTYPE x [<!ENTITY a 'A'>]>" + header_text), "error restricted-xml");
    EXPECT_EQ(first("<?xml version='1.0'?><!DOCTYPE x>" + header_text), "error restricted-xml");
    EXPECT_EQ(last("<!DOCTYPE x [<!ENTITY a 'A'>]>"), "error restricted-xml");
    EXPECT_EQ(last("<a><!DOCTYPE x></a>"), "error restricted-xml");
}

TEST(StreamParser, x3_no_entities) {
    EXPECT_EQ(last("<a>&foo;</a>"), "error not-well-formed");
    EXPECT_EQ(last("<a k='&foo;'/>"), "error not-well-formed");
    EXPECT_EQ(last("<a>a & b</a>"), "error not-well-formed");
    EXPECT_EQ(last("<a>&b:c<d "), "error not-well-formed");
    EXPECT_EQ(last("<a>&b c &d"), "error not-well-formed");
}

TEST(StreamParser, x4_no_comments_no_instructions) {
    EXPECT_EQ(last("<!-- x -->"), "error restricted-xml");
    EXPECT_EQ(last("<a><!-- x --></a>"), "error restricted-xml");
    EXPECT_EQ(last("<?php x ?>"), "error restricted-xml");
    EXPECT_EQ(last("<a><?php x ?></a>"), "error restricted-xml");
    EXPECT_EQ(first("<?xml-stylesheet href='x'?>" + header_text), "error restricted-xml");
    EXPECT_EQ(first("<!-- x -->" + header_text), "error restricted-xml");
}

TEST(StreamParser, x5_too_many_bytes_before_login) {
    StreamParser parser;
    parser.set_limits(before_login());
    Events events;
    drain(parser, header_text, events);
    const auto text = "<a>" + std::string(20'000, 'x') + "</a>";
    std::size_t read = 0;
    while (events.size() == 1) drain(parser, text.substr(read++, 1), events);
    EXPECT_EQ(events.back(), "error policy-violation");
    EXPECT_LE(read, 8'193u);
    EXPECT_EQ(parser.error().details, "<stanza-too-big xmlns='urn:xmpp:errors'/>");
    EXPECT_EQ(last(text, before_login()), "error policy-violation");
    EXPECT_EQ(last("<a k='" + std::string(20'000, 'x') + "'/>", before_login()), "error policy-violation");
    EXPECT_EQ(last("<" + std::string(20'000, 'x') + "/>", before_login()), "error policy-violation");
    EXPECT_EQ(last("<a>&" + std::string(20'000, 'x') + ";</a>", before_login()), "error policy-violation");
    EXPECT_EQ(first("<stream:stream to='" + std::string(20'000, 'x'), before_login()), "error policy-violation");
    EXPECT_EQ(first("<?xml " + std::string(20'000, ' ') + "?>", before_login()), "error policy-violation");
}

// S13: exactly the limit is fine.
TEST(StreamParser, the_limit_itself_is_allowed) {
    const auto stanza = [](std::size_t size) { return "<a>" + std::string(size - 7, 'x') + "</a>"; };
    EXPECT_EQ(last(stanza(8'192), before_login()), stanza(8'192));
    EXPECT_EQ(last(stanza(8'193), before_login()), "error policy-violation");
    EXPECT_EQ(parse(header_text + stanza(8'192) + stanza(8'192) + "  " + stanza(8'192), before_login()).size(), 4u);
}

TEST(StreamParser, x6_x7_depth_is_bounded) {
    EXPECT_EQ(last(repeat("<a>", 2'000), before_login()), "error policy-violation");
    ParserLimits limits = before_login();
    limits.max_elements = 1'000;
    EXPECT_EQ(last(repeat("<a>", 63) + "<a/>" + repeat("</a>", 63), limits).substr(0, 6), "<a><a>");
    EXPECT_EQ(last(repeat("<a>", 64) + "<a", limits), "error policy-violation");
    EXPECT_EQ(last("<message>" + repeat("<a>", 20'000) + repeat("</a>", 20'000) + "</message>"),
              "error policy-violation");
}

TEST(StreamParser, x7_the_deepest_stanza_fits_a_small_stack) {
    ParserLimits limits;
    limits.max_depth = 20'001;
    limits.max_elements = 20'001;
    static std::string text;
    text = header_text + "<message>" + repeat("<a>", 20'000) + repeat("</a>", 20'000) + "</message>";
    static ParserLimits deep;
    deep = limits;
    static Events events;
    events.clear();
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, 131'072);
    pthread_t thread;
    const auto run = [](void*) -> void* {
        events = parse(text, deep);
        return nullptr;
    };
    ASSERT_EQ(pthread_create(&thread, &attributes, run, nullptr), 0);
    pthread_join(thread, nullptr);
    ASSERT_EQ(events.size(), 2u);
    EXPECT_EQ(events[1].size(), std::string("<message></message>").size() + 7 * 20'000 - 3);
}

TEST(StreamParser, x8_attributes_are_bounded) {
    const auto element = [](int count) {
        std::string text = "<a";
        for (int i = 0; i < count; ++i) text += " k" + std::to_string(i) + "='v'";
        return text + "/>";
    };
    EXPECT_EQ(last(element(64)), element(64));
    EXPECT_EQ(last(element(65)), "error policy-violation");
    StreamParser parser;
    Events events;
    drain(parser, header_text, events);
    const auto text = element(2'000);
    EXPECT_LT(cpu_time_of([&] { drain(parser, text, events); }), std::chrono::milliseconds(1));
    EXPECT_EQ(events.back(), "error policy-violation");
}

TEST(StreamParser, x9_elements_are_bounded) {
    const auto stanza = [](std::size_t count) { return "<a>" + repeat("<b/>", count - 1) + "</a>"; };
    EXPECT_EQ(last(stanza(5'000), before_login()), "error policy-violation");
    EXPECT_EQ(last(stanza(32), before_login()), stanza(32));
    EXPECT_EQ(last("<a>" + repeat("<b/>", 31) + "<b", before_login()), "error policy-violation");
    EXPECT_EQ(last(stanza(32) + stanza(32), before_login()), stanza(32));
}

// Bytes in use on the heap; 0 under a sanitizer, which has its own.
std::size_t heap_bytes() { return mallinfo2().uordblks + mallinfo2().hblkhd; }

TEST(StreamParser, x10_a_huge_body_costs_no_more_than_twice_the_limit) {
    for (const std::size_t piece : {16'384u, 12'000'000u}) {
        const std::string text = "<message><body>" + std::string(11'000'000, 'x');
        StreamParser parser;
        Events events;
        drain(parser, header_text, events);
        const auto before = heap_bytes();
        std::size_t most = before;
        for (std::size_t at = 0; at < text.size() && events.size() == 1; at += piece) {
            drain(parser, std::string_view(text).substr(at, piece), events);
            most = std::max(most, heap_bytes());
            if (at > 300'000) break;
        }
        EXPECT_EQ(events.back(), "error policy-violation");
        EXPECT_LE(most - before, 524'288u) << piece;
        EXPECT_LE(heap_bytes() - before, 65'536u);
    }
}

TEST(StreamParser, x11_a_long_token_in_tiny_pieces_costs_linear_time) {
    for (const auto* start : {"<a k='", "<a>", "<a", "<a>&", "<a><![CDATA["}) {
        StreamParser parser;
        Events events;
        drain(parser, header_text, events);
        drain(parser, start, events);
        const auto spent = cpu_time_of([&] {
            for (int i = 0; i < 100'000; ++i) drain(parser, "x", events);
        });
        EXPECT_LT(spent, std::chrono::milliseconds(20) * slow) << start;
        EXPECT_EQ(events.size(), 1u) << start;
    }
}

TEST(StreamParser, x12_prefixes_are_bounded) {
    std::string text;
    for (int level = 0; level < 10; ++level) {
        text += "<a";
        for (int i = 0; i < 20; ++i) text += " xmlns:p" + std::to_string(level * 20 + i) + "='urn:x'";
        text += ">";
    }
    EXPECT_EQ(last(text), "error policy-violation");
    // The header's own prefix is one; what went out of scope does not count.
    std::string some = "<a>";
    for (int i = 0; i < 200; ++i) some += "<b xmlns:p='urn:x'/>";
    EXPECT_EQ(last(some + "</a>").substr(0, 3), "<a>");
    const auto prefixes = [](int count) {
        std::string element = "<a";
        for (int i = 0; i < count; ++i) element += " xmlns:p" + std::to_string(i) + "='urn:x'";
        return element + "/>";
    };
    EXPECT_EQ(last(prefixes(63)), "<a/>");
    EXPECT_EQ(last(prefixes(64)), "error policy-violation");
}

TEST(StreamParser, x12_namespaces_cannot_be_multiplied) {
    const std::string ns(1'000, 'n');
    // 60 kB in, 10 MB out if every element repeated its namespace.
    const auto text = "<a xmlns:p='" + ns + "'>" + repeat("<p:b/>", 9'000) + "</a>";
    EXPECT_EQ(last(text), "error policy-violation");
    const auto attributes = "<a xmlns:p='" + ns + "'>" + repeat("<b p:c='' p:d=''/>", 4'000) + "</a>";
    EXPECT_EQ(last(attributes), "error policy-violation");
    EXPECT_EQ(last("<a xmlns:p='" + ns + "'>" + repeat("<p:b/>", 100) + "</a>").substr(0, 3), "<a>");
    EXPECT_EQ(last("<a xmlns:p='" + ns + std::string(25, 'n') + "'/>"), "error policy-violation");
    EXPECT_EQ(last("<p:a xmlns:p='" + std::string(1'024, 'n') + "'/>").substr(0, 8), "<a xmlns");
}

TEST(StreamParser, x13_only_utf8) {
    for (const auto* bytes : {"\xFF\xFE", "\xC0\x80", "\xED\xA0\x80", "\xF4\x90\x80\x80", "\xE2\x82", "\x80"}) {
        EXPECT_EQ(last("<a>" + std::string(bytes) + "</a>"), "error not-well-formed");
        EXPECT_EQ(last("<a k='" + std::string(bytes) + "'/>"), "error not-well-formed");
        EXPECT_EQ(last("<a" + std::string(bytes) + "/>"), "error not-well-formed");
        EXPECT_EQ(last(std::string(bytes) + "x"), "error not-well-formed");
    }
    EXPECT_EQ(last("<a\xF2/>"), "error not-well-formed");
    EXPECT_EQ(last("</stream:stream\xF2>"), "error not-well-formed");
    EXPECT_EQ(first("<a\xF2>"), "error not-well-formed");
    EXPECT_EQ(last("<a>\u20AC\U0001F600</a>"), "<a>\u20AC\U0001F600</a>");
}

TEST(StreamParser, x14_only_characters_of_xml) {
    for (const auto* text :
         {"&#x1;", "&#0;", "&#xFFFE;", "\x01", "\x0C", "&#x0C;", "\uFFFE", "&#xD800;", "&#x110000;"}) {
        EXPECT_EQ(last("<a>" + std::string(text) + "</a>"), "error not-well-formed") << text;
        EXPECT_EQ(last("<a k='" + std::string(text) + "'/>"), "error not-well-formed") << text;
    }
    EXPECT_EQ(last(std::string("<a>\0</a>", 8)), "error not-well-formed");
    EXPECT_EQ(last("\x01"), "error not-well-formed");
}

TEST(StreamParser, x15_only_utf8_is_declared) {
    EXPECT_EQ(first("<?xml version='1.0' encoding='ISO-8859-1'?>" + header_text.substr(21)),
              "error unsupported-encoding");
    EXPECT_EQ(first("<?xml version='1.0' encoding='UTF-16'?>" + header_text.substr(21)), "error unsupported-encoding");
    EXPECT_EQ(first("<?xml version='1.0' encoding='Utf-8'?>" + header_text.substr(21)), "open stream");
    EXPECT_EQ(first(std::string("\xFF\xFE<\0?\0", 6)), "error unsupported-encoding");
    EXPECT_EQ(first(std::string("\xFE\xFF\0<\0?", 6)), "error unsupported-encoding");
    EXPECT_EQ(first(std::string("<\0?\0x\0", 6)), "error not-well-formed");
    EXPECT_EQ(first("\xEF\xBB\xBF" + header_text), "error not-well-formed");
}

TEST(StreamParser, x16_no_attribute_twice) {
    EXPECT_EQ(last("<a k='1' k='2'/>"), "error not-well-formed");
    EXPECT_EQ(last("<a xmlns:p='urn:x' xmlns:q='urn:x' p:k='1' q:k='2'/>"), "error not-well-formed");
}

TEST(StreamParser, x17_prefixes_are_declared_properly) {
    for (const auto* text :
         {"<p:a/>", "<a p:k=''/>", "<a xmlns:p=''/>", "<a xmlns:xml='urn:x'/>", "<a xmlns:xmlns='urn:x'/>",
          "<a xmlns='http://www.w3.org/2000/xmlns/'/>", "<a:b:c/>", "<:a/>", "<xmlns:a/>"}) {
        EXPECT_EQ(last(text), "error not-well-formed") << text;
    }
    EXPECT_EQ(first("<stream:stream xmlns='jabber:client'>"), "error bad-namespace-prefix");
}

TEST(StreamParser, x18_odd_namespaces_are_kept_exactly) {
    for (const auto* uri :
         {"a&#10;b", "a!b", "a b", "a&quot;&apos;b", "&#10;", "a&#x9;&#xD;", "urn:x&#10;local", "&amp;"}) {
        const auto read = last("<p:e xmlns:p='" + std::string(uri) + "' p:k='v'/>");
        EXPECT_EQ(last(read), read);
        const auto element = parse_document(read);
        ASSERT_TRUE(element) << read;
        std::string written;
        escape(written, element->view().ns());
        EXPECT_EQ(written.size(), std::string_view(uri).size()) << uri;
    }
    const auto element = parse_document("<p:e xmlns:p='urn:x&#10;local'/>");
    EXPECT_TRUE(element->view().is("urn:x\nlocal", "e"));
    EXPECT_FALSE(element->view().is("urn:x", "local\ne"));
}

TEST(StreamParser, x20_no_text_between_stanzas) {
    EXPECT_EQ(last(repeat("hello", 2'000)), "error bad-format");
    EXPECT_EQ(last("\u20AC"), "error bad-format");
    EXPECT_EQ(last("&#65;"), "error bad-format");
    EXPECT_EQ(last("] <a/>"), "error bad-format");
    EXPECT_EQ(last("]]>"), "error not-well-formed");
    EXPECT_EQ(last("&foo;"), "error not-well-formed");
    EXPECT_EQ(last("&" + std::string(100, 'x')), "error bad-format");
    EXPECT_EQ(last("<![CDATA[x]]>"), "error not-well-formed");
    EXPECT_EQ(first("GET / HTTP/1.1\r\n"), "error not-well-formed");  // T9
}

TEST(StreamParser, x21_white_space_is_bounded) {
    EXPECT_EQ(last(std::string(1'024, ' ') + "<a/>" + std::string(1'024, '\n') + "<b/>", before_login()), "<b/>");
    EXPECT_EQ(last(std::string(1'025, ' '), before_login()), "error policy-violation");
    EXPECT_EQ(last(std::string(200'000, ' '), before_login()), "error policy-violation");
    EXPECT_EQ(first(std::string(1'025, ' ') + header_text, before_login()), "error policy-violation");
    EXPECT_EQ(first(std::string(1'024, ' ') + header_text, before_login()), "open stream");
    EXPECT_EQ(last(std::string(200'000, ' ') + "<a/>"), "<a/>");
}

TEST(StreamParser, x22_cdata_is_text) {
    EXPECT_EQ(last("<a>]]></a>"), "error not-well-formed");
    EXPECT_EQ(last("<a>x<![CDATA[<&]]]]>y</a>"), "<a>x&lt;&amp;]]y</a>");
    EXPECT_EQ(last("<a><![CDATA[]]></a>"), "<a/>");
    EXPECT_EQ(last("<a><![CDATA[]] >]]]></a>"), "<a>]] &gt;]</a>");
    EXPECT_EQ(last("<a><![CDATA[</a>]]></a>"), "<a>&lt;/a&gt;</a>");
    EXPECT_EQ(last("<a><![CDAT[x]]></a>"), "error not-well-formed");
    const auto many = parse_document("<a>" + repeat("<![CDATA[x]]>", 1'000) + "</a>");
    ASSERT_TRUE(many);
    EXPECT_TRUE(many->view().equals(Element("", "a").add_text(std::string(1'000, 'x'))));
}

TEST(StreamParser, x23_tags_match) {
    EXPECT_EQ(last("<a></b>"), "error not-well-formed");
    EXPECT_EQ(last("</stream:stream></stream:stream>data"), "close");
    EXPECT_EQ(last("</stream>"), "error not-well-formed");
    EXPECT_EQ(last("<a></stream:stream>"), "error not-well-formed");
    EXPECT_EQ(last("<a b=c/>"), "error not-well-formed");
    EXPECT_EQ(last("<a <b>"), "error not-well-formed");
    EXPECT_EQ(last("<a k='<'/>"), "error not-well-formed");
    EXPECT_EQ(last("<a k=''l=''/>"), "error not-well-formed");
    EXPECT_EQ(last("< a/>"), "error not-well-formed");
    EXPECT_EQ(last("<1/>"), "error not-well-formed");
    EXPECT_EQ(last("<a></a b>"), "error not-well-formed");
    EXPECT_EQ(last("<a k='>'/>"), "<a k='&gt;'/>");
    EXPECT_EQ(last("<a k='/'></a >"), "<a k='/'/>");
    EXPECT_EQ(first("</a>"), "error not-well-formed");
    EXPECT_EQ(first("<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'/>"),
              "error bad-format");
}

const std::string login =
    header_text +
    "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>\n"
    "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>AGFsaWNlAHNlY3JldA==</auth>"
    "<iq type=\"set\" id='b&amp;1'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>\u20AC&#x20;r</resource>"
    "</bind></iq>  <message to='b@a.example'><body><![CDATA[a]]b]]>\r\n</body>"
    "<p:x xmlns:p='urn:p' p:k='v'><p:y/></p:x></message></stream:stream>";

TEST(StreamParser, x24_where_the_input_is_cut_makes_no_difference) {
    const auto expected = parse(login);
    ASSERT_EQ(expected.size(), 6u);
    for (std::size_t at = 1; at < login.size(); ++at) {
        StreamParser parser;
        Events events;
        const auto head = login.substr(0, at);
        const auto tail = login.substr(at);
        drain(parser, head, events);
        drain(parser, tail, events);
        EXPECT_EQ(events, expected) << at;
    }
    for (std::size_t piece = 1; piece < 40; ++piece) EXPECT_EQ(parse(login, {}, piece), expected) << piece;
}

TEST(StreamParser, x25_one_xml_declaration) {
    EXPECT_EQ(last("<?xml version='1.0'?>"), "error restricted-xml");
    EXPECT_EQ(last("<a><?xml version='1.0'?></a>"), "error restricted-xml");
    EXPECT_EQ(first("<?xml version='1.0'?><?xml version='1.0'?>"), "error restricted-xml");
    EXPECT_EQ(first("<?xml version='1.0'?>\n" + header_text.substr(21)), "open stream");
    // A client's newline behind the last stanza before a stream restart.
    EXPECT_EQ(first("\n" + header_text), "open stream");
    StreamParser parser;
    Events events;
    drain(parser, header_text, events);
    parser.reset();
    drain(parser, header_text, events);
    EXPECT_EQ(events, (Events{"open stream", "open stream"}));
}

TEST(StreamParser, the_first_error_stays) {
    StreamParser parser;
    Events events;
    drain(parser, header_text + "<a></b>", events);
    drain(parser, "<c/>", events);
    EXPECT_EQ(events.back(), "error not-well-formed");
    EXPECT_FALSE(parser.at_boundary());
    EXPECT_EQ(parser.next(), ParseStep::failed);
    parser.reset();
    events.clear();
    drain(parser, header_text + "<c/>", events);
    EXPECT_EQ(events, (Events{"open stream", "<c/>"}));
}

TEST(StreamParser, what_is_complete_is_judged_before_what_is_too_much) {
    EXPECT_EQ(last("<a></b>" + std::string(20'000, ' '), before_login()), "error not-well-formed");
    EXPECT_EQ(last("<a>\xFF" + std::string(20'000, ' ') + "</a>", before_login()), "error not-well-formed");
}

// ---- primed parsers and the pool

TEST(StreamParser, a_primed_parser_stands_behind_the_header) {
    StreamParser fresh;
    Events events;
    const std::string odd =
        "<s:stream xmlns='jabber:server' xmlns:s='http://etherx.jabber.org/streams' xmlns:db='jabber:server:&#10;db'>";
    drain(fresh, odd, events);
    StreamParser primed;
    primed.prime(fresh.header());
    EXPECT_TRUE(primed.at_boundary());
    EXPECT_EQ(primed.header().prefix, "s");
    EXPECT_EQ(primed.header().default_ns, "jabber:server");
    for (auto* parser : {&fresh, &primed}) {
        events.clear();
        drain(*parser, "<db:result><a/></db:result></s:stream>", events);
        EXPECT_EQ(events,
                  (Events{"<result xmlns='jabber:server:&#xA;db'><a xmlns='jabber:server'/></result>", "close"}));
    }
    primed.prime_usual();
    EXPECT_TRUE(primed.header().usual());
    events.clear();
    drain(primed, "<message/></stream:stream>", events);
    EXPECT_EQ(events, (Events{"<message/>", "close"}));
}

TEST(ParserPool, a_clean_parser_is_lent_again_without_the_other_streams_traces) {
    ParserPool pool;
    auto parser = pool.lend_fresh(before_login());
    Events events;
    drain(*parser, header_text + "<p:a xmlns:p='urn:x' xmlns='urn:y'><b/></p:a>   ", events);
    EXPECT_EQ(parser->idle_whitespace(), 3u);
    const auto* same = parser.get();
    pool.give_back(std::move(parser), true);
    EXPECT_EQ(pool.kept(), 1u);
    EXPECT_EQ(pool.lent(), 0u);
    parser = pool.lend_usual({});
    EXPECT_EQ(parser.get(), same);
    EXPECT_EQ(parser->idle_whitespace(), 0u);
    EXPECT_EQ(parser->header().attr("to"), std::nullopt);
    EXPECT_TRUE(parser->header().usual());
    events.clear();
    drain(*parser, "<message/>", events);
    EXPECT_EQ(events, (Events{"<message/>"}));
    drain(*parser, "<p:a/>", events);
    EXPECT_EQ(events.back(), "error not-well-formed");
    pool.give_back(std::move(parser), false);
    EXPECT_EQ(pool.kept(), 0u);
}

TEST(ParserPool, new_streams_leave_a_quarter_to_those_that_are_open) {
    ParserPool pool(4);
    std::vector<ParserPool::Lease> strangers;
    for (int i = 0; i < 3; ++i) strangers.push_back(pool.lend_fresh(before_login()));
    EXPECT_EQ(pool.lend_fresh(before_login()), nullptr);
    auto last = pool.lend_usual({});
    EXPECT_NE(last, nullptr);
    EXPECT_EQ(pool.lend_usual({}), nullptr);
    pool.give_back(std::move(last), true);
    for (auto& lease : strangers) pool.give_back(std::move(lease), false);
}

TEST(ParserPool, a_parser_that_is_not_clean_is_never_lent_as_such) {
    for (const auto* text : {"<a", "<a>", "</stream:stream>", "<a></b>", "]", "<?x"}) {
        ParserPool pool;
        auto parser = pool.lend_usual({});
        Events events;
        drain(*parser, text, events);
        pool.give_back(std::move(parser), true);
        EXPECT_EQ(pool.kept(), 0u) << text;
        parser = pool.lend_usual({});
        events.clear();
        drain(*parser, "<b/>", events);
        EXPECT_EQ(events, (Events{"<b/>"})) << text;
        pool.give_back(std::move(parser), true);
        EXPECT_EQ(pool.kept(), 1u);
    }
    ParserPool pool;
    auto parser = pool.lend_fresh({});
    Events events;
    drain(*parser, "<stream:stream xmlns='jabber:server' xmlns:stream='http://etherx.jabber.org/streams'>", events);
    pool.give_back(std::move(parser), true);
    EXPECT_EQ(pool.kept(), 0u);
}

TEST(ParserPool, lends_only_so_many) {
    ParserPool pool(2, 1);
    auto a = pool.lend_usual({});
    auto b = pool.lend_fresh({});
    EXPECT_FALSE(pool.lend_usual({}));
    EXPECT_FALSE(pool.lend_fresh({}));
    EXPECT_FALSE(pool.lend_primed({}, {}));
    pool.give_back(std::move(a), true);
    a = pool.lend_usual({});
    EXPECT_TRUE(a);
    pool.give_back(std::move(a), true);
    pool.give_back(std::move(b), true);
    EXPECT_EQ(pool.lent(), 0u);
    EXPECT_EQ(pool.kept(), 1u);
}

TEST(ParserPool, limits_go_with_the_lease) {
    ParserPool pool;
    auto parser = pool.lend_usual(before_login());
    pool.give_back(std::move(parser), true);
    parser = pool.lend_usual({});
    Events events;
    drain(*parser, "<a>" + std::string(10'000, 'x') + "</a>", events);
    EXPECT_TRUE(events.back().starts_with("<a>"));
    pool.give_back(std::move(parser), true);
    parser = pool.lend_usual(before_login());
    drain(*parser, "<a>" + std::string(10'000, 'x') + "</a>", events);
    EXPECT_EQ(events.back(), "error policy-violation");
    pool.give_back(std::move(parser), true);
}

// Streams as a shard serves them: a parser is lent when bytes come and goes back at each boundary.
class LentStream {
public:
    LentStream(ParserPool& pool, std::string text) : pool_(pool), text_(std::move(text)) {}
    ~LentStream() {
        if (parser_) pool_.give_back(std::move(parser_), false);
    }
    bool done() const { return text_.empty(); }
    const Events& events() const { return events_; }

    void read(std::size_t size) {
        const auto piece = text_.substr(0, size);
        text_.erase(0, size);
        if (!parser_) parser_ = opened_ ? pool_.lend_usual({}) : pool_.lend_fresh({});
        drain(*parser_, piece, events_);
        opened_ = opened_ || !events_.empty();
        if (parser_->at_boundary()) pool_.give_back(std::move(parser_), true);
    }

private:
    ParserPool& pool_;
    std::string text_;
    Events events_;
    ParserPool::Lease parser_;
    bool opened_ = false;
};

TEST(ParserPool, streams_over_shared_parsers_read_as_if_each_had_its_own) {
    std::mt19937 random(7);
    const std::string texts[] = {login, header_text + "<a xmlns='urn:1'><b/></a><c></d>", login,
                                 header_text + repeat("<m><p:x xmlns:p='urn:p'/></m> ", 10) + "<p:y/>",
                                 header_text + repeat("<e1 k1='1'/>", 20) + "</stream:stream>"};
    for (int round = 0; round < 50; ++round) {
        ParserPool pool(100, 2);
        std::vector<std::unique_ptr<LentStream>> streams;
        for (const auto& text : texts) streams.push_back(std::make_unique<LentStream>(pool, text));
        for (bool busy = true; busy;) {
            busy = false;
            auto& stream = *streams[random() % streams.size()];
            if (!stream.done()) stream.read(1 + random() % 60);
            for (const auto& each : streams) busy = busy || !each->done();
        }
        for (std::size_t i = 0; i < streams.size(); ++i) EXPECT_EQ(streams[i]->events(), parse(texts[i])) << i;
    }
}

TEST(StreamParser, x19_new_names_do_not_pile_up) {
    StreamParser parser;
    parser.prime_usual();
    std::size_t most = 0;
    std::size_t heap_before = 0;
    for (int i = 0; i < 20'000; ++i) {
        if (i == 2'000) heap_before = heap_bytes();
        const auto number = std::to_string(i);
        const auto text = "<e" + number + " a" + number + "='1'/>";
        parser.feed(text);
        ASSERT_EQ(parser.next(), ParseStep::element);
        most = std::max(most, parser.names_seen());
    }
    EXPECT_LT(most, 140'000u);
    EXPECT_LT(heap_bytes(), heap_before + 200'000);  // 1,000 names and their table, by chance more or less of them
    Events events;
    drain(parser, "</stream:stream>", events);
    EXPECT_EQ(events, (Events{"close"}));
}

TEST(StreamParser, x19_a_stream_of_its_own_namespaces_goes_on_after_the_change_of_parsers) {
    StreamParser parser;
    Events events;
    drain(parser, "<s xmlns='http://etherx.jabber.org/streams' xmlns:p='urn:p' xmlns:q='urn:q'>", events);
    for (int i = 0; i < 3; ++i) {
        events.clear();
        drain(parser, "<p:a q:k='" + std::string(100'000, 'x') + "'/>", events);
        drain(parser, "<p:a q:k='1'/>", events);
        EXPECT_EQ(events.back(), "<a xmlns='urn:p' xmlns:ns1='urn:q' ns1:k='1'/>");
    }
    drain(parser, "</s>", events);
    EXPECT_EQ(events.back(), "close");
}

// ---- documents

TEST(ParseDocument, one_element_and_nothing_else) {
    EXPECT_EQ(parse_document("<a/>")->to_string(), "<a/>");
    EXPECT_EQ(parse_document("<?xml version='1.0'?>\n<a xmlns='urn:x'>\n<b/></a>\n")->to_string(),
              "<a xmlns='urn:x'>\n<b/></a>");
    for (const auto* text : {"", " ", "x", "<a>", "<a/><b/>", "<a/>x", "<a/></a>", "<a/><?x?>", "<!DOCTYPE a><a/>",
                             "<a/><!---->", "</a>", "<a></b>", "<a/>]", "<a/>&amp;"}) {
        EXPECT_FALSE(parse_document(text)) << text;
    }
    ParserLimits limits;
    limits.max_elements = 2;
    EXPECT_TRUE(parse_document("<a><b/></a>", limits));
    EXPECT_FALSE(parse_document("<a><b/><c/></a>", limits));
    limits.max_depth = 1;
    EXPECT_FALSE(parse_document("<a><b/></a>", limits));
}

TEST(StreamParser, one_parser_reads_documents_one_after_the_other) {
    StreamParser parser;
    for (const auto* text : {"<open xmlns='urn:ietf:params:xml:ns:xmpp-framing'/>", "<a/>", "<b>x</b>"}) {
        parser.start_document();
        parser.feed(text);
        ASSERT_EQ(parser.next(), ParseStep::element);
        EXPECT_EQ(parser.take_element().to_string(), text);
        EXPECT_EQ(parser.next(), ParseStep::need_more);
    }
    parser.feed("<c/>");
    EXPECT_EQ(parser.next(), ParseStep::failed);
    parser.start_document();
    parser.feed("<c");
    EXPECT_EQ(parser.next(), ParseStep::need_more);
    parser.feed("/>");
    EXPECT_EQ(parser.next(), ParseStep::element);
}

// Whatever the limits let in can be stored and read again, though it is larger when it is written.
TEST(ParseDocument, the_largest_stanzas_can_be_read_back) {
    std::string attributes = "<a xmlns:p='urn:p'";
    for (int i = 0; i < 63; ++i) attributes += " p:k" + std::to_string(i) + "=''";
    std::string nested;
    for (int i = 0; i < 60; ++i) nested += "<a" + std::to_string(i) + " xmlns:p='urn:p' p:k='' p:l=''>";
    for (int i = 59; i >= 0; --i) nested += "</a" + std::to_string(i) + ">";
    const auto quotes = "<a k='" + std::string(262'000, '"') + "'/>";
    const auto elements = "<a>" + repeat("<b/>", 9'999) + "</a>";
    for (const auto& text : {attributes + "/>", nested, quotes, elements}) {
        StreamParser parser;
        parser.prime_usual();
        parser.feed(text);
        ASSERT_EQ(parser.next(), ParseStep::element) << text.substr(0, 40);
        const auto element = parser.take_element();
        const auto again = parse_document(element.to_string());
        ASSERT_TRUE(again) << text.substr(0, 40);
        EXPECT_TRUE(again->view().equals(element));
    }
}

TEST(ParseDocument, what_is_written_is_read_back) {
    ElementBuilder builder;
    builder.open(0, "urn:'\n<", "a");
    builder.attribute("", "plain", "&<>\"'\t\r\n x");
    builder.attribute("urn:'\n<", "same", "1");
    builder.attribute("http://www.w3.org/XML/1998/namespace", "lang", "de");
    builder.attribute("http://www.w3.org/XML/1998/namespace", "base", "x");
    builder.open(0, "", "none");
    builder.text("]]>&\r\n\t");
    builder.open(0, "http://www.w3.org/XML/1998/namespace", "x");
    builder.open(0, "urn:b", "y");
    builder.close();
    builder.close();
    builder.close();
    builder.close();
    const auto element = builder.take();
    const auto again = parse_document(element.to_string());
    ASSERT_TRUE(again) << element.to_string();
    EXPECT_TRUE(again->view().equals(element)) << again->to_string();
}

}  // namespace
}  // namespace rookery::xml
