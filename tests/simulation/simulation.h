// A simulated world: a whole server over fake loops and a fake clock, some accounts with some devices, a database that
// fails, connections that are lost, restarts and crashes; everything by the dice of one seed. In the end all is well
// again, everybody comes back, and the History must show that the delivery rule held (DESIGN section 4).
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "tests/simulation/dice.h"
#include "tests/simulation/flaky_database.h"
#include "tests/simulation/history.h"
#include "tests/simulation/sim_client.h"

namespace rookery::test {

// What goes wrong. Each world draws its own; a test may ask for one.
struct SimulationPlan {
    unsigned shards = 1;
    unsigned accounts = 2;
    unsigned devices = 1;  // of each account
    unsigned steps = 200;
    bool archive = true;
    bool connections_break = true;
    bool database_fails = false;  // and is slow
    bool server_restarts = false;
    bool clients_differ = false;  // some copy, some rest, some are woken by push, some do not acknowledge

    static SimulationPlan draw(Dice& dice);
    std::string describe() const;
};

class Simulation {
public:
    // `talk`: says on standard error all that happens.
    explicit Simulation(std::uint64_t seed, bool talk = false);

    // What broke the rule, in words, one line each.
    std::vector<std::string> run();
    const SimulationPlan& plan() const { return plan_; }

private:
    void make_clients();
    SimClientHabits draw_habits(unsigned account);
    void step();
    void act();
    void act_on(SimClient& client);
    void say(SimClient& client);
    void change_mood();
    void restart();
    void let_time_pass();
    void turn_some_loops();
    void all_is_well_again();
    bool everybody_is_content();
    void read_archives();
    void look_at_what_is_left();

    Dice dice_;
    SimulationPlan plan_;
    History history_;
    FlakyDatabase* database_ = nullptr;  // the server's
    std::unique_ptr<TestServer> server_;
    std::vector<std::unique_ptr<SimClient>> clients_;
};

}  // namespace rookery::test
