#include "tests/simulation/sim_client.h"

#include <algorithm>

#include "base/bytes.h"
#include "xmpp/payload/stanza_id.h"

namespace rookery::test {
namespace {

constexpr const char* management_ns = "urn:xmpp:sm:3";
constexpr const char* archive_ns = "urn:xmpp:mam:2";
const xml::Name body_name{"jabber:client", "body"};
const xml::Name result_name{archive_ns, "result"};
const xml::Name forwarded_name{"urn:xmpp:forward:0", "forwarded"};
const xml::Name message_name{"jabber:client", "message"};
const xml::Name copy_received_name{"urn:xmpp:carbons:2", "received"};
const xml::Name copy_sent_name{"urn:xmpp:carbons:2", "sent"};
const xml::Name management_feature{management_ns, "sm"};

std::uint32_t number(std::string_view text) { return static_cast<std::uint32_t>(std::stoul(std::string(text))); }

std::string quoted(std::uint32_t number) { return "'" + std::to_string(number) + "'"; }

}  // namespace

SimClient::SimClient(TestServer& server, Jid full, SimClientHabits habits, History& history, Dice& dice)
    : server_(server), jid_(std::move(full)), habits_(habits), history_(history), dice_(dice) {}

void SimClient::connect() {
    pipe_ = server_.connect_pipe("192.0.2.1");
    parser_ = std::make_unique<xml::StreamParser>();
    phase_ = Phase::authenticating;
    logged_in_ = false;
    open_stream();
    const std::string nul(1, '\0');
    write("<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>" +
          base64_encode(nul + std::string(jid_.local()) + nul + "secret") + "</auth>");
}

// In pieces, as networks have it.
void SimClient::write(std::string_view bytes) {
    note("sends", bytes);
    while (!bytes.empty()) {
        const std::size_t piece = dice_.once_in(4) ? dice_.between(1, bytes.size()) : bytes.size();
        put(pipe_, bytes.substr(0, piece));
        bytes.remove_prefix(piece);
    }
}

void SimClient::note(const char* what, std::string_view more) const {
    const Duration now = server_.loops().clock().steady_now().time_since_epoch();
    history_.note(std::to_string(std::chrono::duration_cast<Milliseconds>(now).count()) + " client " + std::to_string(habits_.number) +
                  " " + what + " " + std::string(more));
}

void SimClient::open_stream() {
    write("<stream:stream to='" + std::string(jid_.domain()) +
          "' version='1.0' xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>");
}

void SimClient::read(std::size_t most) {
    if (!pipe_) return;
    const std::string bytes = take(pipe_, most);
    const bool ended = bytes.empty() && pipe_->server_closed;
    if (!bytes.empty()) note("reads", bytes);
    parser_->feed(bytes);
    for (;;) {
        const xml::ParseStep step = parser_->next();
        if (step == xml::ParseStep::element) {
            handle(parser_->take_element());
            if (!pipe_) return;
        } else if (step == xml::ParseStep::stream_closed || step == xml::ParseStep::failed) {
            return gone();
        } else if (step == xml::ParseStep::need_more) {
            break;
        }
    }
    if (ended) gone();
}

void SimClient::lose(bool noticed) {
    if (!pipe_) return;
    note("is lost", noticed ? "" : "; the server does not notice");
    if (noticed)
        cut(pipe_);
    else
        pipe_->client_stalled = true;
    gone();
}

void SimClient::leave() {
    if (!pipe_) return;
    write("</stream:stream>");
    resumption_id_.clear();
    gone();
}

void SimClient::gone() {
    if (!pipe_) return;
    pipe_ = nullptr;
    phase_ = Phase::offline;
}

// --- login --------------------------------------------------------------------------------------------------------

void SimClient::handle(const xml::Element& element) {
    const xml::View view = element;
    if (view.ns() == management_ns) return on_management(view);
    if (view.local() == "features") return negotiate(view);
    if (view.local() == "success") {
        logged_in_ = true;
        parser_->reset();
        return open_stream();
    }
    if (view.local() == "failure" || view.local() == "error") return gone();
    on_stanza(view);
}

void SimClient::negotiate(xml::View features) {
    if (!logged_in_) return;
    if (resumption_id_.empty() || !features.child(management_feature)) return bind();
    phase_ = Phase::resuming;
    write("<resume xmlns='urn:xmpp:sm:3' h=" + quoted(received_) + " previd='" + resumption_id_ + "'/>");
}

void SimClient::bind() {
    phase_ = Phase::binding;
    resumption_id_.clear();
    write("<iq type='set' id='bind'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>" + std::string(jid_.resource()) +
          "</resource></bind></iq>");
}

// What we send counts from here on. What the last stream was not acknowledged goes first.
void SimClient::bound() {
    ++session_;
    accepted_ = 0;
    asked_ = false;
    entered_ = false;
    while (!sent_.empty()) {
        if (sent_.back().is_message) waiting_.push_front(std::move(sent_.back()));
        sent_.pop_back();
    }
    if (habits_.acknowledges) write("<enable xmlns='urn:xmpp:sm:3' resume='true'/>");
    if (habits_.asks_archive_first) return sync();
    enter();
}

void SimClient::sync() {
    phase_ = Phase::syncing;
    const std::string after = newest_known_.empty() ? "" : "<after>" + newest_known_ + "</after>";
    send("<iq type='set' id='sync'><query xmlns='urn:xmpp:mam:2'><set xmlns='http://jabber.org/protocol/rsm'><max>5</max>" + after +
         "</set></query></iq>");
}

void SimClient::enter() {
    phase_ = Phase::ready;
    entered_ = true;
    send("<presence/>");
    if (habits_.copies) send("<iq type='set' id='copies'><enable xmlns='urn:xmpp:carbons:2'/></iq>");
    if (!habits_.woken_through.empty())
        send("<iq type='set' id='push'><enable xmlns='urn:xmpp:push:0' jid='" + habits_.woken_through + "' node='app'/></iq>");
    send_waiting();
}

void SimClient::resumed(xml::View nonza) {
    count(nonza.attr_or("h", "0"));
    asked_ = false;
    phase_ = entered_ ? Phase::ready : Phase::syncing;
    for (const Sent& sent : sent_) write(sent.xml);
    if (ready()) send_waiting();
}

// --- counting -----------------------------------------------------------------------------------------------------

bool SimClient::has_unaccepted() const {
    return !waiting_.empty() || std::ranges::any_of(sent_, [](const Sent& sent) { return sent.is_message; });
}

void SimClient::send(std::string xml) {
    write(xml);
    if (habits_.acknowledges) sent_.push_back({std::move(xml), false, 0});
}

void SimClient::send_waiting() {
    for (; !waiting_.empty(); waiting_.pop_front()) {
        write(waiting_.front().xml);
        if (habits_.acknowledges) sent_.push_back(std::move(waiting_.front()));
    }
}

void SimClient::on_management(xml::View nonza) {
    const std::string_view name = nonza.local();
    if (name == "enabled") {
        resumption_id_ = nonza.attr_or("id", "");
        received_ = 0;  // what came before is not counted
    }
    if (name == "a") count(nonza.attr_or("h", "0"));
    if (name == "resumed") resumed(nonza);
    if (name == "failed") {
        if (const auto h = nonza.attr("h")) count(*h);
        bind();
    }
    if (name != "r") return;
    asked_ = true;
    if (!habits_.answers_late || dice_.once_in(3)) acknowledge();
}

void SimClient::count(std::string_view h) {
    for (const std::uint32_t target = number(h); accepted_ != target; ++accepted_) {
        if (sent_.empty()) return history_.complain("the server counts more than client " + std::to_string(habits_.number) + " sent");
        if (sent_.front().is_message) history_.said(sent_.front().message).accepted = true;
        sent_.pop_front();
    }
}

void SimClient::ask_for_count() {
    if (ready() && habits_.acknowledges) write("<r xmlns='urn:xmpp:sm:3'/>");
}

void SimClient::rest_or_wake() {
    if (!ready()) return;
    resting_ = !resting_;
    write(resting_ ? "<inactive xmlns='urn:xmpp:csi:0'/>" : "<active xmlns='urn:xmpp:csi:0'/>");
}

void SimClient::acknowledge() {
    if (!ready() && phase_ != Phase::syncing) return;
    if (std::exchange(asked_, false)) write("<a xmlns='urn:xmpp:sm:3' h=" + quoted(received_) + "/>");
}

// --- stanzas ------------------------------------------------------------------------------------------------------

void SimClient::say(unsigned account, const Jid& to) {
    const std::string id = std::to_string(history_.say(habits_.number, account, to.to_string(), habits_.acknowledges));
    const std::string xml = "<message type='chat' id='" + id + "' to='" + to.to_string() + "'><body>" + id +
                            "</body><origin-id xmlns='urn:xmpp:sid:0' id='o" + id + "'/></message>";
    waiting_.push_back({xml, true, history_.count() - 1});
    if (ready()) send_waiting();
}

void SimClient::on_stanza(xml::View stanza) {
    if (phase_ == Phase::binding && stanza.attr_or("id", "") == "bind") return bound();
    ++received_;
    if (stanza.local() == "message") on_message(stanza);
    if (stanza.local() == "iq") on_answer(stanza);
}

void SimClient::on_message(xml::View message) {
    if (message.attr_or("type", "") == "error") {
        history_.said(number(message.attr_or("id", "0"))).refused = true;
        return;
    }
    for (const xml::Name name : {copy_received_name, copy_sent_name})
        if (const xml::View carbon = message.child(name)) return on_carbon(carbon);
    if (const xml::View result = message.child(result_name)) {
        receive(result.child(forwarded_name).child(message_name), std::string(result.attr_or("id", "")), true);
    } else if (const auto id = StanzaId::parse(message.child(StanzaId::name))) {
        receive(message, id->id, false);
    } else {
        history_.complain("a message without a stanza id: " + message.child(body_name).text());
    }
}

void SimClient::on_carbon(xml::View carbon) {
    if (!habits_.copies) return history_.complain("a carbon nobody wanted");
    const std::size_t message = number(carbon.child(forwarded_name).child(message_name).child(body_name).text());
    history_.copy(message, habits_.account, carbon.is(copy_sent_name));
}

void SimClient::receive(xml::View message, std::string stanza_id, bool asked_for) {
    newest_known_ = std::max(newest_known_, stanza_id);
    const std::optional<Jid> from = Jid::parse(message.attr_or("from", ""));
    if (from && from->same_bare(jid_)) return;  // its own side of the archive
    history_.receive(number(message.child(body_name).text()), habits_.account, {habits_.number, session_, std::move(stanza_id), asked_for});
}

void SimClient::answer(xml::View iq) {
    send("<iq type='result' id='" + std::string(iq.attr_or("id", "")) + "' to='" + std::string(iq.attr_or("from", "")) + "'/>");
}

void SimClient::on_answer(xml::View iq) {
    if (iq.attr_or("type", "") == "set") return answer(iq);
    if (phase_ != Phase::syncing || iq.attr_or("id", "") != "sync") return;
    const bool more = iq.attr_or("type", "") == "result" && iq.first_child().attr_or("complete", "") != "true";
    if (more) return sync();
    enter();
}

}  // namespace rookery::test
