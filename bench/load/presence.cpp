// Scenario presence: users in groups who know each other (befriend) change their presence in turn. `window` of each
// group do so at once, each next one when all others of the group have seen a change. What a change costs is told per
// delivery; that one's own session gets it too (RFC 6121 4.4.2) is not counted.
#include "bench/load/contacts.h"
#include "bench/load/describe.h"
#include "bench/load/fleet.h"
#include "bench/load/gauges.h"
#include "bench/load/label.h"
#include "bench/load/ledger.h"
#include "bench/load/scenario.h"
#include "bench/load/xml_scan.h"

namespace rookery::bench {

namespace {

constexpr Unit kUnit{"delivery", "deliveries"};
constexpr std::chrono::milliseconds kRest{500};

class Presences final : Fleet::Sink {
public:
    Presences(const Options& options, Team& team, Figures& figures)
        : options_(options),
          team_(team),
          figures_(figures),
          gauges_(options),
          fleet_(options, team, options.users, this),
          stretch_(options, team, gauges_),
          users_(options.users),
          latencies_(figures.latencies("latency_us")) {
        for (User& user : users_) user.seen.resize(group());
    }

    Result<void> run() {
        if (auto done = fleet_.log_in(fleet_.size()); !done) return done;
        if (auto done = fleet_.meet(); !done) return done;
        if (auto done = come_to_rest(); !done) return done;
        if (auto done = fleet_.meet(); !done) return done;
        for (UserNumber first = 0; first < fleet_.size(); first += group()) {
            for (UserNumber i = 0; i < std::min(options_.window, group()); ++i) broadcast(first + i);
        }
        if (auto done = fleet_.run_until_or_silent([this] { return is_finished(); }, "broadcasting"); !done)
            return done;
        tell();
        if (auto done = fleet_.meet(); !done) return done;
        fleet_.log_out();
        return {};
    }

private:
    struct User {
        std::uint64_t sent = 0;
        std::uint32_t awaited = 0;  // of its last change: those who have not seen it
        TimePoint when;
        std::vector<Ledger> seen;  // by whom: the place in the group
    };

    UserNumber group() const { return options_.contacts + 1; }

    // A login's probes (RFC 6121 4.3) are answered some time after it with what is said then: an answer behind the first
    // change would say that change again.
    Result<void> come_to_rest() {
        last_heard_ = Clock::now();
        return fleet_.run_until([this] { return Clock::now() - last_heard_ > kRest; }, "coming to rest");
    }

    void broadcast(UserNumber index) {
        User& user = users_[index];
        user.when = fleet_.now();
        user.awaited = options_.contacts;
        ++under_way_;
        for (UserNumber place = 0; place < group(); ++place) {
            if (place != index % group()) user.seen[place].next_to_send();
        }
        const UserNumber name = options_.first_user + index;
        const char* show = user.sent % 2 == 0 ? "<presence><show>away</show><status>" : "<presence><status>";
        fleet_.user(index).send_stanza(show + make_label(team_.run(), name, user.sent++) + "</status></presence>");
    }

    bool on_stanza(XmppPeer& peer, std::string_view stanza) override {
        if (stanza.starts_with("<iq") && attribute(stanza, "id") == "roster") check_roster(peer, stanza);
        if (!stanza.starts_with("<presence")) return false;
        last_heard_ = fleet_.now();
        if (const auto label = read_label(text_of(stanza, "status")); label && label->run == team_.run()) {
            see(peer, stanza, *label);
        }
        return true;
    }

    void check_roster(const XmppPeer& peer, std::string_view iq) {
        const std::string fault = roster_fault(options_, peer.user_name(peer.number()), iq);
        if (!fault.empty()) fleet_.fail(fault);
    }

    void see(XmppPeer& peer, std::string_view stanza, const Label& label) {
        const UserNumber from = peer.number_of(attribute(stanza, "from"));
        if (from == peer.number()) return;
        const UserNumber sender = from - options_.first_user;
        const UserNumber receiver = fleet_.index_of(peer);
        if (from != label.sender || sender >= users_.size() || sender / group() != receiver / group()) {
            return fleet_.stray(stanza);
        }
        Ledger& ledger = users_[sender].seen[receiver % group()];
        if (!ledger.may_arrive(label.number)) return fleet_.stray(stanza);
        if (ledger.arrive(label.number)) on_delivery(sender);
    }

    void on_delivery(UserNumber sender) {
        User& user = users_[sender];
        if (stretch_.has_begun()) latencies_.add(fleet_.now() - user.when);
        stretch_.on_delivery();
        fleet_.note_progress();
        if (--user.awaited > 0) return;
        --under_way_;
        if (!stretch_.is_over()) broadcast(next_after(sender));
    }

    // The next one of the group who has no change under way: there is one, the sender itself if nobody else.
    UserNumber next_after(UserNumber index) const {
        const UserNumber first = index - index % group();
        UserNumber next = index;
        do {
            next = first + (next + 1 - first) % group();
        } while (users_[next].awaited > 0);
        return next;
    }

    void on_turn() override { stretch_.look(); }
    bool is_finished() const { return stretch_.is_over() && under_way_ == 0; }

    void tell() {
        stretch_.put_into(figures_, kUnit.many);
        for (const User& user : users_) {
            figures_.count("broadcasts", user.sent);
            for (const Ledger& ledger : user.seen) figures_.add(ledger.tally());
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
    std::vector<User> users_;
    Histogram& latencies_;
    std::uint64_t under_way_ = 0;  // changes
    TimePoint last_heard_;         // of anybody's presence
};

Result<void> run_presence(const Options& options, Team& team, Figures& figures) {
    if (!options.roster) return Error(ErrorCode::invalid, "presence needs --roster yes");
    if (auto whole = check_groups(options); !whole) return whole;
    return Presences(options, team, figures).run();
}

void describe_presence(const Options& options, const Figures& figures, Report& report) {
    report.add("users", std::int64_t{options.users});
    report.add("contacts", std::int64_t{options.contacts});
    report.add("window", std::int64_t{options.window});
    report.add("broadcasts", static_cast<std::int64_t>(figures.counted("broadcasts")));
    add_costs(report, options, figures, kUnit);
    add_busy(report, options, figures.spent(kUnit.many));
    add_percentiles(report, "latency_us", figures.measured("latency_us"));
}

}  // namespace

const Scenario kPresence{
    .name = "presence",
    .meaning = "users of a group see each other's changes: the server's CPU per delivery",
    .relay = false,
    .users = all_users,
    .at_once = all_users,
    .together = group_of_contacts,
    .run = run_presence,
    .describe = describe_presence,
};

}  // namespace rookery::bench
