// How figures are told: the fields that scenarios have in common. bench/README.md lists them.
#pragma once

#include <string>

#include "bench/load/figures.h"
#include "bench/load/options.h"
#include "bench/load/report.h"

namespace rookery::bench {

struct Unit {
    const char* one;
    const char* many;
};

void add_percentiles(Report& report, const std::string& name, const Histogram& latencies);

// The count `unit.many`, its rate, and what the span of that name cost per unit; nothing when it was not measured.
void add_costs(Report& report, const Options& options, const Figures& figures, Unit unit);
// server_cpu_us_per_UNIT and its companions.
void add_cpu(Report& report, const Options& options, const Span& span, const std::string& unit, double count);
void add_busy(Report& report, const Options& options, const Span& span);

// What ends every report: faults, memory.
void add_common(Report& report, const Options& options, const Figures& figures);

}  // namespace rookery::bench
