// A scenario loads the server that the options name, in one process or in each of several, and tells in figures what it
// counted and measured; then one process describes the figures of all. Scenarios are listed in scenarios.cpp.
#pragma once

#include <vector>

#include "base/result.h"
#include "bench/load/figures.h"
#include "bench/load/options.h"
#include "bench/load/peer.h"
#include "bench/load/report.h"
#include "bench/load/team.h"

namespace rookery::bench {

struct Scenario {
    const char* name;
    const char* meaning;
    bool relay;                              // bench_relay can be loaded so
    UserNumber (*users)(const Options&);     // the numbers it takes, from first_user on
    UserNumber (*at_once)(const Options&);   // connections open at the same time
    UserNumber (*together)(const Options&);  // users that come in groups of so many: a group stays in one process
    // Roles of processes: changes an equal share, without numbers of users. Null: all do the same.
    void (*cast)(const Options& all, Options& share, std::uint32_t index) = nullptr;
    // An error says why there is no result. Faults that are counted (lost, ...) are judged when all figures are there.
    Result<void> (*run)(const Options&, Team&, Figures&);
    void (*describe)(const Options&, const Figures&, Report&);
};

extern const Scenario kRegister, kBefriend, kLogin, kIdle, kChat, kPresence, kRoom, kOffline, kArchive, kStorm;

const std::vector<const Scenario*>& scenarios();
const Scenario* find_scenario(std::string_view name);  // null: there is none

// What `users`, `at_once` and `together` can be.
UserNumber all_users(const Options& options);
UserNumber both_of_pairs(const Options& options);
UserNumber in_flight(const Options& options);
UserNumber any_number(const Options& options);
UserNumber pairs(const Options& options);
UserNumber group_of_contacts(const Options& options);

}  // namespace rookery::bench
