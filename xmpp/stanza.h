// Stanza: the typed envelope of a message, presence or iq over its generic element (RFC 6120 section 8).
// Owned and editable until it is routed, then shared and immutable (StanzaPtr).
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <variant>

#include "xmpp/jid.h"
#include "xmpp/stanza_error.h"
#include "xmpp/xml/element.h"

namespace rookery {

enum class StanzaKind : std::uint8_t { message, presence, iq };

enum class MessageType : std::uint8_t { normal, chat, groupchat, headline, error };
enum class PresenceType : std::uint8_t {
    available, unavailable, subscribe, subscribed, unsubscribe, unsubscribed, probe, error
};
enum class IqType : std::uint8_t { get, set, result, error };

// The three "type" enums share one byte; `kind` says which it is.
class Stanza {
public:
    // Takes a parsed element. nullopt with `why` set when its form is wrong (RFC 6120 8.1): an unknown type (message: is normal, RFC 6121 5.2.2),
    // malformed to/from (jid-malformed), an iq without id, an iq get/set without exactly one child, an id past 1,024
    // bytes or lang past 64 (bad-request). REQUIRES: the element is message, presence or iq in jabber:client.
    // What could be understood of a bad stanza is in `remains`, enough to address the error reply.
    static std::optional<Stanza> from_element(xml::Element element, StanzaError* why, std::optional<Stanza>* remains);

    static Stanza message(MessageType type, Jid to = {});
    static Stanza presence(PresenceType type, Jid to = {});
    static Stanza iq(IqType type, std::string id, Jid to = {});

    StanzaKind kind() const { return kind_; }
    bool is_message() const { return kind_ == StanzaKind::message; }
    bool is_presence() const { return kind_ == StanzaKind::presence; }
    bool is_iq() const { return kind_ == StanzaKind::iq; }
    MessageType message_type() const { return static_cast<MessageType>(type_); }    // REQUIRES: is_message
    PresenceType presence_type() const { return static_cast<PresenceType>(type_); }  // REQUIRES: is_presence
    IqType iq_type() const { return static_cast<IqType>(type_); }                    // REQUIRES: is_iq
    bool is_error() const;    // type='error' of any kind
    bool is_request() const;  // iq get or set: somebody waits for an answer

    Jid from;
    Jid to;          // empty: no 'to' was given
    std::string id;  // empty: none

    std::string_view lang() const { return element_.attr("xml:lang").value_or(""); }
    const xml::Element& element() const { return element_; }
    xml::Element& element() { return element_; }
    xml::View payload() const;  // first child element, or empty (an iq's one child)
    xml::View child(xml::Name name) const;

    // Replies; addresses swapped, id kept.
    Stanza make_result() const;                                // REQUIRES: is_request
    Stanza make_error(const StanzaError& error) const;         // any kind; the original payload is not repeated

    // Appends `<message from=... >...</message>` for a stream whose default namespace is jabber:client.
    void write(std::string& out) const;
    // The same with another `to`: fan-out without copying.
    void write_to(std::string& out, const Jid& to) const;
    std::string to_string() const;

    // In few bytes, to be kept for long in this process (xml/packed.h): all but `from` and `to`.
    std::string packed() const;
    static Stanza unpack(std::string_view packed, Jid from);

private:
    Stanza(StanzaKind kind, std::uint8_t type, xml::Element element)
        : kind_(kind), type_(type), element_(std::move(element)) {}

    StanzaKind kind_;
    std::uint8_t type_;
    // Root attributes from, to, id and type in here are stale: the fields above stand.
    xml::Element element_;
};

using StanzaPtr = std::shared_ptr<const Stanza>;

// Reads back what Stanza::write wrote (stored messages, pending requests). nullopt: it is not that.
std::optional<Stanza> parse_stanza(std::string_view written);

const char* to_string(StanzaKind kind);
const char* to_string(MessageType type);
const char* to_string(PresenceType type);  // available: ""
const char* to_string(IqType type);

}  // namespace rookery
