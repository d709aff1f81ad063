// Scenario offline: the first half of the users send `each` messages to one of the second half each, who are away; then
// those log in and get them. A sender's messages count as stored when the server has answered a ping sent behind them.
#include "bench/load/conversation.h"
#include "bench/load/describe.h"
#include "bench/load/gauges.h"
#include "bench/load/scenario.h"
#include "bench/load/senders.h"

namespace rookery::bench {

namespace {

constexpr Unit kStored{"stored", "stored"};
constexpr Unit kFlushed{"flushed", "flushed"};

class Offline final : Fleet::Sink {
public:
    Offline(const Options& options, Team& team, Figures& figures)
        : options_(options),
          figures_(figures),
          gauges_(options),
          fleet_(options, team, options.pairs * 2, this),
          conversation_(options, team, fleet_, fleet_.size(), Partners::halves),
          senders_(options, fleet_, conversation_, options.pairs),
          flush_us_(figures.latencies("flush_us")) {}

    Result<void> run() {
        if (auto done = fleet_.log_in(options_.pairs); !done) return done;
        if (auto done = store(); !done) return done;
        if (auto done = flush(); !done) return done;
        conversation_.put_into(figures_);
        fleet_.put_into(figures_);
        if (gauges_.measure_server()) figures_.server_memory("end", gauges_.server_memory());
        fleet_.log_out();
        return {};
    }

private:
    Result<void> store() {
        if (auto met = fleet_.meet(); !met) return met;
        const auto before = gauges_.read();
        senders_.start();
        if (auto done = fleet_.run_until([this] { return senders_.are_done(); }, "storing"); !done) return done;
        figures_.span(kStored.many) += gauges_.since(before);
        figures_.count(kStored.many, senders_.sent());
        return fleet_.meet();
    }

    Result<void> flush() {
        flushing_ = true;
        const auto before = gauges_.read();
        if (auto done = fleet_.log_in(fleet_.size()); !done) return done;
        auto done = fleet_.run_until_or_silent([this] { return conversation_.is_complete(); }, "flushing");
        if (!done) return done;
        figures_.span(kFlushed.many) += gauges_.since(before);
        figures_.count(kFlushed.many, flushed_);
        return fleet_.meet();
    }

    bool on_message(Peer& peer, UserNumber from, std::string_view text) override {
        const auto received = conversation_.receive(peer, from, text);
        if (received.arrival == Conversation::Arrival::stray || !flushing_) return false;
        if (received.arrival == Conversation::Arrival::again) return true;
        ++flushed_;
        fleet_.note_progress();
        if (conversation_.is_complete(conversation_.partner_of(received.receiver))) {
            flush_us_.add(fleet_.now() - fleet_.login_began(received.receiver));
        }
        return true;
    }

    bool on_stanza(XmppPeer&, std::string_view stanza) override { return senders_.on_stanza(stanza); }

    const Options& options_;
    Figures& figures_;
    Gauges gauges_;
    Fleet fleet_;
    Conversation conversation_;
    Senders senders_;
    Histogram& flush_us_;
    std::uint64_t flushed_ = 0;
    bool flushing_ = false;
};

Result<void> run_offline(const Options& options, Team& team, Figures& figures) {
    return Offline(options, team, figures).run();
}

void describe_offline(const Options& options, const Figures& figures, Report& report) {
    report.add("pairs", std::int64_t{options.pairs});
    report.add("each", std::int64_t{options.each});
    report.add("message_bytes", std::int64_t{options.message_bytes});
    add_costs(report, options, figures, kStored);
    add_costs(report, options, figures, kFlushed);
    add_percentiles(report, "flush_us", figures.measured("flush_us"));
}

}  // namespace

const Scenario kOffline{
    .name = "offline",
    .meaning = "messages for users who are away, then they log in: CPU per stored and per flushed",
    .relay = false,
    .users = both_of_pairs,
    .at_once = both_of_pairs,
    .together = pairs,
    .run = run_offline,
    .describe = describe_offline,
};

}  // namespace rookery::bench
