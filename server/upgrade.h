// Upgrade: the side of the program that serves and hands over (docs/upgrade.md). It starts the other program, comes to
// rest, stands still, hands over what goes on, and leaves; whatever fails before the other one has taken over, it goes on
// as if nothing had been.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/result.h"
#include "c2s/session_record.h"
#include "server/assembly.h"
#include "server/standstill.h"
#include "server/upgrade_link.h"

namespace rookery {

struct UpgradeOrder {
    std::string program;                 // path
    std::vector<std::string> arguments;  // of it, but for the take-over
    std::string installed;               // path of the program that the next upgrade takes when none is named
    bool attended = false;               // somebody waits for the service already (server/supervisor.h)
};

// What there is to hand over, and how.
struct UpgradeParts {
    UpgradeParts(Assembly& all, Standstill& loops) : assembly(all), standstill(loops) {}

    Assembly& assembly;
    Standstill& standstill;
    // On the shard's thread: stop accepting, go on.
    std::function<void(unsigned shard, bool accept)> accept;
    std::function<std::size_t()> commands;  // of administrators, not answered yet; on shard 0's thread
    // The loops stand still. From then on nothing is written: the storage is at rest, and may be opened by another program. And the way back.
    std::function<Result<void>()> release_storage;
    std::function<void()> regain_storage;
    std::vector<std::pair<std::string, int>> listeners;  // by name
    // Returns when this process takes no signal any more: what comes from then on waits, for who is the process next.
    std::function<void()> fall_silent;
    int control = -1;
    int lock = -1;  // of the storage; -1: it has none
};

class Upgrade {
public:
    Upgrade(UpgradeParts parts, UpgradeOrder order);
    ~Upgrade();

    // On a thread of its own. When it succeeds the other program serves, and the loops are held for good: leave().
    Result<pid_t> run();
    // Answers on shard 0's thread, says goodbye to those left behind, and ends the process.
    [[noreturn]] void leave(std::function<void()> answer);
    // Any thread: the program is to end, run() fails soon if it can.
    void interrupt();
    // Any thread: this program has got a signal. If the upgrade succeeds, the other one gets it, too.
    void pass_on(int signal);

private:
    Result<void> start_program();
    Result<void> hear_ready();
    Result<void> come_to_rest();
    Result<void> stand_still();
    Result<void> hand_over();
    Result<void> hand_over_sockets();
    Result<void> hand_over_sessions();
    Result<void> hand_over_batch(std::size_t shard, std::size_t& next);
    Result<void> hand_over_rest();
    Result<void> hand_over_each(UpgradeStep step, const std::vector<RecordWriter>& bodies);
    void go_on();
    void set_link(std::unique_ptr<UpgradeLink> link);
    void pass_signals_on();
    void end_program();

    UpgradeParts parts_;
    const UpgradeOrder order_;
    std::mutex mutex_;  // who interrupts is on another thread
    std::unique_ptr<UpgradeLink> link_;
    std::vector<int> signals_;  // that came meanwhile
    bool handed_over_ = false;
    pid_t child_ = -1;
    std::vector<SavedClients> clients_;   // by shard
    std::vector<RecordWriter> past_;
    std::vector<RecordWriter> marks_;  // on hosts
    bool resting_ = false;
    bool still_ = false;
    bool released_ = false;
    std::atomic<bool> interrupted_{false};
};

}  // namespace rookery
