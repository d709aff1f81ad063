#include "xmpp/stanza.h"

#include <gtest/gtest.h>

#include "xmpp/stream_error.h"

namespace rookery {
namespace {

const xml::Name ping{"urn:xmpp:ping", "ping"};
const xml::Name body{"jabber:client", "body"};

xml::Element client(std::string_view local) { return xml::Element("jabber:client", local); }

struct Refusal {
    StanzaError why{Condition::undefined_condition};
    std::optional<Stanza> remains;
};

std::optional<Refusal> refuse(xml::Element element) {
    Refusal refusal;
    if (Stanza::from_element(std::move(element), &refusal.why, &refusal.remains)) return std::nullopt;
    return refusal;
}

Stanza accept(xml::Element element) {
    StanzaError why(Condition::undefined_condition);
    auto stanza = Stanza::from_element(std::move(element), &why, nullptr);
    EXPECT_TRUE(stanza) << to_string(why.condition);
    return std::move(*stanza);
}

TEST(Stanza, the_envelope_is_read) {
    const auto stanza = accept(client("message")
                                   .set("from", "A@example.com/x")
                                   .set("to", "b@example.com")
                                   .set("id", "1")
                                   .set("type", "chat")
                                   .set("xml:lang", "de")
                                   .add_text_child(body, "hi")
                                   .moved());
    EXPECT_TRUE(stanza.is_message());
    EXPECT_EQ(stanza.message_type(), MessageType::chat);
    EXPECT_EQ(stanza.from.str(), "a@example.com/x");
    EXPECT_EQ(stanza.to.str(), "b@example.com");
    EXPECT_EQ(stanza.id, "1");
    EXPECT_EQ(stanza.lang(), "de");
    EXPECT_EQ(stanza.child(body).text(), "hi");
    EXPECT_EQ(stanza.payload().local(), "body");
    EXPECT_EQ(stanza.to_string(),
              "<message from='a@example.com/x' to='b@example.com' id='1' type='chat' "
              "xml:lang='de'><body>hi</body></message>");
}

TEST(Stanza, a_message_of_unknown_type_is_normal) {
    auto stanza = accept(client("message").set("type", "shout").moved());
    EXPECT_EQ(stanza.message_type(), MessageType::normal);
    EXPECT_EQ(stanza.to_string(), "<message/>");
}

TEST(Stanza, presence_and_iq_of_unknown_type_are_refused) {
    EXPECT_EQ(refuse(client("presence").set("type", "shout").moved())->why.condition, Condition::bad_request);
    EXPECT_EQ(refuse(client("presence").set("type", "").moved())->why.condition, Condition::bad_request);
    EXPECT_EQ(refuse(client("presence").set("type", "available").moved())->why.condition, Condition::bad_request);
    EXPECT_EQ(refuse(client("iq").set("id", "1").set("type", "do").moved())->why.condition, Condition::bad_request);
    EXPECT_EQ(refuse(client("iq").set("id", "1").moved())->why.condition, Condition::bad_request);
}

// S7
TEST(Stanza, an_iq_has_an_id_and_a_request_one_child) {
    const auto iq = [](std::string_view type) { return client("iq").set("type", type).set("id", "1").moved(); };
    EXPECT_EQ(refuse(client("iq").set("type", "get").add(xml::Element(ping)).moved())->why.condition,
              Condition::bad_request);
    EXPECT_TRUE(refuse(iq("get")));
    EXPECT_TRUE(refuse(iq("set").add(xml::Element(ping)).add(xml::Element(ping)).moved()));
    EXPECT_FALSE(refuse(iq("get").add_text(" ").add(xml::Element(ping)).moved()));
    EXPECT_FALSE(refuse(iq("result")));
    EXPECT_FALSE(refuse(iq("error").add(xml::Element(ping)).add(StanzaError(Condition::conflict).to_xml()).moved()));
    const auto refusal = refuse(client("iq").set("type", "get").set("from", "a@b").set("to", "c").moved());
    EXPECT_EQ(refusal->remains->make_error(refusal->why).to_string(),
              "<iq from='c' to='a@b' type='error'><error type='modify'>"
              "<bad-request xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/>"
              "<text xmlns='urn:ietf:params:xml:ns:xmpp-stanzas' xml:lang='en'>an iq needs an id</text>"
              "</error></iq>");
}

// S11
TEST(Stanza, malformed_addresses_are_named_and_the_rest_is_kept) {
    const auto refusal = refuse(client("message").set("from", "a@b/c").set("to", "@@bad").set("id", "7").moved());
    EXPECT_EQ(refusal->why.condition, Condition::jid_malformed);
    EXPECT_EQ(refusal->remains->from.str(), "a@b/c");
    EXPECT_TRUE(refusal->remains->to.empty());
    EXPECT_EQ(refusal->remains->id, "7");
    EXPECT_EQ(refuse(client("message").set("to", "").moved())->why.condition, Condition::jid_malformed);
    EXPECT_EQ(refuse(client("presence").set("to", std::string(4'000, 'a')).moved())->why.condition,
              Condition::jid_malformed);
}

// S12
TEST(Stanza, id_and_lang_are_bounded) {
    const auto message = [](std::string_view attribute, std::size_t size) {
        return client("message").set(attribute, std::string(size, 'x')).moved();
    };
    EXPECT_FALSE(refuse(message("id", 1'024)));
    EXPECT_FALSE(refuse(message("xml:lang", 64)));
    EXPECT_EQ(refuse(message("id", 1'025))->why.condition, Condition::bad_request);
    EXPECT_EQ(refuse(message("xml:lang", 65))->why.condition, Condition::bad_request);
    EXPECT_EQ(refuse(message("id", 65'536))->remains->id, "");
}

TEST(Stanza, stale_envelope_attributes_are_skipped_and_others_kept) {
    auto stanza = accept(client("presence").set("from", "old@b").set("x", "1").set("type", "unavailable").moved());
    stanza.from = *Jid::parse("new@b/r");
    stanza.to = *Jid::parse("c@d");
    EXPECT_EQ(stanza.to_string(), "<presence from='new@b/r' to='c@d' type='unavailable' x='1'/>");
    std::string out;
    stanza.write_to(out, *Jid::parse("e@f"));
    EXPECT_EQ(out, "<presence from='new@b/r' to='e@f' type='unavailable' x='1'/>");
}

TEST(Stanza, replies_swap_addresses_and_keep_the_id) {
    auto request = Stanza::iq(IqType::get, "42", *Jid::parse("example.com"));
    request.from = *Jid::parse("a@example.com/x");
    request.element().add(xml::Element(ping));
    EXPECT_TRUE(request.is_request());
    EXPECT_EQ(request.make_result().to_string(), "<iq from='example.com' to='a@example.com/x' id='42' type='result'/>");
    const auto error = request.make_error(StanzaError(Condition::service_unavailable));
    EXPECT_TRUE(error.is_error());
    EXPECT_FALSE(error.is_request());
    EXPECT_EQ(error.to_string(),
              "<iq from='example.com' to='a@example.com/x' id='42' type='error'><error "
              "type='cancel'><service-unavailable "
              "xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>");
}

TEST(Stanza, every_type_is_written_as_it_is_read) {
    for (const auto* type :
         {"unavailable", "subscribe", "subscribed", "unsubscribe", "unsubscribed", "probe", "error"}) {
        EXPECT_EQ(accept(client("presence").set("type", type).moved()).to_string(),
                  "<presence type='" + std::string(type) + "'/>");
    }
    for (const auto* type : {"chat", "groupchat", "headline", "error"}) {
        EXPECT_EQ(accept(client("message").set("type", type).moved()).to_string(),
                  "<message type='" + std::string(type) + "'/>");
    }
    EXPECT_EQ(Stanza::presence(PresenceType::available).to_string(), "<presence/>");
    EXPECT_TRUE(accept(client("presence").set("type", "error").moved()).is_error());
    EXPECT_TRUE(accept(client("message").set("type", "error").moved()).is_error());
}

TEST(StanzaError, usual_type_text_and_details) {
    const auto error = StanzaError(Condition::not_allowed, "no <way>").with(xml::Element("urn:app", "why"));
    EXPECT_EQ(error.type, ErrorType::cancel);
    EXPECT_EQ(error.to_xml().to_string(),
              "<error xmlns='jabber:client' type='cancel'><not-allowed xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/>"
              "<text xmlns='urn:ietf:params:xml:ns:xmpp-stanzas' xml:lang='en'>no &lt;way&gt;</text>"
              "<why xmlns='urn:app'/></error>");
    EXPECT_EQ(StanzaError(Condition::conflict, ErrorType::modify).type, ErrorType::modify);
    EXPECT_STREQ(to_string(ErrorType::continue_), "continue");
}

TEST(StanzaError, every_condition_has_its_name) {
    EXPECT_STREQ(to_string(Condition::bad_request), "bad-request");
    EXPECT_STREQ(to_string(Condition::undefined_condition), "undefined-condition");
    EXPECT_STREQ(to_string(Condition::unexpected_request), "unexpected-request");
    EXPECT_EQ(StanzaError(Condition::resource_constraint).type, ErrorType::wait);
    EXPECT_EQ(StanzaError(Condition::forbidden).type, ErrorType::auth);
}

TEST(StreamError, is_written_with_the_stream_prefix) {
    EXPECT_EQ(StreamError(StreamCondition::bad_format).to_xml(),
              "<stream:error><bad-format xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>");
    EXPECT_EQ(
        StreamError(StreamCondition::policy_violation, "a<b", "<stanza-too-big xmlns='urn:xmpp:errors'/>").to_xml(),
        "<stream:error><policy-violation xmlns='urn:ietf:params:xml:ns:xmpp-streams'/>"
        "<text xmlns='urn:ietf:params:xml:ns:xmpp-streams' xml:lang='en'>a&lt;b</text>"
        "<stanza-too-big xmlns='urn:xmpp:errors'/></stream:error>");
    EXPECT_STREQ(to_string(StreamCondition::unsupported_version), "unsupported-version");
    EXPECT_STREQ(to_string(StreamCondition::see_other_host), "see-other-host");
}

TEST(Stanza, what_was_written_is_read_back) {
    Stanza message = accept(client("message")
                                .set("from", "a@example.com/x")
                                .set("to", "b@example.com")
                                .set("type", "chat")
                                .set("xml:lang", "de")
                                .add(xml::Element(ping).set("x", "'<&\"\n"))
                                .moved());
    message.element().add_text_child(body, "a < b & \"c\"");
    const auto read = parse_stanza(message.to_string());
    ASSERT_TRUE(read);
    EXPECT_EQ(read->to_string(), message.to_string());
    EXPECT_EQ(read->message_type(), MessageType::chat);
    EXPECT_EQ(read->to.str(), "b@example.com");
    EXPECT_TRUE(read->element().view().is("jabber:client", "message"));
}

TEST(Stanza, what_is_no_stanza_is_not_read_back) {
    EXPECT_FALSE(parse_stanza(""));
    EXPECT_FALSE(parse_stanza("<message"));
    EXPECT_FALSE(parse_stanza("<foo/>"));
    EXPECT_FALSE(parse_stanza("<message xmlns='urn:x'/>"));
}

}  // namespace
}  // namespace rookery
