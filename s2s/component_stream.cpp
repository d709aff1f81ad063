#include "s2s/component_stream.h"

#include "base/bytes.h"
#include "base/crypto.h"

namespace rookery {
namespace {

constexpr const char* stream_ns = "http://etherx.jabber.org/streams";
constexpr const char* component_ns = "jabber:component:accept";

// As the parser gives them.
const xml::Name handshake_name{"jabber:client", "handshake"};
const xml::Name message_name{"jabber:client", "message"};
const xml::Name presence_name{"jabber:client", "presence"};
const xml::Name iq_name{"jabber:client", "iq"};

bool is_stanza(xml::View element) {
    return element.is(message_name) || element.is(presence_name) || element.is(iq_name);
}

}  // namespace

ComponentStream::ComponentStream(std::shared_ptr<const ComponentPolicy> policy) : policy_(std::move(policy)) {
    parser_.set_limits(policy_->before_handshake);
    parser_.set_content_ns(component_ns);
}

// --- input --------------------------------------------------------------------------------------------------------

void ComponentStream::feed(std::string_view bytes) {
    if (state_ == State::closed) return;
    if (state_ != State::open) bytes_ += bytes.size();
    unread_ += bytes;
}

ComponentEvent ComponentStream::next() {
    ComponentEvent event = ComponentEvent::nothing;
    while (event == ComponentEvent::nothing) event = step();
    return event;
}

ComponentEvent ComponentStream::step() {
    if (state_ == State::closed) return ComponentEvent::closed;
    if (state_ == State::deciding) return ComponentEvent::need_more;
    if (state_ != State::open && bytes_ > policy_->max_bytes_before_handshake)
        return fail(StreamError(StreamCondition::policy_violation, "too much before the handshake"));
    if (!feeding_ && !feed_parser()) return ComponentEvent::need_more;
    switch (parser_.next()) {
        case xml::ParseStep::need_more: feeding_ = false; return ComponentEvent::nothing;
        case xml::ParseStep::stream_opened: return on_header();
        case xml::ParseStep::element: return on_element(parser_.take_element());
        case xml::ParseStep::stream_closed: close(); return ComponentEvent::closed;
        case xml::ParseStep::failed: break;
    }
    return fail(parser_.error());
}

bool ComponentStream::feed_parser() {
    if (unread_.empty()) {
        std::string().swap(reading_);  // a silent component holds no buffer
        return false;
    }
    reading_ = std::exchange(unread_, {});
    parser_.feed(reading_);
    feeding_ = true;
    return true;
}

// --- before the handshake -----------------------------------------------------------------------------------------

ComponentEvent ComponentStream::on_header() {
    const xml::StreamHeader& header = parser_.header();
    if (header.ns != stream_ns || header.local != "stream" || header.default_ns != component_ns)
        return fail(StreamError(StreamCondition::invalid_namespace));
    const std::string_view to = header.attr("to").value_or("");
    if (to.empty()) return fail(StreamError(StreamCondition::improper_addressing, "no 'to'"));
    const std::optional<Jid> domain = Jid::parse(to);
    if (!domain || !domain->is_domain() || !policy_->secret_of(domain->str()))
        return fail(StreamError(StreamCondition::host_unknown));
    domain_ = *domain;
    write_header();
    state_ = State::handshake;
    return ComponentEvent::nothing;
}

void ComponentStream::write_header() {
    id_ = random_token();
    output_ += "<?xml version='1.0'?><stream:stream xmlns:stream='http://etherx.jabber.org/streams' "
               "xmlns='jabber:component:accept' id='" + id_ + "'";
    if (!domain_.empty()) {
        output_ += " from='";
        xml::escape(output_, domain_.str());
        output_ += "'";
    }
    output_ += ">";
    header_sent_ = true;
}

ComponentEvent ComponentStream::on_element(xml::Element element) {
    if (state_ == State::handshake) return on_handshake(element);
    if (is_stanza(element)) return on_stanza(std::move(element));
    return fail(StreamError(StreamCondition::unsupported_stanza_type));
}

ComponentEvent ComponentStream::on_handshake(xml::View element) {
    if (!element.is(handshake_name)) return fail(StreamError(StreamCondition::not_authorized, "no handshake"));
    const std::string* const secret = policy_->secret_of(domain_.str());
    const std::string expected = hex_encode(hash(HashAlgorithm::sha1, id_ + *secret));
    if (!equal_secret(element.text(), expected)) return fail(StreamError(StreamCondition::not_authorized, "wrong secret"));
    state_ = State::deciding;
    return ComponentEvent::authenticated;
}

void ComponentStream::admit() {
    output_ += "<handshake/>";
    parser_.set_limits(policy_->after_handshake);
    state_ = State::open;
}

// --- stanzas ------------------------------------------------------------------------------------------------------

// COMPAT: components leave out `from` in stanzas of their own domain, and Prosody lets them.
ComponentEvent ComponentStream::on_stanza(xml::Element element) {
    StanzaError why(Condition::bad_request);
    std::optional<Stanza> remains;
    std::optional<Stanza> stanza = Stanza::from_element(std::move(element), &why, &remains);
    if (!stanza) return refuse(*remains, why);
    if (stanza->from.empty()) stanza->from = domain_;
    if (stanza->from.domain() != domain_.domain()) return fail(StreamError(StreamCondition::invalid_from));
    if (stanza->to.empty()) return refuse(*stanza, StanzaError(Condition::bad_request, "no 'to'"));
    stanza_ = std::make_shared<Stanza>(std::move(*stanza));
    return ComponentEvent::stanza;
}

// R2, RFC 6120 8.2.3 and 8.3.1: errors and results are never answered, whatever is wrong with them.
ComponentEvent ComponentStream::refuse(const Stanza& remains, const StanzaError& why) {
    if (remains.is_iq() ? remains.is_request() : !remains.is_error()) remains.make_error(why).write(output_);
    return ComponentEvent::nothing;
}

// --- the end ------------------------------------------------------------------------------------------------------

ComponentEvent ComponentStream::fail(const StreamError& error) {
    close(error);
    return ComponentEvent::closed;
}

void ComponentStream::close(const StreamError& error) {
    if (state_ == State::closed) return;
    if (!header_sent_) write_header();
    output_ += error.to_xml();
    close_reason_ = std::string(to_string(error.condition)) + (error.text.empty() ? "" : ": " + error.text);
    close();
}

void ComponentStream::close() {
    if (state_ == State::closed) return;
    output_ += "</stream:stream>";
    if (close_reason_.empty()) close_reason_ = "closed";
    state_ = State::closed;
}

}  // namespace rookery
