// A scenario loads the server that the options name and fills the report. An error says why there is no result, or
// that the result shows a fault of the server.
#pragma once

#include "base/result.h"
#include "bench/load/options.h"
#include "bench/load/report.h"

namespace rookery::bench {

Result<void> run_idle(const Options& options, Report& report);
Result<void> run_chat(const Options& options, Report& report);

}  // namespace rookery::bench
