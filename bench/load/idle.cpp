// Scenario idle: what one more logged-in session costs the server in memory, and its login in CPU. The first
// `warm_up_users` pay for what is there once (threads' buffers, code pages) and are not counted. In each round all
// others drop their connections without a word and return.
//
// Phones keep a resumable stream, carbons, an inactive client state and a roster, and have exchanged a message each way
// with their neighbour before they fall silent.
#include <algorithm>

#include "bench/load/contacts.h"
#include "bench/load/conversation.h"
#include "bench/load/describe.h"
#include "bench/load/gauges.h"
#include "bench/load/scenario.h"
#include "bench/load/xml_scan.h"

namespace rookery::bench {

namespace {

constexpr Unit kUnit{"login", "logins"};
constexpr std::chrono::milliseconds kLastWords{200};
constexpr UserNumber kSpeakingAtOnce = 1'000;  // all 19,000 in one moment a server may refuse

std::uint32_t rounds_of(const Options& options) { return options.rounds.value_or(0); }
std::string name_of_round(std::uint32_t round) { return "round" + std::to_string(round); }

class Idle final : Fleet::Sink {
public:
    Idle(const Options& options, Team& team, Figures& figures)
        : options_(options),
          figures_(figures),
          gauges_(options),
          fleet_(options, team, options.warm_up_users + options.users, this),
          conversation_(options, team, fleet_, fleet_.size(), Partners::neighbours) {}

    Result<void> run() {
        if (!gauges_.measure_server()) return Error(ErrorCode::invalid, "idle measures memory: give --server-pid");
        if (options_.phone && (options_.users % 2 != 0 || options_.warm_up_users % 2 != 0)) {
            return Error(ErrorCode::invalid, "phones come in pairs: --users and --warm-up-users must be even");
        }
        if (auto done = enter(options_.warm_up_users, "before"); !done) return done;
        if (rounds_of(options_) > 0) {
            if (auto done = return_once(UserNumber{0}, options_.warm_up_users, "before"); !done) return done;
        }
        if (auto done = log_in_and_measure(); !done) return done;
        if (auto done = settle("after"); !done) return done;
        for (std::uint32_t round = 1; round <= rounds_of(options_); ++round) {
            if (auto done = return_once(options_.warm_up_users, fleet_.size(), name_of_round(round)); !done) return done;
        }
        figures_.server_memory("end", gauges_.server_memory());
        conversation_.put_into(figures_);
        fleet_.put_into(figures_);
        fleet_.log_out();
        return {};
    }

private:
    // The first `count` are there, have exchanged their messages and fell silent, and the memory is read.
    Result<void> enter(UserNumber count, const std::string& name) {
        if (auto done = fleet_.log_in(count); !done) return done;
        return settle(name);
    }

    Result<void> settle(const std::string& name) {
        if (auto done = exchange_messages(); !done) return done;
        if (auto waited = fleet_.run_for(options_.settle); !waited) return waited;
        if (auto met = fleet_.meet(); !met) return met;
        figures_.server_memory(name, gauges_.server_memory());
        return fleet_.meet();
    }

    Result<void> log_in_and_measure() {
        const auto before = gauges_.read();
        if (auto done = fleet_.log_in(fleet_.size()); !done) return done;
        figures_.span(kUnit.many) += gauges_.since(before);
        figures_.count(kUnit.many, options_.users);
        return {};
    }

    // All from number `first` on drop and return; of them, `end` is the number after the last.
    Result<void> return_once(UserNumber first, UserNumber end, const std::string& name) {
        if (auto done = say_last_words(); !done) return done;
        fleet_.drop_beyond(first);
        spoken_ = std::min(spoken_, first);
        if (auto met = fleet_.meet(); !met) return met;
        return enter(end, name);
    }

    // Else a server may rightly send again, after the drop, what was never acknowledged.
    Result<void> say_last_words() {
        if (!options_.phone) return {};
        for (UserNumber user = 0; user < fleet_.size(); ++user) fleet_.user(user).acknowledge();
        return fleet_.run_for(kLastWords);
    }

    Result<void> exchange_messages() {
        if (!options_.phone) return {};
        while (spoken_ < fleet_.logged_in()) {
            const UserNumber end = std::min(spoken_ + kSpeakingAtOnce, fleet_.logged_in());
            for (; spoken_ < end; ++spoken_) conversation_.send_next(spoken_, fleet_.now());
            if (auto done = hear_all(); !done) return done;
        }
        return {};
    }

    Result<void> hear_all() {
        return fleet_.run_until_or_silent([this] { return conversation_.is_complete(); }, "exchanging messages");
    }

    bool on_message(Peer& peer, UserNumber from, std::string_view text) override {
        fleet_.note_progress();
        return conversation_.receive(peer, from, text).arrival != Conversation::Arrival::stray;
    }

    void on_acknowledged(Peer& peer, std::uint32_t messages) override {
        conversation_.acknowledge(peer, messages, [](TimePoint) {});
    }

    bool on_stanza(XmppPeer& peer, std::string_view stanza) override {
        if (options_.phone && stanza.starts_with("<iq")) check_answer(peer, stanza);
        return false;
    }

    void check_answer(const XmppPeer& peer, std::string_view iq) {
        const std::string_view id = attribute(iq, "id");
        if (id == "carbons" && attribute(iq, "type") != "result") fleet_.fail("no carbons: " + std::string(iq));
        if (id != "roster") return;
        const std::string fault = roster_fault(options_, peer.user_name(peer.number()), iq);
        if (!fault.empty()) fleet_.fail(fault);
    }

    const Options& options_;
    Figures& figures_;
    Gauges gauges_;
    Fleet fleet_;
    Conversation conversation_;
    UserNumber spoken_ = 0;
};

Result<void> run_idle(const Options& options, Team& team, Figures& figures) {
    return Idle(options, team, figures).run();
}

double growth(const Options& options, std::int64_t from, std::int64_t to) {
    return static_cast<double>(to - from) / options.users;
}

double session_bytes(const Options& options, const Figures& figures, const std::string& name) {
    return growth(options, figures.server_memory("before").anonymous_bytes,
                  figures.server_memory(name).anonymous_bytes);
}

void describe_rounds(const Options& options, const Figures& figures, Report& report) {
    std::vector<double> bytes{session_bytes(options, figures, "after")};
    for (std::uint32_t round = 1; round <= rounds_of(options); ++round) {
        bytes.push_back(session_bytes(options, figures, name_of_round(round)));
    }
    report.add("bytes_per_session_rounds", bytes);
}

void describe_idle(const Options& options, const Figures& figures, Report& report) {
    const Span span = figures.spent(kUnit.many);
    report.add("sessions", std::int64_t{options.users});
    report.add("bytes_per_session", session_bytes(options, figures, "after"));
    report.add("pss_bytes_per_session",
               growth(options, figures.server_memory("before").pss_bytes, figures.server_memory("after").pss_bytes));
    if (rounds_of(options) > 0) describe_rounds(options, figures, report);
    report.add("login_cpu_us", span.server.total_us / options.users);
    report.add("own_cpu_us_per_login", span.own_us / options.users);
    report.add("logins_per_second", options.users / span.seconds);
    report.add_flag("phone", options.phone);
    if (!options.phone) return;
    report.add("roster_items", std::int64_t{options.contacts});
    report.add("messages", static_cast<std::int64_t>(figures.counted("delivered")));
}

UserNumber with_warm_up(const Options& options) { return options.warm_up_users + options.users; }

}  // namespace

const Scenario kIdle{
    .name = "idle",
    .meaning = "users log in and fall silent: the server's memory per session",
    .relay = true,
    .users = with_warm_up,
    .at_once = with_warm_up,
    .together = pairs,
    .run = run_idle,
    .describe = describe_idle,
};

}  // namespace rookery::bench
