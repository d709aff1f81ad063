// TestServer: a whole server in this thread: real streams, sessions, modules and SQLite in memory, over wires in memory
// and a fake clock. A Driver for plays, and what C++ tests of modules use.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/work_pool.h"
#include "c2s/session_record.h"
#include "core/command.h"
#include "core/module.h"
#include "core/password_hasher.h"
#include "server/assembly.h"
#include "storage/stores.h"
#include "tests/support/fake_loop.h"
#include "tests/support/loopback.h"
#include "tests/support/play_driver.h"

namespace rookery::test {

struct TestServerOptions {
    unsigned shards = 1;
    bool dribble = false;  // the server reads one byte at a time
    bool upgrades = false;  // another program takes over whenever a client sends and everybody has logged in
    std::vector<std::string> domains = {"localhost", "other.localhost"};
    // Modules that differ from the default: name and YAML options ("" : just on); "-name" turns one off.
    std::vector<std::pair<std::string, std::string>> modules = {};
    std::size_t max_user_sessions = 10;
    // Components that may connect: domain and secret.
    std::map<std::string, std::string, std::less<>> components = {};
    // When given: the hosts come from a configuration like that of the program, with this merged over the usual one
    // (config_merge.h), and what stands above is not looked at.
    std::string config_yaml = {};
    // Null: SQLite in memory.
    std::function<std::unique_ptr<Storage>(const Clock&)> storage = {};
    AssemblyOptions assembly = {};
};

class TestServer final : public Driver, public PasswordHasher, public ServerControl {
public:
    explicit TestServer(TestServerOptions options = {});
    ~TestServer() override;

    // Driver
    std::unique_ptr<Wire> connect(const WireOptions&) override { return connect(); }
    Result<void> make_account(std::string_view user, std::string_view domain, std::string_view password) override;
    Result<std::string> command(std::string_view verb, const std::vector<std::string>& arguments) override;
    Result<void> advance(Duration time) override;
    bool has(std::string_view feature) const override;
    bool knows_idle() const override { return true; }

    // PasswordHasher, at once and cheaply.
    Task<Result<Credentials>> make_keys(std::string password) override;

    // ServerControl
    Task<Result<Value>> reload() override;  // unavailable: there is no file to read again
    void stop() override;                   // ends all streams as the program does; it may be connected to again
    Value status() const override;

    // For C++ tests.
    std::unique_ptr<LoopbackWire> connect() { return connect_from("192.0.2.1"); }
    std::unique_ptr<LoopbackWire> connect_from(std::string_view address);
    std::shared_ptr<LoopbackPipe> connect_pipe(std::string_view address);
    // Ends as the program does, and begins again over the same database, ten seconds later.
    void restart();
    // Another one takes its place, as in a live upgrade: connections go on. False: something is under way, nothing was done.
    bool change_program();
    std::unique_ptr<LoopbackWire> connect_component();
    // As a reload would: for those who connect from now on, and for those who are connected.
    void allow_components(ComponentPolicy policy);
    Assembly& assembly() { return *assembly_; }
    Shard& home(std::string_view bare) { return assembly_->shards().at(assembly_->shards().home_of(bare)); }
    Storage& storage() { return *storage_; }
    FakeLoops& loops() { return loops_; }
    // A verb of the administrator, as the control socket runs it.
    Result<Value> run_command(std::string verb, Value::Object arguments);
    void run_until_idle() { loops_.run_until_idle(); }
    // Runs a task to its end on shard 0's loop.
    template <class T>
    T wait(Task<T> task) {
        std::optional<T> value;
        loops_.at(0).run_here([&] { spawn(store(std::move(task), value)); });
        loops_.run_until_idle();
        return std::move(value.value());
    }

private:
    void start();
    bool may_upgrade();
    void wake();
    void restore(std::vector<SavedClients> clients, const std::vector<RecordWriter>& past);
    void upgrade_if_all_are_in();

    template <class T>
    static Task<void> store(Task<T> task, std::optional<T>& into) {
        into.emplace(co_await task);
    }

    TestServerOptions options_;
    CommandTable commands_;
    FakeLoops loops_;
    WorkPool work_{0, 1};
    std::unique_ptr<Storage> storage_;
    std::vector<std::unique_ptr<Assembly>> retired_;  // by upgrades
    std::unique_ptr<Assembly> assembly_;
    std::vector<std::weak_ptr<LoopbackPipe>> pipes_;  // by number
    std::shared_ptr<const C2sPolicy> policy_;
    std::shared_ptr<const ComponentPolicy> component_policy_;
    unsigned next_shard_ = 0;
};

}  // namespace rookery::test
