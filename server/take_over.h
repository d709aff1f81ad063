// TakeOver: the side of the program that takes the place of one that serves (docs/upgrade.md). All of it runs before the
// loops do, in this order: ready, receive, restore, finish.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "net/descriptor.h"
#include "server/assembly.h"
#include "server/plan.h"
#include "server/upgrade_link.h"

namespace rookery {

class TakeOver {
public:
    // Throw std::runtime_error: the take-over fails, and the program ends by fail().
    explicit TakeOver(int descriptor);
    // The configuration was read; looks whether the storage can be used.
    void get_ready(const StorageOptions& storage);
    // All that is handed over, checked as far as it can be without the rest of the server.
    void receive();
    // Of this listener's sockets, those that shard `shard` of `shards` is to serve. Each once.
    std::vector<int> take_listeners(std::string_view name, unsigned shard, unsigned shards);
    int take_control() { return control_.release(); }
    int take_lock() { return lock_.release(); }
    const std::string& installed() const { return installed_; }
    bool attended() const { return attended_; }
    void restore(Assembly& assembly, const Plan& plan);
    // The other program serves no more: this one must, from now on.
    void finish();
    [[noreturn]] void fail(std::string_view why);

private:
    struct Session {
        WipedString record;
        Descriptor connection;
    };

    UpgradeMessage next();
    void begin(UpgradeMessage message);
    void take_listener_sockets(UpgradeMessage message);
    void take_sessions(UpgradeMessage message);
    void restore_sessions(Assembly& assembly, const Plan& plan);

    UpgradeLink link_;
    std::string installed_;
    bool attended_ = false;
    Descriptor control_, lock_;
    std::vector<std::pair<std::string, Descriptor>> listeners_;
    std::vector<Session> sessions_;
    std::vector<WipedString> past_, marks_;
};

}  // namespace rookery
