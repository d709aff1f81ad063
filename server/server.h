// Server: the running program: threads, loops, listeners, signals, reload and the orderly end.
#pragma once

#include <pthread.h>
#include <signal.h>

#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "admin/control.h"
#include "base/work_pool.h"
#include "core/command.h"
#include "core/password_hasher.h"
#include "net/shard_loop.h"
#include "server/assembly.h"
#include "server/plan.h"
#include "server/standstill.h"
#include "server/take_over.h"
#include "server/upgrade.h"
#include "storage/stores.h"

namespace rookery {

struct ServerOptions {
    std::string config;  // file; empty: the defaults
    std::string data;    // folder
    int take_over = -1;  // where the program is heard whose place this one takes (live upgrade); -1: there is none
};

class Server final : public ServerControl, public PasswordHasher {
public:
    // Throws std::runtime_error with what went wrong and how to cure it; nothing half-started is left.
    explicit Server(ServerOptions options);
    ~Server() override;

    // Serves until SIGTERM, SIGINT or the stop command. SIGHUP reloads. The exit code.
    int run();

    // ServerControl, PasswordHasher: on any shard.
    Task<Result<Value>> reload() override;
    void stop() override;
    Value status() const override;
    Task<Result<Value>> upgrade(std::string program) override;

    Task<Result<Credentials>> make_keys(std::string password) override;

    // What listens where and what to do next, for a person in front of a terminal.
    std::string greeting() const;

private:
    // One shard's thread and what listens on it.
    struct Listening {
        std::string name;
        // For the next connection, replaced by a reload; one of them is null.
        std::shared_ptr<const C2sPolicy> policy;
        std::shared_ptr<const ComponentPolicy> components;
        bool direct_tls;
        std::unique_ptr<Listener> listener;
        QueuePlace backlog, proxy_wait = {};
    };
    struct Runtime {
        std::unique_ptr<ShardLoop> loop;
        std::vector<std::unique_ptr<Listening>> listening;
        std::thread thread;
        std::uint64_t plan_number = 0;  // of the plan its shard follows
    };
    using PlanPtr = std::shared_ptr<const Plan>;

    void start(const Plan& plan);
    std::vector<Loop*> all_loops() const;
    void open_storage(const Plan& plan);
    void open_control(const Plan& plan);
    void open_listener(const Plan& plan, const ListenerPlan& listener, unsigned shard, int inherited);
    // Live upgrade (server_upgrade.cpp).
    Result<UpgradeOrder> order_upgrade(const std::string& program) const;
    UpgradeParts upgrade_parts();
    bool begin_upgrade(const UpgradeOrder& order, Completion<Result<Value>>& done);
    void run_upgrade(UpgradeOrder order, Completion<Result<Value>>& done);
    void forget_upgrade();
    void pass_on_to_successor(int signal);
    void fall_silent();
    void end_upgrade();
    void declare_queues();
    static sigset_t our_signals();
    static constexpr int silence_signal = SIGUSR1;  // to its own thread
    static void declare_waiting(QueueBoard& board, Listening& listening, const ListenerOptions& options);
    void open_listeners(const Plan& plan, unsigned shard);
    Listener::Admit admission(const Listening& listening, unsigned shard);
    Listener::OnSocket acceptance(const Listening& listening, unsigned shard);
    bool adopt(PlanPtr plan);
    void apply_on(unsigned shard, const Plan& plan);
    void wait_for_signals();
    void shut_down();
    std::size_t connections_left() const;
    std::uint64_t connections_met() const;

    ServerOptions options_;
    PlanPtr started_with_;                     // what only a restart changes is still by this one
    std::atomic<PlanPtr> plan_;                // replaced by reloads, which may overlap: the newest reading wins
    std::atomic<std::uint64_t> plans_made_{0};
    CommandTable commands_;
    std::unique_ptr<Storage> storage_;
    std::unique_ptr<WorkPool> work_;
    std::vector<Runtime> runtimes_;
    std::unique_ptr<Assembly> assembly_;
    std::unique_ptr<ControlSocket> control_;
    WallTime started_;
    std::unique_ptr<TakeOver> taking_over_;  // until it is done
    bool attended_ = false;                  // UpgradeOrder
    std::string installed_;                  // path of the program that an upgrade takes when none is named
    std::unique_ptr<Standstill> standstill_;
    std::mutex upgrade_mutex_;
    std::unique_ptr<Upgrade> upgrade_;  // under upgrade_mutex_, as what follows
    std::thread upgrading_;
    bool stopping_ = false;            // there are no more upgrades
    bool upgrade_runs_ = false;        // shard 0's
    pthread_t hearing_{};              // the thread that waits for signals
    std::atomic<bool> silent_{false};  // it does not any more
};

}  // namespace rookery
