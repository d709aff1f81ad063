// Scenario befriend: fills rosters, for scenarios that need them. Users come in groups of `contacts` and one who all
// know each other. Each asks those whose presence it does not get yet, and says yes to whoever asks (RFC 6121 3.1); it
// is over when each roster says "both" of each contact. Without subscriptions: roster entries only.
#include "bench/load/contacts.h"
#include "bench/load/describe.h"
#include "bench/load/fleet.h"
#include "bench/load/gauges.h"
#include "bench/load/scenario.h"
#include "bench/load/xml_scan.h"

namespace rookery::bench {

namespace {

constexpr Unit kUnit{"contact", "contacts"};

// One batch: as many whole groups as may log in at once.
class Befriending final : Fleet::Sink {
public:
    Befriending(const Options& batch, Team& team, Figures& figures)
        : options_(batch),
          figures_(figures),
          fleet_(batch, team, batch.users, this),
          known_(batch.users),
          steps_(batch.users, 1),
          wanted_(batch.subscribed ? Subscription::both : Subscription::none) {}

    Result<void> run() {
        if (auto done = fleet_.log_in(options_.users); !done) return done;
        asking_ = true;
        for (UserNumber user = 0; user < options_.users; ++user) complete_ += is_complete(user) ? 1 : 0;
        figures_.count("known", count_known());
        for (UserNumber user = 0; user < options_.users; ++user) ask_next(user);
        auto done = fleet_.run_until_or_silent([this] { return complete_ == options_.users; }, "befriending");
        if (!done) return done;
        figures_.count(kUnit.many, count_known());
        fleet_.put_into(figures_);
        fleet_.log_out();
        if (complete_ == options_.users) return {};
        return Error(ErrorCode::unavailable, std::to_string(options_.users - complete_) + " rosters stay incomplete");
    }

private:
    std::uint64_t count_known() const {
        std::uint64_t sum = 0;
        for (const RosterBook& book : known_) sum += book.count(wanted_);
        return sum;
    }

    bool is_complete(UserNumber user) const { return known_[user].count(wanted_) >= options_.contacts; }

    // One after the other: the next one when the roster has this one. Everybody begins with the user behind him.
    void ask_next(UserNumber user) {
        UserNumber& step = steps_[user];
        while (step <= options_.contacts && is_settled(user)) ++step;
        if (step <= options_.contacts) ask(fleet_.user(user), asked(user));
    }

    UserNumber asked(UserNumber user) const {
        const UserNumber group = options_.contacts + 1;
        return options_.first_user + user - user % group + (user + steps_[user]) % group;
    }

    bool is_settled(UserNumber user) const {
        return known_[user].has(asked(user), options_.subscribed ? Subscription::to : Subscription::none);
    }

    void ask(XmppPeer& peer, UserNumber contact) const {
        if (options_.subscribed) {
            peer.send_stanza(presence_to(peer, contact, "subscribe"));
        } else {
            peer.send_stanza("<iq type='set' id='contact" + std::to_string(contact) +
                             "'><query xmlns='jabber:iq:roster'><item jid='" + peer.bare_jid(contact) +
                             "'/></query></iq>");
        }
    }

    static std::string presence_to(const XmppPeer& peer, UserNumber contact, const std::string& type) {
        return "<presence to='" + peer.bare_jid(contact) + "' type='" + type + "'/>";
    }

    bool on_stanza(XmppPeer& peer, std::string_view stanza) override {
        fleet_.note_progress();
        if (stanza.starts_with("<presence") && attribute(stanza, "type") == "subscribe") {
            peer.send_stanza(presence_to(peer, peer.number_of(attribute(stanza, "from")), "subscribed"));
            return true;
        }
        if (stanza.starts_with("<iq") && has_element(stanza, "item")) learn(peer, stanza);
        return false;
    }

    // A roster or a push of one entry.
    void learn(const XmppPeer& peer, std::string_view iq) {
        const UserNumber user = fleet_.index_of(peer);
        const bool was_complete = is_complete(user);
        for (auto item = find_element(iq, "item"); !item.empty(); item = find_element(item.substr(1), "item")) {
            const UserNumber contact = peer.number_of(attribute(item, "jid"));
            if (contact != Peer::kNobody) known_[user].learn(contact, subscription_of(attribute(item, "subscription")));
        }
        if (!asking_) return;
        if (!was_complete && is_complete(user)) ++complete_;
        if (steps_[user] <= options_.contacts && is_settled(user)) ask_next(user);
    }

    const Options& options_;
    Figures& figures_;
    Fleet fleet_;
    std::vector<RosterBook> known_;
    std::vector<UserNumber> steps_;  // who is asked: so many behind the user, in the circle of the group
    Subscription wanted_;
    UserNumber complete_ = 0;
    bool asking_ = false;
};

Options batch_of(const Options& options, UserNumber begin) {
    const UserNumber group = options.contacts + 1;
    const UserNumber most = std::max(group, options.logins_in_flight / group * group);
    Options batch = options;
    batch.first_user += begin;
    batch.users = std::min(most, options.users - begin);
    return batch;
}

Result<void> run_befriend(const Options& options, Team& team, Figures& figures) {
    if (auto whole = check_groups(options); !whole) return whole;
    const Gauges gauges(options);
    if (!options.roster) return Error(ErrorCode::invalid, "befriend needs --roster yes");
    const auto before = gauges.read();
    for (UserNumber begin = 0; begin < options.users;) {
        const Options batch = batch_of(options, begin);
        if (auto done = Befriending(batch, team, figures).run(); !done) return done;
        begin += batch.users;
    }
    figures.span(kUnit.many) += gauges.since(before);
    if (gauges.measure_server()) figures.server_memory("end", gauges.server_memory());
    return {};
}

void describe_befriend(const Options& options, const Figures& figures, Report& report) {
    report.add("users", std::int64_t{options.users});
    report.add_flag("subscribed", options.subscribed);
    report.add("known", static_cast<std::int64_t>(figures.counted("known")));
    add_costs(report, options, figures, kUnit);
}

UserNumber a_batch(const Options& options) { return batch_of(options, 0).users; }

}  // namespace

const Scenario kBefriend{
    .name = "befriend",
    .meaning = "fills rosters, for presence and for phones",
    .relay = false,
    .users = all_users,
    .at_once = a_batch,
    .together = group_of_contacts,
    .run = run_befriend,
    .describe = describe_befriend,
};

}  // namespace rookery::bench
