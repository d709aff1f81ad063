// Scenario room: one new room (XEP-0045), all users in it. The first `window` users of the first process talk, each
// with one message under way: the next one goes when all occupants of that process have got it. What all others get is
// checked too: how many messages a talker has sent stands in the team's words.
#include "bench/load/describe.h"
#include "bench/load/fleet.h"
#include "bench/load/gauges.h"
#include "bench/load/label.h"
#include "bench/load/ledger.h"
#include "bench/load/scenario.h"
#include "bench/load/xml_scan.h"

namespace rookery::bench {

namespace {

constexpr Unit kDelivery{"delivery", "deliveries"};
constexpr Unit kJoin{"join", "joins"};
constexpr std::string_view kMe = "110";  // the status code of one's own presence (XEP-0045 7.2.2)

class Room final : Fleet::Sink {
public:
    Room(const Options& options, Team& team, Figures& figures)
        : options_(options),
          team_(team),
          figures_(figures),
          gauges_(options),
          fleet_(options, team, options.users, this),
          stretch_(options, team, gauges_),
          room_("bench-" + team.run() + '@' + options.room_domain),
          received_(options.users, std::vector<Ledger>(options.window)),
          talkers_(team.leads() ? options.window : 0),
          entering_(options.users),
          latencies_(figures.latencies("latency_us")),
          join_us_(figures.latencies("join_us")) {
        filler_ =
            make_filler(options.message_bytes - std::min<std::size_t>(options.message_bytes, stanza(0, 0).size()));
    }

    Result<void> run() {
        if (auto done = fleet_.log_in(fleet_.size()); !done) return done;
        if (auto done = fleet_.meet(); !done) return done;
        if (auto done = make_room(); !done) return done;
        if (auto done = enter_all(); !done) return done;
        if (auto done = talk(); !done) return done;
        tell();
        if (auto done = fleet_.meet(); !done) return done;
        fleet_.log_out();
        return {};
    }

private:
    struct Talker {
        std::uint64_t sent = 0;
        UserNumber awaited = 0;  // of its last message: occupants here who have not got it
        TimePoint when;
    };

    // --- entering

    // The first user makes it; it is locked until he took the default configuration (10.1.2), where rooms are locked.
    Result<void> make_room() {
        if (team_.leads()) {
            enter(0);
            auto done = fleet_.run_until([this] { return inside_ == 1; }, "making the room");
            if (!done) return done;
            fleet_.user(0).send_stanza("<iq type='set' id='configure' to='" + room_ +
                                       "'><query xmlns='http://jabber.org/protocol/muc#owner'><x xmlns='jabber:x:data' "
                                       "type='submit'/></query></iq>");
            if (done = fleet_.run_until([this] { return configured_; }, "configuring the room"); !done) return done;
        }
        return fleet_.meet();
    }

    Result<void> enter_all() {
        const UserNumber before = inside_;
        const auto start = gauges_.read();
        next_ = inside_;
        enter_next();
        if (auto done = fleet_.run_until([this] { return inside_ == fleet_.size(); }, "entering"); !done) return done;
        if (auto met = fleet_.meet(); !met) return met;
        figures_.span(kJoin.many) += gauges_.since(start);
        figures_.count(kJoin.many, inside_ - before);
        return {};
    }

    void enter_next() {
        while (next_ < fleet_.size() && next_ - inside_ < options_.logins_in_flight) enter(next_++);
    }

    void enter(UserNumber index) {
        XmppPeer& user = fleet_.user(index);
        entering_[index] = fleet_.now();
        user.send_stanza("<presence to='" + room_ + '/' + user.user_name(user.number()) +
                         "'><x xmlns='http://jabber.org/protocol/muc'><history maxstanzas='0'/></x></presence>");
    }

    bool on_stanza(XmppPeer& peer, std::string_view stanza) override {
        if (!attribute(stanza, "from").starts_with(room_)) return false;
        if (stanza.starts_with("<presence")) on_presence(peer, stanza);
        if (stanza.starts_with("<message")) on_room_message(peer, stanza);
        if (stanza.starts_with("<iq") && attribute(stanza, "id") == "configure") configured_ = true;
        return true;
    }

    void on_presence(XmppPeer& peer, std::string_view presence) {
        fleet_.note_progress();
        const std::string_view type = attribute(presence, "type");
        if (type == "error") return fleet_.fail("cannot enter the room: " + std::string(presence));
        if (!type.empty() || !is_own(presence)) return;
        TimePoint& since = entering_[fleet_.index_of(peer)];
        if (since == TimePoint{}) return;
        join_us_.add(fleet_.now() - since);
        since = {};
        ++inside_;
        if (next_ > 0) enter_next();
    }

    static bool is_own(std::string_view presence) {
        for (auto at = find_element(presence, "status"); !at.empty(); at = find_element(at.substr(1), "status")) {
            if (attribute(at, "code") == kMe) return true;
        }
        return false;
    }

    // --- talking

    Result<void> talk() {
        for (std::uint32_t talker = 0; talker < talkers_.size(); ++talker) say(talker);
        if (auto done = fleet_.run_until_or_silent([this] { return stretch_.is_over(); }, "talking"); !done)
            return done;
        if (auto met = fleet_.meet(); !met) return met;
        return fleet_.run_until_or_silent([this] { return is_complete(); }, "listening");
    }

    std::string stanza(std::uint32_t talker, std::uint64_t number) const {
        const std::string label = make_label(team_.run(), talker, number);
        return "<message type='groupchat' to='" + room_ + "' id='" + label + "'><body>" + label + filler_ +
               "</body></message>";
    }

    void say(std::uint32_t index) {
        Talker& talker = talkers_[index];
        talker.when = fleet_.now();
        talker.awaited = fleet_.size();
        team_.publish(index, talker.sent + 1);
        fleet_.user(index).send_stanza(stanza(index, talker.sent++));
    }

    void on_room_message(XmppPeer& peer, std::string_view message) {
        const std::string_view body = text_of(message, "body");
        if (body.empty() && has_element(message, "subject")) return;
        if (body.empty() && attribute(message, "type") != "error") return;  // the room says something about itself
        const auto label = read_label(body);
        if (attribute(message, "type") != "groupchat" || !label || label->run != team_.run() ||
            label->sender >= options_.window ||
            label->number >= team_.published(static_cast<std::uint32_t>(label->sender))) {
            return fleet_.stray(message);
        }
        const auto talker = static_cast<std::uint32_t>(label->sender);
        if (received_[fleet_.index_of(peer)][talker].arrive(label->number)) on_delivery(talker);
    }

    void on_delivery(std::uint32_t index) {
        fleet_.note_progress();
        if (!team_.leads()) return stretch_.on_delivery();
        Talker& talker = talkers_[index];
        if (stretch_.has_begun()) latencies_.add(fleet_.now() - talker.when);
        stretch_.on_delivery();
        if (--talker.awaited == 0 && !stretch_.is_over()) say(index);
    }

    void on_turn() override {
        if (inside_ == fleet_.size()) stretch_.look();
    }

    // How many messages there were stands only now.
    bool is_complete() {
        for (auto& occupant : received_) {
            for (std::uint32_t talker = 0; talker < options_.window; ++talker) {
                occupant[talker].expect(team_.published(talker));
                if (!occupant[talker].is_complete()) return false;
            }
        }
        return true;
    }

    void tell() {
        stretch_.put_into(figures_, kDelivery.many);
        for (auto& occupant : received_) {
            for (std::uint32_t talker = 0; talker < options_.window; ++talker) {
                occupant[talker].expect(team_.published(talker));
                figures_.add(occupant[talker].tally());
            }
        }
        fleet_.put_into(figures_);
        if (gauges_.measure_server()) figures_.server_memory("end", gauges_.server_memory());
    }

    const Options& options_;
    Team& team_;
    Figures& figures_;
    Gauges gauges_;
    Fleet fleet_;
    Stretch stretch_;
    std::string room_;
    std::string filler_;
    std::vector<std::vector<Ledger>> received_;  // by occupant and talker
    std::vector<Talker> talkers_;
    std::vector<TimePoint> entering_;  // since when, of those who are at the door
    UserNumber next_ = 0;              // who enters next; 0: nobody yet
    UserNumber inside_ = 0;
    bool configured_ = false;
    Histogram& latencies_;
    Histogram& join_us_;
};

Result<void> run_room(const Options& options, Team& team, Figures& figures) {
    if (options.window > Team::kWords || (team.leads() && options.window > options.users)) {
        return Error(ErrorCode::invalid,
                     "room: at most " + std::to_string(Team::kWords) + " talk (--window), of the first process only");
    }
    return Room(options, team, figures).run();
}

void describe_room(const Options& options, const Figures& figures, Report& report) {
    report.add("occupants", std::int64_t{options.users});
    report.add("talkers", std::int64_t{options.window});
    report.add("message_bytes", std::int64_t{options.message_bytes});
    add_costs(report, options, figures, kJoin);
    add_percentiles(report, "join_us", figures.measured("join_us"));
    add_costs(report, options, figures, kDelivery);
    add_busy(report, options, figures.spent(kDelivery.many));
    add_percentiles(report, "latency_us", figures.measured("latency_us"));
}

}  // namespace

const Scenario kRoom{
    .name = "room",
    .meaning = "one room, who talks is heard by all: the server's CPU per delivery",
    .relay = false,
    .users = all_users,
    .at_once = all_users,
    .together = any_number,
    .run = run_room,
    .describe = describe_room,
};

}  // namespace rookery::bench
