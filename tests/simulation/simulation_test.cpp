// The delivery rule in simulated worlds. `simulation_test --gtest_filter='*Seeds*'` runs the usual ones; ROOKERY_SEEDS=FIRST-LAST
// others: `ROOKERY_SEEDS=1-10000 build/release/tests/simulation_test`. With ROOKERY_TALK everything that
// happens is printed.
#include <gtest/gtest.h>

#include <cstdlib>

#include "tests/simulation/simulation.h"

namespace rookery::test {
namespace {

void run(std::uint64_t seed) {
    Simulation simulation(seed, std::getenv("ROOKERY_TALK") != nullptr);
    for (const std::string& fault : simulation.run())
        ADD_FAILURE() << "seed " << seed << " (" << simulation.plan().describe() << "): " << fault;
}

TEST(Simulation, Seeds) {
    std::uint64_t first = 1, last = 300;
    if (const char* wanted = std::getenv("ROOKERY_SEEDS")) {
        char* dash = nullptr;
        first = std::strtoull(wanted, &dash, 10);
        last = *dash == '-' ? std::strtoull(dash + 1, nullptr, 10) : first;
    }
    for (std::uint64_t seed = first; seed <= last; ++seed) run(seed);
}

}  // namespace
}  // namespace rookery::test
