// What a connection does for stream management (XEP-0198) and with other elements that are no stanzas.

#include "base/crypto.h"
#include "base/log.h"
#include "base/number.h"
#include "c2s/connection.h"
#include "c2s/client_origin.h"
#include "c2s/connection_stranger.h"
#include "c2s/session.h"
#include "core/host.h"
#include "core/hooks.h"

namespace rookery {
namespace {

constexpr const char* management_ns = "urn:xmpp:sm:3";
constexpr const char* conditions_ns = "urn:ietf:params:xml:ns:xmpp-stanzas";
constexpr Seconds settling_patience{2};  // for what came over the old connection, before the new one is told the count
constexpr Milliseconds settling_look{5};
constexpr unsigned max_failed_resumptions = 5;

xml::Element nonza(const char* name) { return xml::Element(management_ns, name); }

xml::Element failed(const char* condition) {
    xml::Element answer = nonza("failed");
    answer.add(xml::Element(conditions_ns, condition));
    return answer;
}

bool is_true(const std::optional<std::string_view>& value) { return value == "true" || value == "1"; }

std::optional<std::uint32_t> read_count(xml::View nonza) { return parse_number<std::uint32_t>(nonza.attr_or("h", "")); }

// XEP-0198 section 4: the client claims more than it was sent.
StreamError too_high(std::uint32_t h, std::uint32_t sent) {
    return StreamError(StreamCondition::undefined_condition, "You acknowledged more stanzas than you were sent",
                       "<handled-count-too-high xmlns='urn:xmpp:sm:3' h='" + std::to_string(h) + "' send-count='" +
                           std::to_string(sent) + "'/>");
}

}  // namespace

void Connection::on_nonza(xml::View nonza) {
    if (nonza.ns() == management_ns) return on_management(nonza);
    if (session_) {
        NonzaEvent event{session_, nonza};
        if (!stream_.host()->hooks.nonza.run(event).passed()) return;
    }
    stream_.close(StreamError(StreamCondition::unsupported_stanza_type));
}

const StreamManagementOptions* Connection::management_options() const {
    const auto* options = stream_.host()->slots().find<StreamManagementOptions>();
    return options && options->on ? options : nullptr;
}

void Connection::on_management(xml::View nonza) {
    const std::string_view name = nonza.local();
    if (name == "enable") return enable_management(nonza);
    if (name == "resume") return begin_resumption(nonza);
    if (!session_ || !session_->managed()) return stream_.write(failed("unexpected-request"));
    if (name == "a") return acknowledged(nonza);
    if (name == "r") return session_->answer_question();
    stream_.close(StreamError(StreamCondition::unsupported_stanza_type));
}

void Connection::enable_management(xml::View request) {
    const StreamManagementOptions* options = management_options();
    if (!options) return stream_.write(failed("feature-not-implemented"));
    if (!session_ || session_->managed()) return stream_.write(failed("unexpected-request"));
    const Seconds wish(parse_number<unsigned>(request.attr_or("max", "")).value_or(static_cast<unsigned>(options->resume_timeout.count())));
    const Seconds wait = std::min(wish, options->max_resume_timeout);
    const bool resumable = is_true(request.attr("resume")) && wait.count() > 0;
    session_->manage(*options, resumable ? ResumptionId::random() : ResumptionId(), wait);
    xml::Element answer = nonza("enabled");
    if (resumable)
        answer.set("id", session_->resumption_id().text()).set("resume", "true").set("max", std::to_string(wait.count()));
    if (resumable && !options->location.empty()) answer.set("location", options->location);
    stream_.write(answer);
}

void Connection::acknowledged(xml::View answer) {
    const std::optional<std::uint32_t> h = read_count(answer);
    if (!h) return stream_.close(StreamError(StreamCondition::invalid_xml, "h is no count"));
    const std::uint32_t sent = session_->sent();
    if (!session_->acknowledge(*h)) stream_.close(too_high(*h, sent));
}

// --- resumption ---------------------------------------------------------------------------------------------------

void Connection::begin_resumption(xml::View request) {
    if (session_) return stream_.write(failed("unexpected-request"));
    if (!management_options()) return stream_.write(failed("feature-not-implemented"));
    const std::optional<std::uint32_t> h = read_count(request);
    if (!h) return stream_.close(StreamError(StreamCondition::invalid_xml, "h is no count"));
    hold();
    become(Rank::in);
    c2s_.logins().run(LoginGate::Step::resume, resume_session(shared_from_this(), ResumptionId::parse(request.attr_or("previd", "")).value_or(ResumptionId()), *h));
}

Task<void> Connection::resume_session(std::shared_ptr<Connection> self, ResumptionId id, std::uint32_t h) {
    const Welcome welcome = co_await still_welcome();
    if (welcome == Welcome::unknown) stream_.write(failed("internal-server-error"));
    if (welcome == Welcome::yes) {
        const std::shared_ptr<C2sSession> session = c2s_.resumptions().take(id, stream_.jid());
        if (session && session->alive() && !session->may_be_resumed()) session->close(StreamError(StreamCondition::conflict));
        if (!session || !session->alive()) {
            refuse_resumption(id);
        } else if (h - session->acknowledged() > session->sent() - session->acknowledged()) {
            c2s_.resumptions().add(id, session);
            close(too_high(h, session->sent()));
        } else {
            co_await take_over(session, h);
        }
    }
    self->release_hold();
}

// XEP-0198 section 5: the client may bind instead.
void Connection::refuse_resumption(const ResumptionId& id) {
    log_info("resumption_refused", {{"jid", stream_.jid().str()}, {"address", transport_->peer().ip.to_string()}});
    if (++stranger_->failed_resumptions >= max_failed_resumptions)
        return close(StreamError(StreamCondition::policy_violation, "too many failed resumptions"));
    xml::Element answer = failed("item-not-found");
    if (const auto h = c2s_.resumptions().last_count(id, stream_.jid())) answer.set("h", std::to_string(*h));
    stream_.write(answer);
}

// What the client is told it sent must not be sent once more: so what is under way is waited for, within reason.
Task<void> Connection::take_over(std::shared_ptr<C2sSession> session, std::uint32_t h) {
    session->let_go_of_connection();
    const SteadyTime give_up = c2s_.loop().clock().steady_now() + settling_patience;
    while (session->alive() && session->settled() != session->issued() && c2s_.loop().clock().steady_now() < give_up)
        co_await pause(c2s_.loop(), settling_look);
    if (!transport_ || stream_.is_closed()) {
        if (session->alive() && !session->hibernate()) session->end();
        co_return;
    }
    if (!session->alive()) co_return refuse_resumption(session->resumption_id());
    const ClientOrigin from = origin();
    end_login();
    (void)session->acknowledge(h);  // while it is nobody's: <resumed/> comes first
    session_ = session;
    session->attach(*this, from);
    stream_.resumed(session->jid());
    stream_.write(nonza("resumed").set("previd", session->resumption_id().text()).set("h", std::to_string(session->go_on())));
    session->resend();
    SessionEvent event{session, c2s_.shard().find_account(session->jid().bare_str())};
    (void)stream_.host()->hooks.session_resumed.run(event);
    log_info("session_resumed", {{"session", session->id()}, {"jid", session->jid().str()}, {"address", session->origin().address}});
}

}  // namespace rookery
