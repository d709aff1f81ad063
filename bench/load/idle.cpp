// Scenario idle: what one more logged-in session costs the server in memory, and its login in CPU.
// The first `warm_up_users` pay for what is there once (threads' buffers, code pages) and are not counted.
#include "bench/load/fleet.h"
#include "bench/load/meter.h"
#include "bench/load/scenario.h"

namespace rookery::bench {

namespace {

struct Snapshot {
    Memory memory;
    CpuTime cpu;
};

Result<Snapshot> settle_and_read(const Options& options, Fleet& fleet, const Meter& meter) {
    if (auto waited = fleet.run_for(options.settle); !waited) return waited.error();
    return Snapshot{meter.memory(), meter.cpu()};
}

void report_growth(const Options& options, const Snapshot& before, const Snapshot& after, Report& report) {
    const auto sessions = static_cast<double>(options.users);
    const auto growth = [&](std::int64_t from, std::int64_t to) { return static_cast<double>(to - from) / sessions; };
    report.add("bytes_per_session", growth(before.memory.anonymous_bytes, after.memory.anonymous_bytes));
    report.add("pss_bytes_per_session", growth(before.memory.pss_bytes, after.memory.pss_bytes));
    report.add("server_bytes", after.memory.anonymous_bytes);
}

}  // namespace

Result<void> run_idle(const Options& options, Report& report) {
    const Meter meter(options.server_pids);
    if (!meter.measures()) return Error(ErrorCode::invalid, "idle measures memory: give --server-pid");
    Fleet fleet(options, options.warm_up_users + options.users, nullptr);
    if (auto done = fleet.log_in(options.warm_up_users); !done) return done;
    const auto before = settle_and_read(options, fleet, meter);
    if (!before) return before.error();

    const TimePoint start = Clock::now();
    const CpuTime cpu_before = meter.cpu();
    if (auto done = fleet.log_in(options.warm_up_users + options.users); !done) return done;
    const double seconds = std::chrono::duration<double>(Clock::now() - start).count();
    const double login_cpu = (meter.cpu() - cpu_before).total_us;
    const auto after = settle_and_read(options, fleet, meter);
    if (!after) return after.error();

    report.add("sessions", std::int64_t{options.users});
    report_growth(options, *before, *after, report);
    report.add("login_cpu_us", login_cpu / options.users);
    report.add("logins_per_second", options.users / seconds);
    report.add("tls_session", fleet.peer(0).tls_description());
    report.add("strays", static_cast<std::int64_t>(fleet.strays()));
    if (fleet.strays() > 0) report.add("first_stray", fleet.first_stray());
    fleet.log_out();
    return {};
}

}  // namespace rookery::bench
