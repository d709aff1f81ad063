#include "bench/load/describe.h"

namespace rookery::bench {

void add_percentiles(Report& report, const std::string& name, const Histogram& latencies) {
    report.add(name + "_p50", latencies.percentile_us(0.50));
    report.add(name + "_p95", latencies.percentile_us(0.95));
    report.add(name + "_p99", latencies.percentile_us(0.99));
}

void add_cpu(Report& report, const Options& options, const Span& span, const std::string& unit, double count) {
    if (!options.server_pids.empty()) {
        report.add("server_cpu_us_per_" + unit, span.server.total_us / count);
        report.add("server_system_us_per_" + unit, span.server.system_us / count);
    }
    if (!options.database_pids.empty()) report.add("database_us_per_" + unit, span.database.total_us / count);
    report.add("own_cpu_us_per_" + unit, span.own_us / count);
}

void add_busy(Report& report, const Options& options, const Span& span) {
    if (options.server_pids.empty() || span.seconds == 0) return;
    report.add("server_busy", span.server.total_us / 1e6 / span.seconds);
}

void add_costs(Report& report, const Options& options, const Figures& figures, Unit unit) {
    const std::uint64_t count = figures.counted(unit.many);
    if (!figures.has_span(unit.many) || count == 0) return;
    const Span span = figures.spent(unit.many);
    report.add(unit.many, static_cast<std::int64_t>(count));
    report.add(std::string(unit.many) + "_per_second", static_cast<double>(count) / span.seconds);
    add_cpu(report, options, span, unit.one, static_cast<double>(count));
}

void add_common(Report& report, const Options& options, const Figures& figures) {
    report.add("tls_session", figures.text("tls_session"));
    for (const char* fault : {"lost", "doubled", "reordered", "strays"}) {
        report.add(fault, static_cast<std::int64_t>(figures.counted(fault)));
    }
    if (figures.counted("strays") > 0) report.add("first_stray", figures.text("first_stray"));
    if (!options.server_pids.empty()) report.add("server_bytes", figures.server_memory("end").anonymous_bytes);
    report.add("own_bytes", static_cast<std::int64_t>(figures.counted("own_bytes")));
}

}  // namespace rookery::bench
