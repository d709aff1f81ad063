// Scenario storm: pairs of users chat at a rate; after a calm time all other users drop their connections without a
// word and return at once, while the chat goes on. What the chat costs is taken from the calm time. The first process
// chats and does nothing else: messages must not wait here while this side of the handshakes is computed.
#include "bench/load/conversation.h"
#include "bench/load/describe.h"
#include "bench/load/gauges.h"
#include "bench/load/processes.h"
#include "bench/load/scenario.h"

namespace rookery::bench {

namespace {

constexpr Unit kReturn{"return", "returns"};
constexpr const char* kCalm = "calm";
constexpr std::uint32_t kDefaultRate = 1'000;
constexpr std::chrono::milliseconds kRunUp{1000};  // at most, of chatting, before anything is measured

class Storm final : Fleet::Sink {
public:
    Storm(const Options& options, Team& team, Figures& figures)
        : options_(options),
          figures_(figures),
          gauges_(options),
          fleet_(options, team, options.pairs * 2 + options.users, this),
          conversation_(options, team, fleet_, options.pairs * 2, Partners::neighbours),
          pace_(options.rate),
          calm_us_(figures.latencies("calm_latency_us")),
          storm_us_(figures.latencies("latency_us")) {}

    Result<void> run() {
        if (auto done = fleet_.log_in(fleet_.size()); !done) return done;
        if (auto done = fleet_.meet(); !done) return done;
        chatting_ = conversation_.users() > 0;
        pace_.begin(Clock::now());
        if (auto done = fleet_.run_for(std::min(kRunUp, options_.settle)); !done) return done;
        if (auto done = be_calm(); !done) return done;
        if (auto done = drop_and_return(); !done) return done;
        if (auto done = stop_chatting(); !done) return done;
        conversation_.put_into(figures_);
        fleet_.put_into(figures_);
        if (gauges_.measure_server()) figures_.server_memory("end", gauges_.server_memory());
        fleet_.log_out();
        return {};
    }

private:
    Result<void> be_calm() {
        if (auto met = fleet_.meet(); !met) return met;
        const auto before = gauges_.read();
        const std::uint64_t already = delivered_;
        latencies_ = &calm_us_;
        if (auto done = fleet_.run_for(options_.settle); !done) return done;
        figures_.span(kCalm) += gauges_.since(before);
        figures_.count("calm_messages", delivered_ - already);
        return {};
    }

    Result<void> drop_and_return() {
        if (auto met = fleet_.meet(); !met) return met;
        latencies_ = &storm_us_;
        begin_ = Clock::now();
        const auto before = gauges_.read();
        fleet_.time_logins(&figures_.latencies("return_us"));
        fleet_.drop_beyond(conversation_.users());
        const UserNumber at_once = options_.in_flight_given ? options_.logins_in_flight : fleet_.size();
        if (auto done = fleet_.log_in(fleet_.size(), at_once); !done) return done;
        if (auto met = fleet_.meet(); !met) return met;
        end_ = Clock::now();
        figures_.span(kReturn.many) += gauges_.since(before);
        figures_.count(kReturn.many, options_.users);
        return {};
    }

    Result<void> stop_chatting() {
        chatting_ = false;
        return fleet_.run_until_or_silent([this] { return conversation_.is_complete(); }, "the last messages");
    }

    void on_turn() override {
        if (!chatting_) return;
        for (const std::uint64_t due = pace_.due(Clock::now()); paced_ < due; ++paced_) {
            conversation_.send_next(static_cast<UserNumber>(paced_ % conversation_.users()), pace_.time_of(paced_));
        }
    }

    bool on_message(Peer& peer, UserNumber from, std::string_view text) override {
        const auto received = conversation_.receive(peer, from, text);
        if (received.arrival == Conversation::Arrival::stray) return false;
        if (received.arrival == Conversation::Arrival::again) return true;
        ++delivered_;
        fleet_.note_progress();
        if (latencies_ != nullptr && is_of_this_time(received.sent)) latencies_->add(fleet_.now() - received.sent);
        return true;
    }

    // A message belongs to the storm when it was due while users returned, however late it comes.
    bool is_of_this_time(TimePoint sent) const {
        if (latencies_ == &calm_us_) return true;
        return sent >= begin_ && (end_ == TimePoint{} || sent <= end_);
    }

    void on_acknowledged(Peer& peer, std::uint32_t messages) override {
        conversation_.acknowledge(peer, messages, [](TimePoint) {});
    }

    const Options& options_;
    Figures& figures_;
    Gauges gauges_;
    Fleet fleet_;
    Conversation conversation_;
    Pace pace_;
    std::uint64_t paced_ = 0;
    std::uint64_t delivered_ = 0;
    TimePoint begin_;  // of the storm
    TimePoint end_;
    bool chatting_ = false;
    Histogram& calm_us_;
    Histogram& storm_us_;
    Histogram* latencies_ = nullptr;  // where a message counts now
};

std::uint32_t rate_of(const Options& options) { return options.rate > 0 ? options.rate : kDefaultRate; }

Result<void> run_storm(const Options& options, Team& team, Figures& figures) {
    return Storm(options, team, figures).run();
}

void cast_roles(const Options& all, Options& share, std::uint32_t index) {
    const bool chats = index == 0;
    const std::uint32_t others = all.processes - 1;
    share.pairs = chats ? all.pairs : 0;
    share.rate = chats ? rate_of(all) : 1;
    share.users = chats ? 0 : part_of(all.users, pairs(all), others, index - 1);
    share.logins_in_flight = chats ? all.logins_in_flight : std::max(1U, all.logins_in_flight / others);
}

// What the storm cost beyond the chat that went on.
Span without_chat(const Figures& figures) {
    Span span = figures.spent(kReturn.many);
    const Span calm = figures.spent(kCalm);
    const double share = calm.seconds > 0 ? span.seconds / calm.seconds : 0;
    span.server = span.server - calm.server * share;
    span.database = span.database - calm.database * share;
    span.own_us -= calm.own_us * share;
    return span;
}

void describe_returns(const Options& options, const Figures& figures, Report& report) {
    const auto count = static_cast<double>(figures.counted(kReturn.many));
    const Span span = figures.spent(kReturn.many);
    report.add("return_seconds", span.seconds);
    report.add("returns_per_second", count / span.seconds);
    add_cpu(report, options, without_chat(figures), kReturn.one, count);
    add_busy(report, options, span);
}

void describe_storm(const Options& options, const Figures& figures, Report& report) {
    report.add("users", std::int64_t{options.users});
    report.add("pairs", std::int64_t{options.pairs});
    report.add("rate", std::int64_t{rate_of(options)});
    report.add("returns", static_cast<std::int64_t>(figures.counted(kReturn.many)));
    if (figures.counted(kReturn.many) > 0) describe_returns(options, figures, report);
    add_percentiles(report, "return_us", figures.measured("return_us"));
    add_percentiles(report, "latency_us", figures.measured("latency_us"));
    add_percentiles(report, "calm_latency_us", figures.measured("calm_latency_us"));
    if (const auto calm = static_cast<double>(figures.counted("calm_messages"));
        calm > 0 && !options.server_pids.empty()) {
        report.add("calm_server_cpu_us_per_message", figures.spent(kCalm).server.total_us / calm);
    }
    report.add("delivered", static_cast<std::int64_t>(figures.counted("delivered")));
}

UserNumber storming_and_chatting(const Options& options) { return options.pairs * 2 + options.users; }

}  // namespace

const Scenario kStorm{
    .name = "storm",
    .meaning = "all drop and return at once while others chat: CPU per return, the others' latency",
    .relay = true,
    .users = storming_and_chatting,
    .at_once = storming_and_chatting,
    .together = pairs,
    .cast = cast_roles,
    .run = run_storm,
    .describe = describe_storm,
};

}  // namespace rookery::bench
