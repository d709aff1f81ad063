#include "xmpp/stanza.h"

#include <array>
#include <cassert>

#include "xmpp/xml/packed.h"
#include "xmpp/xml/plain.h"
#include "xmpp/xml/stream_parser.h"

namespace rookery {
namespace {

constexpr const char* client_ns = "jabber:client";
const xml::Name message_name{client_ns, "message"};
const xml::Name presence_name{client_ns, "presence"};
const xml::Name iq_name{client_ns, "iq"};

constexpr std::size_t max_id_bytes = 1'024;
constexpr std::size_t max_lang_bytes = 64;

constexpr const char* message_types[] = {"normal", "chat", "groupchat", "headline", "error"};
constexpr const char* presence_types[] = {
    "", "unavailable", "subscribe", "subscribed", "unsubscribe", "unsubscribed", "probe", "error"};
constexpr const char* iq_types[] = {"get", "set", "result", "error"};

template <std::size_t size>
std::optional<std::uint8_t> index_of(const char* const (&names)[size], std::string_view name) {
    for (std::uint8_t i = 0; i < size; ++i) {
        if (name == names[i]) return i;
    }
    return std::nullopt;
}

xml::Name name_of(StanzaKind kind) {
    switch (kind) {
        case StanzaKind::message:
            return message_name;
        case StanzaKind::presence:
            return presence_name;
        case StanzaKind::iq:
            return iq_name;
    }
    return message_name;
}

StanzaKind kind_of(xml::View element) {
    if (element.is(message_name)) return StanzaKind::message;
    if (element.is(presence_name)) return StanzaKind::presence;
    assert(element.is(iq_name));
    return StanzaKind::iq;
}

// A message of a type nobody knows is a normal one (RFC 6121 5.2.2); the others have no such rule.
std::optional<std::uint8_t> type_of(StanzaKind kind, std::optional<std::string_view> type) {
    switch (kind) {
        case StanzaKind::message:
            return index_of(message_types, type.value_or("normal")).value_or(0);
        case StanzaKind::presence:
            return type && type->empty() ? std::nullopt : index_of(presence_types, type.value_or(""));
        case StanzaKind::iq:
            return index_of(iq_types, type.value_or(""));
    }
    return std::nullopt;
}

std::uint8_t error_type_of(StanzaKind kind) {
    switch (kind) {
        case StanzaKind::message:
            return static_cast<std::uint8_t>(MessageType::error);
        case StanzaKind::presence:
            return static_cast<std::uint8_t>(PresenceType::error);
        case StanzaKind::iq:
            return static_cast<std::uint8_t>(IqType::error);
    }
    return 0;
}

std::string_view type_attribute(const Stanza& stanza) {
    switch (stanza.kind()) {
        case StanzaKind::message:
            return stanza.message_type() == MessageType::normal ? "" : to_string(stanza.message_type());
        case StanzaKind::presence:
            return to_string(stanza.presence_type());
        case StanzaKind::iq:
            return to_string(stanza.iq_type());
    }
    return {};
}

struct Envelope {
    std::optional<std::string_view> from, to, id, type, lang;
};

// What is wrong with a stanza, most basic first; the address and id checks fill in what they accept.
class Reader {
public:
    Reader(Stanza& into, const Envelope& envelope) : into_(into), envelope_(envelope) {}

    std::optional<StanzaError> read(bool type_known) {
        read_texts();
        const bool from_fits = read_address(envelope_.from, into_.from);
        const bool to_fits = read_address(envelope_.to, into_.to);
        if (!from_fits || !to_fits) return StanzaError(Condition::jid_malformed);
        if (!texts_fit_) return StanzaError(Condition::bad_request, "id or xml:lang is too long");
        if (!type_known) return StanzaError(Condition::bad_request, "unknown type");
        if (into_.is_iq()) return check_iq();
        return std::nullopt;
    }

private:
    void read_texts() {
        const auto id = envelope_.id.value_or("");
        const auto lang = envelope_.lang.value_or("");
        if (id.size() <= max_id_bytes) into_.id = id;
        texts_fit_ = id.size() <= max_id_bytes && lang.size() <= max_lang_bytes;
    }

    static bool read_address(std::optional<std::string_view> text, Jid& into) {
        if (!text) return true;
        auto jid = Jid::parse(*text);
        if (!jid) return false;
        into = std::move(*jid);
        return true;
    }

    std::optional<StanzaError> check_iq() const {
        if (into_.id.empty()) return StanzaError(Condition::bad_request, "an iq needs an id");
        if (!into_.is_request()) return std::nullopt;
        const auto children = into_.element().children();
        if (std::distance(children.begin(), children.end()) != 1)
            return StanzaError(Condition::bad_request, "an iq request has exactly one child");
        return std::nullopt;
    }

    Stanza& into_;
    const Envelope& envelope_;
    bool texts_fit_ = true;
};

Envelope envelope_of(xml::View element) {
    return {element.attr("from"), element.attr("to"), element.attr("id"), element.attr("type"),
            element.attr("xml:lang")};
}

std::optional<xml::Element> parse_in_client_ns(std::string_view written) {
    if (written.empty()) return std::nullopt;
    xml::ElementBuilder builder;
    if (xml::read_plain(written, xml::stored_limits, builder) == written.size()) return builder.take();
    const auto wrapped = xml::parse_document("<s xmlns='jabber:client'>" + std::string(written) + "</s>");
    const xml::View first = wrapped ? wrapped->view().first_child() : xml::View();
    return first ? std::optional(xml::Element(first)) : std::nullopt;
}

}  // namespace

std::optional<Stanza> Stanza::from_element(xml::Element element, StanzaError* why, std::optional<Stanza>* remains) {
    const auto kind = kind_of(element);
    Stanza stanza(kind, 0, std::move(element));
    const auto envelope = envelope_of(stanza.element_);
    const auto type = type_of(kind, envelope.type);
    stanza.type_ = type.value_or(0);
    auto error = Reader(stanza, envelope).read(type.has_value());
    if (!error) return stanza;
    if (why) *why = std::move(*error);
    if (remains) *remains = std::move(stanza);
    return std::nullopt;
}

Stanza Stanza::message(MessageType type, Jid to) {
    Stanza stanza(StanzaKind::message, static_cast<std::uint8_t>(type), xml::Element(message_name));
    stanza.to = std::move(to);
    return stanza;
}

Stanza Stanza::presence(PresenceType type, Jid to) {
    Stanza stanza(StanzaKind::presence, static_cast<std::uint8_t>(type), xml::Element(presence_name));
    stanza.to = std::move(to);
    return stanza;
}

Stanza Stanza::iq(IqType type, std::string id, Jid to) {
    Stanza stanza(StanzaKind::iq, static_cast<std::uint8_t>(type), xml::Element(iq_name));
    stanza.id = std::move(id);
    stanza.to = std::move(to);
    return stanza;
}

bool Stanza::is_error() const { return type_ == error_type_of(kind_); }

bool Stanza::is_request() const { return is_iq() && (iq_type() == IqType::get || iq_type() == IqType::set); }

xml::View Stanza::payload() const { return element_.view().first_child(); }
xml::View Stanza::child(xml::Name name) const { return element_.child(name); }

Stanza Stanza::make_result() const {
    assert(is_request());
    auto result = iq(IqType::result, id, from);
    result.from = to;
    return result;
}

Stanza Stanza::make_error(const StanzaError& error) const {
    Stanza reply(kind_, error_type_of(kind_), xml::Element(name_of(kind_)));
    reply.from = to;
    reply.to = from;
    reply.id = id;
    reply.element_.add(error.to_xml());
    return reply;
}

void Stanza::write(std::string& out) const { write_to(out, to); }

void Stanza::write_to(std::string& out, const Jid& recipient) const {
    const std::array<xml::RootAttribute, 5> envelope{{
        {"from", from.str()},
        {"to", recipient.str()},
        {"id", id},
        {"type", type_attribute(*this)},
        {"xml:lang", lang()},
    }};
    xml::write(out, element_, client_ns, envelope);
}

std::string Stanza::to_string() const {
    std::string out;
    write(out);
    return out;
}

std::string Stanza::packed() const {
    const std::array<xml::RootAttribute, 5> envelope{
        {{"from", ""}, {"to", ""}, {"id", id}, {"type", type_attribute(*this)}, {"xml:lang", lang()}}};
    return xml::pack(element_, envelope);
}

Stanza Stanza::unpack(std::string_view packed, Jid from) {
    std::optional<Stanza> stanza = from_element(xml::unpack(packed), nullptr, nullptr);
    assert(stanza);
    stanza->from = std::move(from);
    return std::move(*stanza);
}

std::optional<Stanza> parse_stanza(std::string_view written) {
    std::optional<xml::Element> stanza = parse_in_client_ns(written);
    if (!stanza || (!stanza->is(message_name) && !stanza->is(presence_name) && !stanza->is(iq_name))) return std::nullopt;
    return Stanza::from_element(std::move(*stanza), nullptr, nullptr);
}

const char* to_string(StanzaKind kind) {
    switch (kind) {
        case StanzaKind::message:
            return "message";
        case StanzaKind::presence:
            return "presence";
        case StanzaKind::iq:
            return "iq";
    }
    return "";
}

const char* to_string(MessageType type) { return message_types[static_cast<std::size_t>(type)]; }
const char* to_string(PresenceType type) { return presence_types[static_cast<std::size_t>(type)]; }
const char* to_string(IqType type) { return iq_types[static_cast<std::size_t>(type)]; }

}  // namespace rookery
