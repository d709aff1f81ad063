// Scenario login: all users log in and out, again and again. The first time is not measured: it fills the server's
// caches and computes each user's SCRAM keys here.
#include "bench/load/describe.h"
#include "bench/load/fleet.h"
#include "bench/load/gauges.h"
#include "bench/load/scenario.h"

namespace rookery::bench {

namespace {

constexpr Unit kUnit{"login", "logins"};
// After all have left: what a server does then is no login's. And jabberd2 2.7.0 takes those who come at once for those
// who left (internal-server-error).
constexpr std::chrono::milliseconds kRest{500};

std::uint32_t rounds_of(const Options& options) { return options.rounds.value_or(1); }

Result<void> log_in_and_measure(const Options& options, Fleet& fleet, const Gauges& gauges, Figures& figures) {
    if (auto met = fleet.meet(); !met) return met;
    const auto before = gauges.read();
    if (auto done = fleet.log_in(options.users); !done) return done;
    figures.span(kUnit.many) += gauges.since(before);
    figures.count(kUnit.many, options.users);
    return fleet.meet();
}

Result<void> run_login(const Options& options, Team& team, Figures& figures) {
    const Gauges gauges(options);
    Fleet fleet(options, team, options.users, nullptr);
    if (auto done = fleet.log_in(options.users); !done) return done;
    fleet.time_logins(&figures.latencies("latency_us"));
    for (std::uint32_t round = 0; round < rounds_of(options); ++round) {
        fleet.log_out();
        if (auto rested = fleet.run_for(kRest); !rested) return rested;
        if (auto done = log_in_and_measure(options, fleet, gauges, figures); !done) return done;
    }
    fleet.put_into(figures);
    if (gauges.measure_server()) figures.server_memory("end", gauges.server_memory());
    fleet.log_out();
    return {};
}

void describe_login(const Options& options, const Figures& figures, Report& report) {
    report.add("users", std::int64_t{options.users});
    report.add("rounds", std::int64_t{rounds_of(options)});
    add_costs(report, options, figures, kUnit);
    add_busy(report, options, figures.spent(kUnit.many));
    add_percentiles(report, "latency_us", figures.measured("latency_us"));
}

}  // namespace

const Scenario kLogin{
    .name = "login",
    .meaning = "users log in and out: the server's CPU per login",
    .relay = true,
    .users = all_users,
    .at_once = all_users,
    .together = pairs,
    .run = run_login,
    .describe = describe_login,
};

}  // namespace rookery::bench
