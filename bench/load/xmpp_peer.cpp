#include "bench/load/xmpp_peer.h"

#include <cerrno>
#include <charconv>
#include <cstring>

#include "base/bytes.h"

namespace rookery::bench {

namespace {

constexpr std::string_view kPingId = "entered";

std::string message_head(std::string_view to, std::string_view domain, std::string_view id) {
    std::string text = "<message type='chat' to='";
    return text.append(to).append("@").append(domain).append("' id='").append(id).append("'><body>");
}

std::string message_tail(std::string_view id) {
    std::string text = "</body><origin-id xmlns='urn:xmpp:sid:0' id='";
    return text.append(id).append("'/><active xmlns='http://jabber.org/protocol/chatstates'/></message>");
}

}  // namespace

std::string XmppPeer::user_name(UserNumber number) const {
    return shared_.options.user_prefix + std::to_string(number);
}

std::string XmppPeer::bare_jid(UserNumber number) const {
    return user_name(number) + '@' + shared_.options.domain;
}

UserNumber XmppPeer::number_of(std::string_view jid) const {
    const std::string_view prefix = shared_.options.user_prefix;
    if (!jid.starts_with(prefix)) return kNobody;
    UserNumber number = kNobody;
    const char* start = jid.data() + prefix.size();
    const auto [end, error] = std::from_chars(start, jid.data() + jid.size(), number);
    return error == std::errc() && end != jid.data() + jid.size() && *end == '@' ? number : kNobody;
}

void XmppPeer::log_in() {
    const Options& options = shared_.options;
    const std::uint32_t turn = shared_.connects++ % options.source_addresses;
    state_ = State::connecting;
    secured_ = authenticated_ = false;
    scanner_ = {};
    acks_ = {};
    sasl_.reset();
    const std::uint32_t source = options.source_address == 0 ? 0 : options.source_address + turn;
    if (!connection_.connect(options.address, options.port, source)) leave_loop(std::strerror(errno));
}

void XmppPeer::log_out() {
    if (state_ == State::down || state_ == State::idle) return;
    // Else a server may rightly keep for the next session what was never acknowledged.
    if (state_ == State::ready && manages_stream()) acknowledge();
    state_ = State::leaving;
    connection_.write("<presence type='unavailable'/></stream:stream>");
}

void XmppPeer::drop() {
    connection_.close();
    state_ = State::idle;
}

void XmppPeer::send(UserNumber to, std::string_view id, std::string_view text) {
    std::string stanza = message_head(user_name(to), shared_.options.domain, id);
    stanza.append(text).append(message_tail(id));
    if (manages_stream()) acks_.sent(true);
    connection_.write(stanza);
}

void XmppPeer::ask_for_acknowledgement() {
    if (manages_stream()) connection_.write(Acknowledgements::kRequest);
}

void XmppPeer::send_stanza(std::string_view stanza) {
    if (manages_stream()) acks_.sent(false);
    connection_.write(stanza);
}

void XmppPeer::acknowledge() { connection_.write(acks_.answer()); }

std::size_t XmppPeer::overhead_bytes(UserNumber to, std::string_view id) const {
    return message_head(user_name(to), shared_.options.domain, id).size() + message_tail(id).size();
}

void XmppPeer::on_connected() {
    if (shared_.options.tls == TlsUse::direct) {
        state_ = State::securing;
        return connection_.start_tls_client(*shared_.tls, shared_.options.domain);
    }
    open_stream();
}

void XmppPeer::on_secured() {
    secured_ = true;
    open_stream();
}

void XmppPeer::on_closed(const std::string& why) {
    if (state_ == State::leaving) {
        state_ = State::down;
        return observer().on_logged_out(*this);
    }
    leave_loop(why);
}

void XmppPeer::leave_loop(const std::string& why) {
    const bool was_down = state_ == State::down;
    state_ = State::down;
    connection_.close();
    if (!was_down) observer().on_down(*this, why);
}

void XmppPeer::open_stream() {
    state_ = State::negotiating;
    scanner_ = {};
    connection_.write("<?xml version='1.0'?><stream:stream to='" + shared_.options.domain +
                      "' version='1.0' xml:lang='en' xmlns='jabber:client' "
                      "xmlns:stream='http://etherx.jabber.org/streams'>");
}

void XmppPeer::on_data(std::string_view bytes) {
    scanner_.feed(bytes);
    while (const auto unit = scanner_.next()) {
        on_unit(*unit);
        if (state_ == State::down || state_ == State::securing) return;
    }
    if (scanner_.is_broken()) leave_loop("not XML: " + std::string(bytes.substr(0, 200)));
}

void XmppPeer::on_unit(const XmlUnit& unit) {
    if (unit.kind == XmlUnit::Kind::stanza) return on_stanza(unit.text);
    if (unit.kind == XmlUnit::Kind::stream_start) return;
    if (state_ != State::leaving) return leave_loop("stream ended by the server");
    connection_.close();
    on_closed({});
}

void XmppPeer::on_stanza(std::string_view stanza) {
    if (state_ == State::leaving) return;
    if (stanza.starts_with("<stream:error")) return leave_loop(std::string(stanza));
    switch (state_) {
        case State::negotiating: return on_features(stanza);
        case State::starting_tls:
            if (!stanza.starts_with("<proceed")) return leave_loop("STARTTLS refused: " + std::string(stanza));
            state_ = State::securing;
            return connection_.start_tls_client(*shared_.tls, shared_.options.domain);
        case State::registering: return on_registered(stanza);
        case State::authenticating: return on_sasl(stanza);
        case State::binding: return on_bound(stanza);
        default: return on_session_stanza(stanza);
    }
}

void XmppPeer::on_features(std::string_view features) {
    if (!features.starts_with("<stream:features")) return leave_loop("no features: " + std::string(features));
    if (!is_secured()) {
        if (!has_element(features, "starttls")) return leave_loop("server offers no STARTTLS");
        state_ = State::starting_tls;
        return connection_.write("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>");
    }
    if (shared_.purpose == XmppPurpose::registration) return register_account();
    if (!authenticated_) return authenticate(features);
    if (!has_element(features, "bind")) return leave_loop("server offers no resource binding");
    if (shared_.options.phone && !(has_element(features, "sm") && has_element(features, "csi"))) {
        return leave_loop("server offers phones no stream management or no client states: " + std::string(features));
    }
    // RFC 3921 sessions: wanted only by servers that do not call them optional.
    legacy_session_ = has_element(features, "session") && !has_element(features, "optional");
    state_ = State::binding;
    connection_.write(
        "<iq type='set' id='bind'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'>"
        "<resource>load</resource></bind></iq>");
}

// XEP-0077 3.1, without asking first which fields there are: a name and a password are what everybody wants.
void XmppPeer::register_account() {
    state_ = State::registering;
    connection_.write("<iq type='set' id='register'><query xmlns='jabber:iq:register'><username>" +
                      user_name(number()) + "</username><password>" + shared_.options.password +
                      "</password></query></iq>");
}

void XmppPeer::on_registered(std::string_view iq) {
    if (attribute(iq, "id") != "register") return;
    if (attribute(iq, "type") != "result") return leave_loop("registration refused: " + std::string(iq));
    state_ = State::leaving;
    connection_.write("</stream:stream>");
    observer().on_ready(*this);
}

void XmppPeer::authenticate(std::string_view features) {
    const std::string mechanism(mechanism_name(shared_.options.sasl));
    if (features.find('>' + mechanism + '<') == std::string_view::npos) {
        return leave_loop("server does not offer " + mechanism + ": " + std::string(features));
    }
    sasl_ = std::make_unique<SaslClient>(shared_.options.sasl, user_name(number()), shared_.options.password,
                                         shared_.scram_keys);
    state_ = State::authenticating;
    connection_.write("<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='" + mechanism + "'>" +
                      base64_encode(sasl_->initial_response()) + "</auth>");
}

void XmppPeer::on_sasl(std::string_view element) {
    const std::string_view name = element_name(element);
    const auto data = base64_decode(text_of(element, name));
    if (name == "challenge" && data) {
        const auto response = sasl_->respond(*data);
        if (!response) return leave_loop("SCRAM: wrong challenge: " + *data);
        return connection_.write("<response xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>" + base64_encode(*response) +
                                 "</response>");
    }
    if (name != "success") return leave_loop(user_name(number()) + " cannot log in: " + std::string(element));
    if (!sasl_->accept_success(data.value_or(""))) return leave_loop("SCRAM: the server gave no proof");
    sasl_.reset();
    authenticated_ = true;
    open_stream();
}

void XmppPeer::on_bound(std::string_view iq) {
    if (attribute(iq, "id") != "bind") return;
    if (attribute(iq, "type") != "result") return leave_loop("bind refused: " + std::string(iq));
    if (!shared_.options.presence) return become_ready();
    enter();
}

void XmppPeer::enter() {
    const Options& options = shared_.options;
    state_ = State::entering;
    if (manages_stream()) {
        connection_.write(options.phone ? Acknowledgements::kEnableResumption : Acknowledgements::kEnable);
    }
    if (legacy_session_) {
        send_stanza("<iq type='set' id='session'><session xmlns='urn:ietf:params:xml:ns:xmpp-session'/></iq>");
    }
    if (options.roster) send_stanza("<iq type='get' id='roster'><query xmlns='jabber:iq:roster'/></iq>");
    if (options.phone) send_stanza("<iq type='set' id='carbons'><enable xmlns='urn:xmpp:carbons:2'/></iq>");
    send_stanza("<presence/>");
    if (options.phone) connection_.write("<inactive xmlns='urn:xmpp:csi:0'/>");
    std::string ping = "<iq type='get' id='";
    ping.append(kPingId).append("' to='").append(shared_.options.domain);
    send_stanza(ping + "'><ping xmlns='urn:xmpp:ping'/></iq>");
}

void XmppPeer::become_ready() {
    state_ = State::ready;
    observer().on_ready(*this);
}

void XmppPeer::on_session_stanza(std::string_view stanza) {
    if (attribute(stanza, "xmlns") == "urn:xmpp:sm:3") return on_stream_management(stanza);
    acks_.received();
    if (observer().on_stanza(*this, stanza)) return;
    if (stanza.starts_with("<message")) return on_message(stanza);
    if (!stanza.starts_with("<iq")) return;
    const std::string_view type = attribute(stanza, "type");
    if (type == "get" || type == "set") return answer_request(stanza);
    // An error is an answer too: also a server without XEP-0199 has processed what came before.
    if (state_ == State::entering && attribute(stanza, "id") == kPingId) become_ready();
}

void XmppPeer::on_stream_management(std::string_view element) {
    const std::string_view name = element_name(element);
    if (name == "r") return connection_.write(acks_.answer());
    if (name == "enabled") return acks_.enabled();
    if (name == "failed") return leave_loop("the server keeps no acknowledgements: " + std::string(element));
    if (name != "a") return;
    const auto messages = acks_.accept(element);
    if (!messages) return leave_loop("acknowledged what was not sent: " + std::string(element));
    if (*messages > 0) observer().on_acknowledged(*this, *messages);
}

void XmppPeer::on_message(std::string_view message) {
    if (attribute(message, "type") == "error") return observer().on_stray(*this, message);
    const std::string_view body = text_of(message, "body");
    if (body.empty()) return observer().on_stray(*this, message);
    observer().on_message(*this, number_of(attribute(message, "from")), body);
}

void XmppPeer::answer_request(std::string_view iq) {
    const std::string_view from = attribute(iq, "from");
    std::string answer = "<iq id='" + std::string(attribute(iq, "id")) + "'";
    if (!from.empty()) answer += " to='" + std::string(from) + "'";
    // A ping, or a roster push (RFC 6121 2.1.6)
    if (has_element(iq, "ping") || iq.find("'jabber:iq:roster'") != std::string_view::npos ||
        iq.find("\"jabber:iq:roster\"") != std::string_view::npos) {
        return send_stanza(answer + " type='result'/>");
    }
    send_stanza(answer +
                " type='error'><error type='cancel'><service-unavailable "
                "xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>");
}

}  // namespace rookery::bench
