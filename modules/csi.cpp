// Client state indication (XEP-0352 1.0.0): a client that nobody looks at is spared what can wait. Presence is held, the
// newest of each sender; chat states are left out; everything else goes out at once, behind what was held. Nothing that
// is held is promised to anybody: no sender waits for it, and the log knows nothing of it.
#include <algorithm>
#include <array>
#include <unordered_map>

#include "core/module.h"
#include "xmpp/payload/forwarded.h"

namespace rookery {
namespace {

constexpr const char* csi_ns = "urn:xmpp:csi:0";
constexpr const char* chat_states_ns = "http://jabber.org/protocol/chatstates";
const xml::Name active_name{csi_ns, "active"};
const xml::Name inactive_name{csi_ns, "inactive"};
const xml::Name thread_name{"jabber:client", "thread"};
const xml::Name carbon_sent_name{"urn:xmpp:carbons:2", "sent"};
const xml::Name carbon_received_name{"urn:xmpp:carbons:2", "received"};

constexpr std::size_t max_held = 1'000;  // for one session; then all of it goes out

struct Held {
    StanzaPtr stanza;
    Jid to;
};

// On a session whose client is inactive.
struct Inactive {
    std::vector<Held> held;  // in the order in which the latest of each came
    bool letting_out = false;
};

// On the host: its inactive sessions, and what was held there and let go since the start.
struct HeldHere {
    std::unordered_map<std::uint64_t, std::weak_ptr<Session>> sessions;  // by id
    QueueCounts counts;
};

// Live upgrade.
enum SavedTag : RecordTag { saved_inactive = 1, saved_held = 2 };
enum HeldTag : RecordTag { held_stanza = 1, held_to = 2 };

enum class Treatment : std::uint8_t { pass, hold, drop };

bool is_chat_state(xml::View child) { return child.ns() == chat_states_ns; }

// Beside a chat state these say nothing.
bool says_nothing(xml::View child) {
    static constexpr std::array<std::string_view, 3> namespaces = {chat_states_ns, "urn:xmpp:hints", "urn:xmpp:sid:0"};
    return child.is(thread_name) || std::ranges::find(namespaces, child.ns()) != namespaces.end();
}

bool is_only_chat_state(xml::View message) {
    bool found = false;
    for (const xml::View child : message.children()) {
        if (!says_nothing(child)) return false;
        found = found || is_chat_state(child);
    }
    return found;
}

// Itself, or what it is a copy of.
xml::View message_proper(const Stanza& message) {
    for (const xml::Name name : {carbon_sent_name, carbon_received_name})
        if (const xml::View carbon = message.child(name)) return Forwarded::message_in(carbon.first_child());
    return message.element();
}

bool tells_where_somebody_is(const Stanza& presence) {
    return presence.presence_type() == PresenceType::available || presence.presence_type() == PresenceType::unavailable;
}

struct CsiOptions {
    bool queue_presence = true;
    bool queue_chat_states = true;
};

class Csi final : public Module {
public:
    Csi(Host& our_host, const CsiOptions& options) : Module(our_host), options_(options) {
        on<&Csi::nonza>(our_host.hooks.nonza, Stage::deliver);
        on<&Csi::outgoing>(our_host.hooks.session_outgoing, Stage::deliver);
        on<&Csi::resumed>(our_host.hooks.session_resumed, Stage::deliver);
        on<&Csi::closed>(our_host.hooks.session_closed, Stage::deliver);
        on<&Csi::saved>(our_host.hooks.session_saved, Stage::deliver);
        on<&Csi::restored>(our_host.hooks.session_restored, Stage::deliver);
        stream_feature(xml::Element(csi_ns, "csi"), StreamPhase::logged_in);
        queue({.name = "held", .unit = "stanzas", .kind = QueueKind::queue, .where = {},
               .counts = [this] { return here().counts; }, .look = [this] { return look_at_held(); }});
    }
    // Taken away by a reload: nobody would let it out. The clients stay inactive for whoever comes after.
    ~Csi() override {
        for_each_inactive([this](Session& session, Inactive& inactive) { let_out(session, inactive); });
    }

private:
    Outcome nonza(NonzaEvent& event) {
        if (event.element.is(inactive_name))
            begin(event.session);
        else if (event.element.is(active_name))
            end(*event.session);
        else
            return Outcome::pass();
        return Outcome::stop();
    }

    // Section 5.2: a resumed stream is active.
    Outcome resumed(SessionEvent& event) {
        end(*event.session);
        return Outcome::pass();
    }

    Outcome closed(SessionEvent& event) {
        here().sessions.erase(event.session->id());
        return Outcome::pass();
    }

    Outcome saved(SessionSaving& event) {
        const Inactive* inactive = event.session.slots().find<Inactive>();
        if (!inactive) return Outcome::pass();
        RecordWriter& record = event.of("csi");
        record.number(saved_inactive, 1);
        for (const Held& held : inactive->held) {
            RecordWriter one;
            one.text(held_stanza, held.stanza->to_string());
            one.text(held_to, held.to.str());
            record.record(saved_held, one);
        }
        return Outcome::pass();
    }

    Outcome restored(SessionRestoring& event) {
        RecordReader* record = event.find("csi");
        if (!record || !record->flag(saved_inactive)) return Outcome::pass();
        begin(event.session);
        for (RecordReader& one : record->records(saved_held)) {
            std::optional<Stanza> stanza = parse_stanza(one.text(held_stanza));
            const std::optional<Jid> to = one.text(held_to).empty() ? Jid() : Jid::parse(one.text(held_to));
            if (!stanza || !to) record->fail();
            if (!record->ok()) break;
            event.session->slots().get<Inactive>().held.push_back({std::make_shared<const Stanza>(std::move(*stanza)), *to});
            ++here().counts.in;
        }
        return Outcome::pass();
    }

    Outcome outgoing(OutgoingEvent& event) {
        Inactive* inactive = event.session.slots().find<Inactive>();
        if (!inactive || inactive->letting_out) return Outcome::pass();
        switch (treatment(event)) {
            case Treatment::drop: return Outcome::stop();
            case Treatment::hold: hold(*inactive, event); return Outcome::stop();
            case Treatment::pass: break;
        }
        let_out(event.session, *inactive);
        return Outcome::pass();
    }

    // What the session did itself it hears of at once.
    Treatment treatment(const OutgoingEvent& event) const {
        const Stanza& stanza = *event.stanza;
        if (stanza.is_presence()) {
            const bool can_wait = options_.queue_presence && tells_where_somebody_is(stanza) && stanza.from != event.session.jid();
            return can_wait ? Treatment::hold : Treatment::pass;
        }
        const bool passing = options_.queue_chat_states && stanza.is_message() && !stanza.is_error() &&
                             event.handover.log_id == 0 && is_only_chat_state(message_proper(stanza));
        return passing ? Treatment::drop : Treatment::pass;
    }

    void hold(Inactive& inactive, const OutgoingEvent& event) {
        QueueCounts& counts = here().counts;
        counts.out += std::erase_if(inactive.held, [&event](const Held& held) { return held.stanza->from == event.stanza->from; });
        inactive.held.push_back(Held{event.stanza, event.to});
        ++counts.in;
        if (inactive.held.size() >= max_held) let_out(event.session, inactive);
    }

    QueueLook look_at_held() const {
        QueueLook look(QueueMember{0, max_held});
        for_each_inactive([&look](const Session& session, const Inactive& inactive) {
            look.add({inactive.held.size(), max_held}, session.jid().str());
        });
        return look;
    }

    template <class Visit>
    void for_each_inactive(const Visit& visit) const {
        for (const auto& [id, known] : here().sessions) {
            const SessionPtr session = known.lock();
            Inactive* inactive = session ? session->slots().find<Inactive>() : nullptr;
            if (inactive) visit(*session, *inactive);
        }
    }

    void begin(const SessionPtr& session) {
        if (session->slots().find<Inactive>()) return;
        session->slots().get<Inactive>();
        session->watch_outgoing();
        session->ask_before_silence();
        here().sessions.emplace(session->id(), session);
    }

    void end(Session& session) {
        Inactive* inactive = session.slots().find<Inactive>();
        if (!inactive) return;
        let_out(session, *inactive);
        session.end_outgoing_watch();
        session.slots().clear<Inactive>();
        here().sessions.erase(session.id());
    }

    void let_out(Session& session, Inactive& inactive) {
        const std::vector<Held> held = std::exchange(inactive.held, {});
        here().counts.out += held.size();
        inactive.letting_out = true;
        for (const Held& one : held) session.deliver(one.stanza, one.to);
        inactive.letting_out = false;
    }

    HeldHere& here() const { return host().slots().get<HeldHere>(); }

    CsiOptions options_;
};

}  // namespace

extern const ModuleSpec csi_module =
    declare<Csi, CsiOptions>("csi", "Spares clients that nobody looks at what can wait")
        .also_known_as("mod_client_state")
        .implements(352, "1.0.0")
        .option("queue_presence", &CsiOptions::queue_presence, "Hold presence, the newest of each sender")
        .option("queue_chat_states", &CsiOptions::queue_chat_states, "Leave out chat states that come alone")
        .ignored("queue_pep", "personal eventing is not provided yet");

}  // namespace rookery
