// The small payloads: delay, stanza ids, result sets.
#include <gtest/gtest.h>

#include "xmpp/payload/date_time.h"
#include "xmpp/payload/delay.h"
#include "xmpp/payload/forwarded.h"
#include "xmpp/payload/rsm.h"
#include "xmpp/payload/stanza_id.h"
#include "xmpp/xml/stream_parser.h"

namespace rookery {
namespace {

xml::Element read(std::string_view text) {
    auto element = xml::parse_document(text);
    EXPECT_TRUE(element) << text;
    return element ? std::move(*element) : xml::Element("", "broken");
}

// ---- XEP-0203

TEST(Delay, what_is_written_is_read) {
    const std::string text =
        "<delay xmlns='urn:xmpp:delay' from='room@muc.example' stamp='2002-09-10T23:08:25Z'>Offline</delay>";
    const auto delay = Delay::parse(read(text));
    ASSERT_TRUE(delay);
    EXPECT_EQ(delay->from.str(), "room@muc.example");
    EXPECT_EQ(delay->reason, "Offline");
    EXPECT_EQ(delay->to_xml().to_string(), text);
    EXPECT_EQ(Delay(WallTime()).to_xml().to_string(), "<delay xmlns='urn:xmpp:delay' stamp='1970-01-01T00:00:00Z'/>");
}

TEST(Delay, the_rest_is_refused) {
    EXPECT_FALSE(Delay::parse(read("<delay xmlns='urn:xmpp:delay'/>")));
    EXPECT_FALSE(Delay::parse(read("<delay xmlns='urn:xmpp:delay' stamp='yesterday'/>")));
    EXPECT_FALSE(Delay::parse(read("<delay xmlns='urn:xmpp:delay' stamp='2002-09-10T23:08:25Z' from='@'/>")));
    EXPECT_FALSE(Delay::parse(read("<delay xmlns='urn:other' stamp='2002-09-10T23:08:25Z'/>")));
    EXPECT_FALSE(Delay::parse({}));
}

// ---- XEP-0297

TEST(Forwarded, holds_the_message_as_it_would_be_written) {
    std::optional<Stanza> message = parse_stanza("<message from='a@b' to='c@d' type='chat' xml:lang='de'><body>x</body></message>");
    ASSERT_TRUE(message);
    message->from = Jid::parse("a@b/c").value();
    message->id = "1";
    const xml::Element wrapped = Forwarded::wrap(*message, Jid::parse("e@f").value(), Delay(WallTime()));
    EXPECT_TRUE(wrapped.view().equals(
        read("<forwarded xmlns='urn:xmpp:forward:0'><delay xmlns='urn:xmpp:delay' stamp='1970-01-01T00:00:00Z'/>"
             "<message xmlns='jabber:client' from='a@b/c' to='e@f' type='chat' xml:lang='de' id='1'><body>x</body></message>"
             "</forwarded>")))
        << wrapped.to_string();
    EXPECT_EQ(Forwarded::message_in(wrapped).attr("id"), "1");
    EXPECT_FALSE(Forwarded::message_in(message->element()));
}

TEST(Forwarded, leaves_out_what_the_message_has_not) {
    const xml::Element wrapped = Forwarded::wrap(Stanza::message(MessageType::normal));
    EXPECT_EQ(wrapped.to_string(), "<forwarded xmlns='urn:xmpp:forward:0'><message xmlns='jabber:client'/></forwarded>");
}

// ---- XEP-0359

TEST(StanzaId, what_is_written_is_read) {
    const std::string text = "<stanza-id xmlns='urn:xmpp:sid:0' id='i1' by='a@b'/>";
    const auto id = StanzaId::parse(read(text));
    ASSERT_TRUE(id);
    EXPECT_EQ(id->to_xml().to_string(), text);
    EXPECT_FALSE(StanzaId::parse(read("<stanza-id xmlns='urn:xmpp:sid:0' id='i1'/>")));
    EXPECT_FALSE(StanzaId::parse(read("<stanza-id xmlns='urn:xmpp:sid:0' id='' by='a@b'/>")));
    EXPECT_FALSE(StanzaId::parse(read("<stanza-id xmlns='urn:other' id='i1' by='a@b'/>")));
    EXPECT_EQ(OriginId::parse(read("<origin-id xmlns='urn:xmpp:sid:0' id='o'/>"))->id, "o");
    EXPECT_FALSE(OriginId::parse(read("<origin-id xmlns='urn:xmpp:sid:0'/>")));
    EXPECT_EQ(OriginId("o").to_xml().to_string(), "<origin-id xmlns='urn:xmpp:sid:0' id='o'/>");
}

// R10
TEST(StanzaId, claims_of_others_are_removed_however_they_are_spelt) {
    auto message = read(
        "<message xmlns='jabber:client'><stanza-id xmlns='urn:xmpp:sid:0' id='1' by='A@Example.COM'/><body/>"
        "<stanza-id xmlns='urn:xmpp:sid:0' id='2' by='a@example.com'/><stanza-id xmlns='urn:xmpp:sid:0' id='3' by='@'/>"
        "<stanza-id xmlns='urn:xmpp:sid:0' id='4'/><stanza-id xmlns='urn:xmpp:sid:0' id='5' by='room@muc.example'/>"
        "</message>");
    EXPECT_EQ(StanzaId::remove_from(message, *Jid::parse("a@example.com")), 4u);
    EXPECT_EQ(message.to_string(),
              "<message xmlns='jabber:client'><body/>"
              "<stanza-id xmlns='urn:xmpp:sid:0' id='5' by='room@muc.example'/></message>");
}

// ---- XEP-0059

TEST(Rsm, requests) {
    const std::string text =
        "<set xmlns='http://jabber.org/protocol/rsm'><max>10</max><after>a&amp;b</after><index>371</index></set>";
    const auto request = RsmRequest::parse(read(text));
    ASSERT_TRUE(request);
    EXPECT_EQ(request->max, 10u);
    EXPECT_EQ(request->after, "a&b");
    EXPECT_EQ(request->before, std::nullopt);
    EXPECT_EQ(request->to_xml().to_string(), text);
    EXPECT_EQ(RsmRequest::parse(read("<set xmlns='http://jabber.org/protocol/rsm'><before/></set>"))->before, "");
    EXPECT_TRUE(RsmRequest::parse(read("<set xmlns='http://jabber.org/protocol/rsm'/>")));
}

TEST(Rsm, bad_requests) {
    for (const auto* inner :
         {"<max/>", "<max>-1</max>", "<max>1x</max>", "<max>4294967296</max>", "<max> 1</max>", "<index>x</index>"}) {
        EXPECT_FALSE(
            RsmRequest::parse(read("<set xmlns='http://jabber.org/protocol/rsm'>" + std::string(inner) + "</set>")))
            << inner;
    }
    const auto with_id = [](std::size_t size) {
        return read("<set xmlns='http://jabber.org/protocol/rsm'><after>" + std::string(size, 'x') + "</after></set>");
    };
    EXPECT_TRUE(RsmRequest::parse(with_id(1'024)));
    EXPECT_FALSE(RsmRequest::parse(with_id(1'025)));
    EXPECT_FALSE(RsmRequest::parse(read("<set xmlns='urn:other'/>")));
}

TEST(Rsm, results) {
    const std::string text =
        "<set xmlns='http://jabber.org/protocol/rsm'><first index='0'>a</first><last>b</last>"
        "<count>800</count></set>";
    const auto result = RsmResult::parse(read(text));
    ASSERT_TRUE(result);
    EXPECT_EQ(result->first_index, 0u);
    EXPECT_EQ(result->to_xml().to_string(), text);
    RsmResult empty;
    empty.count = 0;
    EXPECT_EQ(empty.to_xml().to_string(), "<set xmlns='http://jabber.org/protocol/rsm'><count>0</count></set>");
    EXPECT_FALSE(
        RsmResult::parse(read("<set xmlns='http://jabber.org/protocol/rsm'><first index='x'>a</first></set>")));
}

}  // namespace
}  // namespace rookery
