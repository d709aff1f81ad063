// Scenario chat: pairs of users. In a closed loop `window` bursts are under way in each pair, and whoever has received
// one answers with the next; with a rate (open loop) all users send in turn, whatever comes back, and latencies count
// from when a message was due.
//
// The server's CPU is read at two deliveries, `warm_up_messages` and that plus `messages`, both in full swing; after
// the second one nobody sends, what is under way arrives, and the ledgers must be complete; with acknowledgements the
// server must have answered for every message.
#include "bench/load/conversation.h"
#include "bench/load/describe.h"
#include "bench/load/gauges.h"
#include "bench/load/scenario.h"

namespace rookery::bench {

namespace {

class Chat final : Fleet::Sink {
public:
    Chat(const Options& options, Team& team, Figures& figures)
        : options_(options),
          figures_(figures),
          gauges_(options),
          fleet_(options, team, options.pairs * 2, this),
          conversation_(options, team, fleet_, fleet_.size(), Partners::neighbours),
          stretch_(options, team, gauges_),
          received_(fleet_.size()),
          pace_(options.rate),
          latencies_(figures.latencies("latency_us")),
          ack_latencies_(figures.latencies("ack_us")) {}

    Result<void> run() {
        if (auto done = fleet_.log_in(fleet_.size()); !done) return done;
        if (auto done = fleet_.meet(); !done) return done;
        chatting_ = true;
        pace_.begin(Clock::now());
        if (options_.rate == 0) {
            fleet_.stay_awake();
            fill_windows();
        }
        auto done = fleet_.run_until_or_silent([this] { return stretch_.is_over() && conversation_.is_complete(); },
                                               "chatting");
        chatting_ = false;
        tell();
        if (!done) return done;
        if (done = fleet_.meet(); !done) return done;
        fleet_.log_out();
        return {};
    }

private:
    void fill_windows() {
        for (UserNumber user = 0; user < fleet_.size(); user += 2) {
            for (std::uint32_t i = 0; i < options_.window; ++i) send_burst(user);
        }
    }

    void send_burst(UserNumber sender) {
        conversation_.send_burst(sender, options_.burst, fleet_.now());
    }

    void on_turn() override {
        if (!chatting_) return;
        stretch_.look();
        if (options_.rate > 0) send_what_is_due();
    }

    void send_what_is_due() {
        if (stretch_.is_over()) return;
        const auto due = std::min(stretch_.goal(), pace_.due(Clock::now()));
        for (; paced_ < due; ++paced_) {
            conversation_.send_next(static_cast<UserNumber>(paced_ % fleet_.size()), pace_.time_of(paced_));
        }
    }

    bool on_message(Peer& peer, UserNumber from, std::string_view text) override {
        const auto received = conversation_.receive(peer, from, text);
        if (received.arrival == Conversation::Arrival::stray) return false;
        if (received.arrival == Conversation::Arrival::again) return true;
        if (stretch_.has_begun()) latencies_.add(fleet_.now() - received.sent);
        stretch_.on_delivery();
        fleet_.note_progress();
        if (options_.rate == 0) answer(received.receiver);
        return true;
    }

    void answer(UserNumber receiver) {
        if (++received_[receiver] % options_.burst == 0 && !stretch_.is_over()) send_burst(receiver);
    }

    void on_acknowledged(Peer& peer, std::uint32_t messages) override {
        conversation_.acknowledge(peer, messages, [this](TimePoint sent) {
            if (stretch_.has_begun()) ack_latencies_.add(fleet_.now() - sent);
        });
    }

    void tell() {
        stretch_.put_into(figures_, "messages");
        conversation_.put_into(figures_);
        fleet_.put_into(figures_);
        if (gauges_.measure_server()) figures_.server_memory("end", gauges_.server_memory());
    }

    const Options& options_;
    Figures& figures_;
    Gauges gauges_;
    Fleet fleet_;
    Conversation conversation_;
    Stretch stretch_;
    std::vector<std::uint64_t> received_;  // by each, in a closed loop
    Pace pace_;
    Histogram& latencies_;
    Histogram& ack_latencies_;
    std::uint64_t paced_ = 0;  // sent by the clock
    bool chatting_ = false;
};

Result<void> run_chat(const Options& options, Team& team, Figures& figures) {
    return Chat(options, team, figures).run();
}

// Older than the fields of the others, and named otherwise.
void describe_costs(const Options& options, const Figures& figures, Report& report) {
    const auto count = static_cast<double>(figures.counted("messages"));
    const Span span = figures.spent("messages");
    report.add("messages", static_cast<std::int64_t>(figures.counted("messages")));
    report.add("messages_per_second", count / span.seconds);
    if (!options.server_pids.empty()) {
        report.add("cpu_us_per_message", span.server.total_us / count);
        report.add("system_us_per_message", span.server.system_us / count);
        add_busy(report, options, span);
    }
    if (!options.database_pids.empty()) report.add("database_us_per_message", span.database.total_us / count);
    report.add("own_cpu_us_per_message", span.own_us / count);
    add_percentiles(report, "latency_us", figures.measured("latency_us"));
    if (options.acks) add_percentiles(report, "ack_us", figures.measured("ack_us"));
}

void describe_chat(const Options& options, const Figures& figures, Report& report) {
    report.add("pairs", std::int64_t{options.pairs});
    report.add("window", std::int64_t{options.window});
    report.add("burst", std::int64_t{options.burst});
    report.add("rate", std::int64_t{options.rate});
    report.add_flag("acks", options.acks);
    report.add("message_bytes", std::int64_t{options.message_bytes});
    if (figures.has_span("messages")) describe_costs(options, figures, report);
    report.add("delivered", static_cast<std::int64_t>(figures.counted("delivered")));
    report.add("unacknowledged", static_cast<std::int64_t>(figures.counted("unacknowledged")));
}

}  // namespace

const Scenario kChat{
    .name = "chat",
    .meaning = "pairs of users answer each other: the server's CPU per delivered message",
    .relay = true,
    .users = both_of_pairs,
    .at_once = both_of_pairs,
    .together = pairs,
    .run = run_chat,
    .describe = describe_chat,
};

}  // namespace rookery::bench
