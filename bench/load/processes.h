// Runs a scenario in as many processes as the options say, and puts their figures together.
#pragma once

#include "bench/load/scenario.h"

namespace rookery::bench {

// What a process may have open here: 20,000 descriptors, of which some are no connections.
constexpr UserNumber kMaxConnections = 19'000;

// The i-th of n parts of a whole number of groups; what is no full group goes to the last one.
std::uint32_t part_of(std::uint32_t total, std::uint32_t group, std::uint32_t count, std::uint32_t index);

// The options of one process of several: its share of the users, pairs and rates.
Options share_of(const Options& options, const Scenario& scenario, std::uint32_t index);

// Refuses more connections than the processes can hold, and processes without users.
Result<void> check_shares(const Options& options, const Scenario& scenario);

// The figure "error" says why there is no result.
Figures perform(const Options& options, const Scenario& scenario);

}  // namespace rookery::bench
