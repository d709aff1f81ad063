#include "tests/support/play_client.h"

#include <algorithm>

#include "base/bytes.h"
#include "tests/support/play_sasl.h"

namespace rookery::test {
namespace {

using xml::View;

constexpr std::string_view sasl_ns = "urn:ietf:params:xml:ns:xmpp-sasl";
constexpr std::string_view tls_ns = "urn:ietf:params:xml:ns:xmpp-tls";
constexpr std::string_view bind_ns = "urn:ietf:params:xml:ns:xmpp-bind";
constexpr std::string_view streams_ns = "http://etherx.jabber.org/streams";

View find_child(View parent, std::string_view ns, std::string_view local) {
    for (View child : parent.children())
        if (child.is(ns, local)) return child;
    return {};
}

bool is_answer(View element, std::string_view id) {
    const auto type = element.attr_or("type", "");
    return element.is("jabber:client", "iq") && element.attr_or("id", "") == id &&
           (type == "result" || type == "error");
}

std::vector<std::string> mechanisms_in(View features) {
    std::vector<std::string> names;
    for (View child : find_child(features, sasl_ns, "mechanisms").children()) names.push_back(child.text());
    return names;
}

}  // namespace

std::string Arrival::to_string() const {
    switch (kind) {
        case Kind::header:
            return "a stream header";
        case Kind::element:
            return element->to_string();
        case Kind::stream_end:
            return "</stream:stream>";
        case Kind::closed:
            return "the end of the connection";
        case Kind::garbage:
            return "something that cannot be read: " + text;
    }
    return {};
}

PlayClientSession::PlayClientSession(Driver& driver, const PlayClient& role, const PlayNames& names, PlayPace pace)
    : driver_(driver), role_(role), names_(names), pace_(pace) {}

void PlayClientSession::connect() {
    if (wire_) throw PlayFailure(role_.name + " is connected already");
    wire_ = driver_.connect({server(), role_.direct_tls});
    if (!wire_) throw PlayFailure("no connection to the server");
    inbox_.clear();
    input_.clear();
    features_.reset();
    bound_ = ended_ = sent_stream_end_ = sent_since_sync_ = asked_for_roster = asked_for_blocklist = false;
    secure_ = role_.direct_tls;
    restart_stream();
    if (!role_.raw || role_.plaintext || secure_ || !driver_.has("starttls")) return;
    open_stream();  // a raw client begins behind STARTTLS
    features_.reset();
}

void PlayClientSession::restart_stream() {
    parser_.reset();
    xml::ParserLimits limits;
    limits.max_bytes = std::size_t{16} << 20;
    limits.max_elements = 1'000'000;
    parser_.set_limits(limits);
}

void PlayClientSession::open_stream() {
    send(
        "<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' "
        "version='1.0' to='" +
        server() + "'>");
    const auto header = next();
    if (!header || header->kind != Arrival::Kind::header)
        throw PlayFailure("expected a stream header, got " + (header ? header->to_string() : "nothing"));
    features_ = take_element("stream features");
    if (!features_->view().is(streams_ns, "features"))
        throw PlayFailure("expected stream features, got " + features_->to_string());
    start_tls_if_offered();
}

void PlayClientSession::start_tls_if_offered() {
    if (secure_ || role_.plaintext || !find_child(*features_, tls_ns, "starttls")) return;
    send("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>");
    const auto answer = take_element("answer to STARTTLS");
    if (!answer.view().is(tls_ns, "proceed")) throw PlayFailure("no TLS but " + answer.to_string());
    if (const auto done = wire_->start_tls(); !done) throw PlayFailure("TLS: " + done.error().message);
    secure_ = true;
    restart_stream();
    if (!role_.raw) open_stream();
}

void PlayClientSession::log_in() {
    const auto failure = try_to_log_in();
    if (!failure.empty()) throw PlayFailure("the login failed: " + failure);
}

std::string PlayClientSession::password() const {
    return std::string(play_password) + (role_.wrong_password ? "?" : "");
}

std::string PlayClientSession::try_to_log_in() {
    if (!features_) throw PlayFailure("there is no stream to log in on");
    const auto offered = mechanisms_in(*features_);
    const std::string mechanism = role_.mechanism.empty() ? std::string(choose_mechanism(offered)) : role_.mechanism;
    if (std::ranges::find(offered, mechanism) == offered.end())
        throw PlayFailure("the mechanism `" + mechanism + "` is not offered in " + features_->to_string());
    const auto client = make_sasl_client(mechanism, user(), password());
    if (!client) throw PlayFailure("the runner knows no mechanism `" + mechanism + "`");
    send("<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='" + mechanism + "'>" +
         base64_encode(client->first()) + "</auth>");
    auto answer = take_element("answer to <auth/>");
    if (answer.view().is(sasl_ns, "challenge")) {
        const auto response = client->answer(base64_decode(answer.text()).value_or(""));
        if (!response) throw PlayFailure("a wrong challenge: " + answer.to_string());
        send("<response xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>" + base64_encode(*response) + "</response>");
        answer = take_element("answer to <response/>");
    }
    if (answer.view().is(sasl_ns, "failure")) return std::string(answer.view().first_child().local());
    if (!answer.view().is(sasl_ns, "success")) throw PlayFailure("expected success, got " + answer.to_string());
    if (!client->trusts(base64_decode(answer.text()).value_or("")))
        throw PlayFailure("the server did not prove itself: " + answer.to_string());
    restart_stream();
    open_stream();
    return {};
}

void PlayClientSession::bind() {
    std::string request = "<iq type='set' id='play-bind'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'>";
    if (!role_.resource.empty()) {
        request += "<resource>";
        xml::escape(request, role_.resource);
        request += "</resource>";
    }
    send(request + "</bind></iq>");
    const auto answer =
        take_where([](View element) { return is_answer(element, "play-bind"); }, "answer to the bind request");
    full_jid_ = find_child(find_child(answer, bind_ns, "bind"), bind_ns, "jid").text();
    if (full_jid_.empty()) throw PlayFailure("not bound: " + answer.to_string());
    bound_ = true;
    sent_since_sync_ = false;
}

void PlayClientSession::disconnect() {
    if (!wire_) throw PlayFailure(role_.name + " is not connected");
    const auto arrived_before = inbox_.size();
    sent_stream_end_ = true;
    send("</stream:stream>");
    while (!ended_)
        if (!read_more(pace_.patience)) throw PlayFailure("the server does not close the stream");
    inbox_.resize(std::min(arrived_before, inbox_.size()));
    wire_->close();
    wire_.reset();
    bound_ = false;
}

void PlayClientSession::drop() {
    if (!wire_) throw PlayFailure(role_.name + " is not connected");
    wire_->drop();
    wire_.reset();
    bound_ = false;
}

void PlayClientSession::send(std::string_view bytes, int pieces) {
    if (!wire_) throw PlayFailure(role_.name + " is not connected");
    sent_since_sync_ = true;
    const int at_a_time = pieces > 0 ? pieces : pace_.bytes_at_a_time;
    if (at_a_time == 0) return wire_->send(bytes);
    while (!bytes.empty()) {
        const auto piece = bytes.substr(0, static_cast<std::size_t>(at_a_time));
        wire_->send(piece);
        bytes.remove_prefix(piece.size());
    }
}

std::optional<Arrival> PlayClientSession::next(Milliseconds patience) {
    const auto deadline = std::chrono::steady_clock::now() + patience;
    while (inbox_.empty()) {
        const auto left = std::chrono::ceil<Milliseconds>(deadline - std::chrono::steady_clock::now());
        if (ended_ || !wire_ || !read_more(std::max(left, Milliseconds(0)))) return std::nullopt;
    }
    Arrival first = std::move(inbox_.front());
    inbox_.pop_front();
    return first;
}

bool PlayClientSession::read_more(Milliseconds patience) {
    input_.clear();
    const auto got = wire_->receive(input_, patience);
    if (!input_.empty()) parse_input();
    if (got != Wire::Got::closed) return !input_.empty();
    if (!ended_) inbox_.push_back({Arrival::Kind::closed, std::nullopt, {}, {}});
    return ended_ = true;
}

void PlayClientSession::parse_input() {
    parser_.feed(input_);
    for (;;) {
        switch (parser_.next()) {
            case xml::ParseStep::need_more:
                return;
            case xml::ParseStep::stream_opened:
                inbox_.push_back({Arrival::Kind::header, std::nullopt, parser_.header(), {}});
                break;
            case xml::ParseStep::element:
                inbox_.push_back({Arrival::Kind::element, parser_.take_element(), {}, {}});
                break;
            case xml::ParseStep::stream_closed:
                inbox_.push_back({Arrival::Kind::stream_end, std::nullopt, {}, {}});
                return answer_stream_end();
            case xml::ParseStep::failed:
                inbox_.push_back({Arrival::Kind::garbage, std::nullopt, {}, parser_.error().text});
                ended_ = true;
                return;
        }
    }
}

void PlayClientSession::answer_stream_end() {
    ended_ = true;
    if (sent_stream_end_) return;
    wire_->send("</stream:stream>");
    wire_->close();
}

xml::Element PlayClientSession::take_element(std::string_view description) {
    auto arrival = next();
    if (arrival && arrival->kind == Arrival::Kind::element) return std::move(*arrival->element);
    throw PlayFailure("expected " + std::string(description) + ", got " + (arrival ? arrival->to_string() : "nothing"));
}

void PlayClientSession::synchronize() {
    const std::string id = "play-sync-" + std::to_string(++syncs_);
    send("<iq type='get' to='" + server() + "' id='" + id + "'><ping xmlns='urn:xmpp:ping'/></iq>");
    sent_since_sync_ = false;
    take_where([&](View element) { return is_answer(element, id); }, "answer to a ping");
}

}  // namespace rookery::test
