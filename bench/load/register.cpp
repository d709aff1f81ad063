// Scenario register: accounts are made in-band (XEP-0077), each over a connection of its own.
#include "bench/load/describe.h"
#include "bench/load/fleet.h"
#include "bench/load/gauges.h"
#include "bench/load/scenario.h"

namespace rookery::bench {

namespace {

constexpr Unit kUnit{"registration", "registrations"};

Result<void> run_register(const Options& options, Team& team, Figures& figures) {
    const Gauges gauges(options);
    Fleet fleet(options, team, options.users, nullptr, XmppPurpose::registration);
    fleet.time_logins(&figures.latencies("latency_us"));
    if (auto met = fleet.meet(); !met) return met;
    const auto before = gauges.read();
    if (auto done = fleet.log_in(options.users); !done) return done;
    figures.span(kUnit.many) += gauges.since(before);
    figures.count(kUnit.many, options.users);
    fleet.put_into(figures);
    if (gauges.measure_server()) figures.server_memory("end", gauges.server_memory());
    fleet.log_out();
    return {};
}

void describe_register(const Options& options, const Figures& figures, Report& report) {
    add_costs(report, options, figures, kUnit);
    add_busy(report, options, figures.spent(kUnit.many));
    add_percentiles(report, "latency_us", figures.measured("latency_us"));
}

}  // namespace

const Scenario kRegister{
    .name = "register",
    .meaning = "makes accounts in-band (XEP-0077): the server's CPU per account",
    .relay = false,
    .users = all_users,
    .at_once = in_flight,
    .together = any_number,
    .run = run_register,
    .describe = describe_register,
};

}  // namespace rookery::bench
