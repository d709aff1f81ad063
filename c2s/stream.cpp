#include "c2s/stream.h"

#include <algorithm>
#include <cassert>

#include "core/host.h"
#include "core/shard.h"

namespace rookery {
namespace {

constexpr const char* stream_ns = "http://etherx.jabber.org/streams";
constexpr const char* client_ns = "jabber:client";
constexpr const char* management_ns = "urn:xmpp:sm:3";
constexpr std::size_t max_lang_bytes = 64;

const xml::Name starttls_name{"urn:ietf:params:xml:ns:xmpp-tls", "starttls"};
const xml::Name auth_name{"urn:ietf:params:xml:ns:xmpp-sasl", "auth"};
const xml::Name response_name{"urn:ietf:params:xml:ns:xmpp-sasl", "response"};
const xml::Name abort_name{"urn:ietf:params:xml:ns:xmpp-sasl", "abort"};
const xml::Name bind_name{"urn:ietf:params:xml:ns:xmpp-bind", "bind"};
const xml::Name jid_name{"urn:ietf:params:xml:ns:xmpp-bind", "jid"};
const xml::Name resource_name{"urn:ietf:params:xml:ns:xmpp-bind", "resource"};
const xml::Name session_name{"urn:ietf:params:xml:ns:xmpp-session", "session"};
const xml::Name register_name{"jabber:iq:register", "query"};
const xml::Name message_name{"jabber:client", "message"};
const xml::Name presence_name{"jabber:client", "presence"};
const xml::Name iq_name{"jabber:client", "iq"};

bool is_stanza(xml::View element) {
    return element.is(message_name) || element.is(presence_name) || element.is(iq_name);
}

}  // namespace

struct Stream::Auth {
    ChannelBindings bindings;
    std::vector<std::string> offered;
    std::vector<std::string> offered_bindings;  // types; none without a -PLUS mechanism
    std::unique_ptr<SaslMechanism> mechanism;
    std::string mechanism_name;
    std::string account;
    Credentials keys;
    std::optional<SaslCheckPassword> password;
    std::size_t bytes = 0;
    unsigned failures = 0;
    unsigned false_starts = 0;
    std::optional<SaslCondition> verdict;  // what a right proof gets instead of success
    std::string bind_id;
    std::string resource;
};

Stream::Stream(const StreamHome& home, const StreamPolicy& policy)
    : home_(&home), policy_(&policy), auth_(std::make_unique<Auth>()) {}

Stream::~Stream() { return_parser(); }
Stream::Stream(Stream&&) noexcept = default;

// --- input --------------------------------------------------------------------------------------------------------

const xml::ParserLimits& Stream::limits() const {
    return authenticated() ? policy_->after_login : policy_->before_login;
}

std::size_t Stream::max_stanza_bytes() const { return limits().max_bytes; }

void Stream::feed(std::string_view bytes) {
    if (state_ == State::closed) return;
    if (!authenticated()) auth_->bytes += bytes.size();
    input_ = rest().empty() ? bytes : std::string_view(more().rest.append(bytes));
}

void Stream::park_input() {
    const bool mid_stanza = !feeding_ && parser_ && !parser_->at_boundary();
    const bool is_parked = !feeding_ && input_.empty();  // waits follow each other with nothing read in between
    if (!is_parked) set_rest(feeding_ ? parser_->unread() : input_);
    input_ = {};
    if (!mid_stanza) return_parser();
    feeding_ = false;
}

// Between stanzas nobody needs an own parser: they stand where all primed ones stand (ARCHITECTURE.md).
bool Stream::ensure_parser() {
    if (parser_) return true;
    if (state_ == State::header)
        parser_ = home_->parsers.lend_fresh(limits());
    else if (unusual_header())
        parser_ = home_->parsers.lend_primed(*unusual_header(), limits());
    else
        parser_ = home_->parsers.lend_usual(limits());
    starving_ = !parser_;
    return !starving_;
}

void Stream::return_parser() {
    if (!parser_) return;
    const bool clean = state_ != State::header && state_ != State::closed && !unusual_header() && parser_->at_boundary();
    home_->parsers.give_back(std::move(parser_), clean);
    feeding_ = false;
}

Stream::More& Stream::more() {
    if (!more_) more_ = std::make_unique<More>();
    return *more_;
}

void Stream::drop_more_if_empty() {
    if (!more_) return;
    const More& more = *more_;
    if (more.rest.empty() && more.output.empty() && more.close_reason.empty() && !more.unusual_header) more_.reset();
}

// `bytes` may be a part of the present rest.
void Stream::set_rest(std::string_view bytes) {
    if (bytes.empty() && rest().empty()) return;
    std::string kept(bytes);
    more().rest.swap(kept);
    drop_more_if_empty();
}

std::string Stream::take_output() {
    std::string output = more_ ? std::move(more_->output) : std::string();
    if (more_) more_->output.clear();
    drop_more_if_empty();
    return output;
}

StreamEvent Stream::next() {
    StreamEvent event = StreamEvent::nothing;
    while (event == StreamEvent::nothing) event = pending_event_ ? *std::exchange(pending_event_, std::nullopt) : step();
    return event;
}

StreamEvent Stream::step() {
    if (state_ == State::closed) return StreamEvent::closed;
    if (!authenticated() && auth_->bytes > policy_->max_bytes_before_login)
        return fail(StreamError(StreamCondition::policy_violation, "too much before login"));
    if (!feeding_ && !feed_parser()) return StreamEvent::need_more;
    switch (parser_->next()) {
        case xml::ParseStep::need_more: break;
        case xml::ParseStep::stream_opened: return on_header();
        case xml::ParseStep::element: return on_element();
        case xml::ParseStep::stream_closed: return on_peer_close();
        case xml::ParseStep::failed: return fail(parser_->error());
    }
    feeding_ = false;
    set_rest({});
    // Before login it stays: it counts the white space between elements (X21).
    if (authenticated() && parser_->at_boundary()) return_parser();
    return StreamEvent::need_more;
}

bool Stream::feed_parser() {
    if (input_.empty()) input_ = rest();
    if (input_.empty()) return false;
    if (!ensure_parser()) {
        park_input();
        return false;
    }
    parser_->feed(std::exchange(input_, {}));
    feeding_ = true;
    return true;
}

void Stream::rebind(const StreamHome& home) {
    assert(!parser_);
    home_ = &home;
    host_ = home.shard.find_host(jid_.domain());
}

// A new stream begins on the same connection (after TLS, after SASL).
void Stream::restart() {
    park_input();
    return_parser();
    if (more_) more_->unusual_header.reset();
    header_sent_ = false;
    state_ = State::header;
}

// --- the header ---------------------------------------------------------------------------------------------------

StreamEvent Stream::on_header() {
    const xml::StreamHeader& header = parser_->header();
    if (header.ns != stream_ns || header.local != "stream")
        return fail(StreamError(StreamCondition::invalid_namespace));
    if (header.default_ns != client_ns) return fail(StreamError(StreamCondition::invalid_namespace));
    const std::optional<std::string_view> to = header.attr("to");
    if (!to || to->empty()) return fail(StreamError(StreamCondition::improper_addressing, "no 'to'"));
    const std::optional<Jid> domain = Jid::parse(*to);
    Host* host = domain && domain->is_domain() ? home_->shard.find_host(domain->domain()) : nullptr;
    if (!host) return fail(StreamError(StreamCondition::host_unknown));
    if (authenticated() && host->domain() != jid_.domain())
        return fail(StreamError(StreamCondition::not_authorized, "another domain than at login"));
    host_ = host;
    const std::string_view version = header.attr("version").value_or("");
    if (version.empty() || version.starts_with("0."))
        return fail(StreamError(StreamCondition::unsupported_version));
    if (header.attr("xml:lang").value_or("").size() > max_lang_bytes) return fail(StreamError(StreamCondition::bad_format, "xml:lang is too long"));
    if (!header.usual()) more().unusual_header = std::make_unique<xml::StreamHeader>(header);

    const std::optional<Jid> from = secured_ ? Jid::parse(header.attr("from").value_or("")) : std::nullopt;
    write_header(from ? from->str() : "");
    state_ = authenticated() ? State::bind : State::negotiate;
    write_features();
    return StreamEvent::nothing;
}

void Stream::write_header(std::string_view to) {
    out() += "<?xml version='1.0'?><stream:stream id='";
    out() += random_token();
    out() += "' version='1.0' xml:lang='en' xmlns:stream='http://etherx.jabber.org/streams' xmlns='jabber:client'";
    if (host_) {
        out() += " from='";
        xml::escape(out(), host_->domain());
        out() += "'";
    }
    if (!to.empty()) {
        out() += " to='";
        xml::escape(out(), to);
        out() += "'";
    }
    out() += ">";
    header_sent_ = true;
}

void Stream::write_features() {
    out() += "<stream:features>";
    const bool may_start_tls = policy_->starttls && !secured_ && !authenticated();
    if (may_start_tls) {
        out() += "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'>";
        out() += policy_->starttls_required ? "<required/></starttls>" : "</starttls>";
    }
    if (authenticated()) {
        out() += "<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/>"
                   "<session xmlns='urn:ietf:params:xml:ns:xmpp-session'><optional/></session>";
        host_->features.write_stream_features(out(), StreamPhase::logged_in);
    } else if (secured_ || !policy_->starttls_required) {
        write_mechanisms();
        host_->features.write_stream_features(out(), StreamPhase::before_login);
    }
    write_limits();
    out() += "</stream:features>";
}

void Stream::write_mechanisms() {
    auth_->offered = available_sasl_mechanisms(auth_->bindings);
    std::erase_if(auth_->offered, [this](const std::string& name) {
        const bool disabled = std::ranges::find(policy_->disabled_mechanisms, name) != policy_->disabled_mechanisms.end();
        return disabled || (name == "PLAIN" && !secured_ && policy_->starttls);
    });
    out() += "<mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>";
    for (const std::string& name : auth_->offered) out() += "<mechanism>" + name + "</mechanism>";
    out() += "</mechanisms>";
    const bool plus = std::ranges::any_of(auth_->offered, [](const std::string& name) { return name.ends_with("-PLUS"); });
    auth_->offered_bindings = plus ? auth_->bindings.types() : std::vector<std::string>();
    if (!plus) return;
    out() += "<sasl-channel-binding xmlns='urn:xmpp:sasl-cb:0'>";
    for (const std::string& type : auth_->offered_bindings) out() += "<channel-binding type='" + type + "'/>";
    out() += "</sasl-channel-binding>";
}

// XEP-0478.
void Stream::write_limits() {
    out() += "<limits xmlns='urn:xmpp:stream-limits:0'><max-bytes>" + std::to_string(max_stanza_bytes()) + "</max-bytes>";
    if (policy_->idle_limit.count() > 0)
        out() += "<idle-seconds>" + std::to_string(policy_->idle_limit.count()) + "</idle-seconds>";
    out() += "</limits>";
}

// --- elements -----------------------------------------------------------------------------------------------------

StreamEvent Stream::on_element() {
    xml::Element element = parser_->take_element();
    switch (state_) {
        case State::negotiate:
        case State::authenticating: return on_negotiation(std::move(element));
        case State::bind: return on_bind_element(std::move(element));
        case State::bound: return on_stanza(std::move(element));
        case State::header:
        case State::closed: break;
    }
    return StreamEvent::closed;
}

StreamEvent Stream::on_negotiation(xml::Element element) {
    const xml::View view = element;
    if (view.is(auth_name)) return on_auth(view);
    if (view.is(response_name)) return on_response(view);
    if (view.is(abort_name)) return auth_failed(SaslCondition::aborted, "aborted by the client");
    if (view.is(starttls_name)) return on_starttls();
    if (view.ns() == management_ns) return on_early_management();
    if (view.is(iq_name) && view.first_child().is(register_name)) return on_prelogin_iq(std::move(element));
    if (is_stanza(view)) return fail(StreamError(StreamCondition::not_authorized));
    return fail(StreamError(StreamCondition::unsupported_stanza_type));
}

// RFC 6120 5.4.2.1: proceed, or failure and the end (5.4.2.2), which L2 wants as policy-violation.
// Plaintext behind <starttls/> is an injection (CVE-2011-0411): close without a word.
// COMPAT: go-sendxmpp 0.5.6 ends each element with a newline; white space is dropped.
StreamEvent Stream::on_starttls() {
    if (secured_ || !policy_->starttls) {
        out() += "<failure xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>";
        return fail(StreamError(StreamCondition::policy_violation, "no STARTTLS here"));
    }
    if (parser_->unread().find_first_not_of(" \t\r\n") != std::string_view::npos) {
        state_ = State::closed;
        more().close_reason = "data behind starttls";
        return StreamEvent::closed;
    }
    out() += "<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>";
    restart();
    set_rest({});
    return StreamEvent::start_tls;
}

void Stream::tls_started(const TlsInfo& tls) {
    secured_ = true;
    auth_->bindings.tls_exporter = tls.tls_exporter;
    auth_->bindings.tls_server_end_point = tls.tls_server_end_point;
    auth_->bindings.tls_unique = tls.tls_unique;
}

// XEP-0198 section 3: not before login.
StreamEvent Stream::on_early_management() {
    out() += "<failed xmlns='urn:xmpp:sm:3'><not-authorized xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></failed>";
    return StreamEvent::nothing;
}

// --- login --------------------------------------------------------------------------------------------------------

StreamEvent Stream::on_auth(xml::View element) {
    if (state_ == State::authenticating && !discard_attempt())
        return fail(StreamError(StreamCondition::policy_violation, "too many failed logins"));
    const std::string name(element.attr_or("mechanism", ""));
    const bool in_clear = !secured_ && (policy_->starttls_required || (name == "PLAIN" && policy_->starttls));
    if (in_clear) return auth_failed(SaslCondition::encryption_required, "no TLS yet");
    SaslContext context;
    context.domain = host_->domain();
    context.mechanisms = auth_->offered;
    context.bindings = auth_->bindings;
    context.channel_bindings = auth_->offered_bindings;
    context.fake_secret = policy_->fake_secret;
    context.downgrade_protection = policy_->downgrade_protection;
    context.key_forms = policy_->key_forms;
    auth_->mechanism = make_sasl_mechanism(name, std::move(context));
    if (!auth_->mechanism) return auth_failed(SaslCondition::invalid_mechanism, "unknown mechanism");
    auth_->mechanism_name = name;
    auth_->account.clear();
    state_ = State::authenticating;
    if (!element.text().empty()) return on_response(element);
    out() += "<challenge xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>";
    return StreamEvent::nothing;
}

// RFC 6120 6.4.2: a second <auth/> puts an end to the attempt before it. False: that was one too many.
bool Stream::discard_attempt() {
    auth_->mechanism.reset();
    auth_->password.reset();
    state_ = State::negotiate;
    return ++auth_->false_starts < policy_->max_false_starts;
}

StreamEvent Stream::on_response(xml::View element) {
    if (state_ != State::authenticating || !auth_->mechanism)
        return auth_failed(SaslCondition::not_authorized, "response without auth");
    std::optional<std::string> message = decode_sasl_message(element.text());
    if (!message) return auth_failed(SaslCondition::incorrect_encoding, "not base64");
    if (message->size() > SaslMechanism::max_message_bytes)
        return auth_failed(SaslCondition::malformed_request, "message too long");
    SaslStep step = auth_->mechanism->step(*message);
    wipe(*message);
    return advance_auth(std::move(step));
}

StreamEvent Stream::advance_auth(SaslStep step) {
    if (auto* challenge = std::get_if<SaslChallenge>(&step)) {
        out() += "<challenge xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>" + encode_sasl_message(challenge->data) + "</challenge>";
        return StreamEvent::nothing;
    }
    if (auto* need = std::get_if<SaslNeedCredentials>(&step)) {
        auth_->account = std::move(need->account);
        return StreamEvent::need_credentials;
    }
    if (auto* check = std::get_if<SaslCheckPassword>(&step)) {
        auth_->password.emplace(std::move(*check));
        return StreamEvent::check_password;
    }
    if (auto* failure = std::get_if<SaslFailure>(&step)) return auth_failed(failure->condition, failure->reason);
    if (auth_->verdict) return auth_failed(*auth_->verdict, "refused after a right proof");
    SaslSuccess& success = std::get<SaslSuccess>(step);
    out() += "<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>";
    if (!success.data.empty()) out() += encode_sasl_message(success.data);
    out() += "</success>";
    const std::optional<Jid> jid = Jid::make(success.account, host_->domain());
    assert(jid);
    jid_ = *jid;
    auth_->mechanism.reset();
    more().close_reason.clear();
    restart();
    return StreamEvent::authenticated;
}

// Answers come between two calls of next(): their event is delivered by the next one. One that comes after the end
// (the time for login was up) is for nobody: it must not open the stream again.
void Stream::provide(const Credentials& credentials, std::optional<SaslCondition> verdict) {
    if (!authenticating()) return;
    auth_->verdict = verdict;
    auth_->keys = credentials;
    pending_event_ = advance_auth(auth_->mechanism->provide(credentials));
}

void Stream::password_checked(bool matches) {
    if (authenticating()) pending_event_ = advance_auth(auth_->mechanism->password_checked(matches));
}

void Stream::fail_auth(SaslCondition condition) {
    if (authenticating()) pending_event_ = auth_failed(condition, "refused by the server");
}

bool Stream::authenticating() const { return state_ == State::authenticating && auth_->mechanism; }

StreamEvent Stream::auth_failed(SaslCondition condition, std::string_view why) {
    more().close_reason = why;
    out() += "<failure xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><" + std::string(sasl_condition_name(condition)) + "/></failure>";
    auth_->mechanism.reset();
    auth_->password.reset();
    state_ = State::negotiate;
    // COMPAT: slixmpp 1.8.3 binds tls-unique to TLS 1.3 and tries every mechanism in turn before PLAIN (docs/clients.md):
    // attempts that never came to a proof are no guesses, and have a bound of their own.
    const bool guessed = !auth_->account.empty();
    const unsigned failures = guessed ? ++auth_->failures : ++auth_->false_starts;
    if (failures >= (guessed ? policy_->max_auth_failures : policy_->max_false_starts))
        return fail(StreamError(StreamCondition::policy_violation, "too many failed logins"));
    return StreamEvent::auth_failed;
}

const std::string& Stream::auth_account() const { return auth_->account; }
std::string Stream::mechanism() const { return auth_ ? auth_->mechanism_name : std::string(); }

SaslCheckPassword Stream::take_password_check() {
    SaslCheckPassword check = std::move(*auth_->password);
    auth_->password.reset();
    return check;
}

// --- before and at binding ----------------------------------------------------------------------------------------

StreamEvent Stream::on_prelogin_iq(xml::Element element) {
    if (!secured_ && policy_->starttls_required) return fail(StreamError(StreamCondition::not_authorized));
    StanzaError why(Condition::bad_request);
    std::optional<Stanza> remains;
    std::optional<Stanza> stanza = Stanza::from_element(std::move(element), &why, &remains);
    if (!stanza) {
        if (const auto reply = refusal(*remains, why)) write(*reply);
        return StreamEvent::nothing;
    }
    if (!stanza->is_request()) return fail(StreamError(StreamCondition::not_authorized));
    stanza_ = std::make_shared<Stanza>(std::move(*stanza));
    return StreamEvent::registration;
}

StreamEvent Stream::on_bind_element(xml::Element element) {
    if (!is_stanza(element)) return on_nonza(std::move(element));
    const xml::View payload = element.view().first_child();
    const bool set = element.attr("type") == "set";
    if (!element.is(iq_name) || !set || !(payload.is(bind_name) || payload.is(session_name)))
        return fail(StreamError(StreamCondition::not_authorized));
    StanzaError why(Condition::bad_request);
    std::optional<Stanza> remains;
    std::optional<Stanza> request = Stanza::from_element(std::move(element), &why, &remains);
    if (!request) {
        if (const auto reply = refusal(*remains, why)) write(*reply);
        return StreamEvent::nothing;
    }
    if (request->payload().is(session_name)) {
        write(request->make_result());
        return StreamEvent::nothing;
    }
    auth_->bind_id = request->id;
    auth_->resource = request->payload().child(resource_name).text();
    return StreamEvent::bind;
}

const Credentials& Stream::keys() const { return auth_->keys; }
const std::string& Stream::requested_resource() const { return auth_->resource; }

void Stream::bound(const Jid& full) {
    jid_ = full;
    state_ = State::bound;
    Stanza result = Stanza::iq(IqType::result, auth_->bind_id);
    result.element().add(xml::Element(bind_name).add_text_child(jid_name, full.str()));
    write(result);
    auth_.reset();
}

void Stream::resumed(const Jid& full) {
    jid_ = full;
    state_ = State::bound;
    auth_.reset();
}

void Stream::refuse_bind(const StanzaError& error) {
    write(Stanza::iq(IqType::set, std::exchange(auth_->bind_id, {})).make_error(error));
}

// --- stanzas ------------------------------------------------------------------------------------------------------

// R2, RFC 6120 8.2.3 and 8.3.1: errors and results are never answered, whatever is wrong with them.
std::optional<Stanza> Stream::refusal(const Stanza& remains, const StanzaError& why) {
    const bool answerable = remains.is_iq() ? remains.is_request() : !remains.is_error();
    return answerable ? std::optional(remains.make_error(why)) : std::nullopt;
}

bool Stream::check_from(const Stanza& stanza) const {
    return stanza.from.empty() || stanza.from == jid_ || (stanza.from.is_bare() && stanza.from.same_bare(jid_));
}

StreamEvent Stream::on_stanza(xml::Element element) {
    if (!is_stanza(element)) return on_nonza(std::move(element));
    StanzaError why(Condition::bad_request);
    std::optional<Stanza> remains;
    std::optional<Stanza> stanza = Stanza::from_element(std::move(element), &why, &remains);
    if (!stanza) return answer(refusal(*remains, why));
    if (!check_from(*stanza)) return fail(StreamError(StreamCondition::invalid_from));
    if (stanza->is_request() && stanza->payload().is(session_name)) return answer(stanza->make_result());
    stanza_ = std::make_shared<Stanza>(std::move(*stanza));
    return StreamEvent::stanza;
}

StreamEvent Stream::answer(std::optional<Stanza> reply) {
    stanza_ = reply ? std::make_shared<Stanza>(std::move(*reply)) : nullptr;
    return StreamEvent::answered;
}

StreamEvent Stream::on_nonza(xml::Element element) {
    nonza_ = std::make_unique<xml::Element>(std::move(element));
    return StreamEvent::nonza;
}

void Stream::write(const xml::Element& nonza) { xml::write(out(), nonza, client_ns); }

// --- the end ------------------------------------------------------------------------------------------------------

StreamEvent Stream::on_peer_close() {
    close();
    return StreamEvent::closed;
}

StreamEvent Stream::fail(const StreamError& error) {
    close(error);
    return StreamEvent::closed;
}

void Stream::close(const StreamError& error) {
    if (state_ == State::closed) return;
    if (!header_sent_) write_header("");
    out() += error.to_xml();
    more().close_reason = std::string(to_string(error.condition)) + (error.text.empty() ? "" : ": " + error.text);
    close();
}

void Stream::close() {
    if (state_ == State::closed) return;
    if (!header_sent_) write_header("");
    out() += "</stream:stream>";
    if (close_reason().empty()) more().close_reason = "closed";
    if (!feeding_) return_parser();
    state_ = State::closed;
}

}  // namespace rookery
