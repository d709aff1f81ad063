// Plan: a configuration made ready to run: everything checked, certificates loaded, module options parsed. Making one
// has no effect on a running server, so a reload that fails changes nothing.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/log.h"
#include "base/result.h"
#include "c2s/c2s.h"
#include "core/host.h"
#include "core/shard.h"
#include "net/listener.h"
#include "net/tls_contexts.h"
#include "s2s/component_policy.h"
#include "server/config.h"
#include "storage/stores.h"

namespace rookery {

// For clients or for components: one of the policies is null.
struct ListenerPlan {
    ListenerOptions socket;
    std::shared_ptr<const C2sPolicy> policy;
    std::shared_ptr<const ComponentPolicy> components;

    std::string name() const { return socket.address + " port " + std::to_string(socket.port); }
};

struct Plan {
    std::uint64_t number = 0;  // which reading of the configuration it is; 0: that of the start
    Config config;
    std::vector<ListenerPlan> listeners;
    std::shared_ptr<const TlsContexts> contexts;
    KeyForm key_form;  // of the keys of accounts made under it
    std::string control_path;
    StorageOptions storage = SqliteOptions("");
    std::vector<std::string> warnings;
};

// Just the configuration: makes nothing. The error as below.
Result<Config> read_config(const std::string& file);

// Reads and checks. `file`: empty for the defaults. Makes what a first start needs in `data`: the folder, a
// certificate, the secret behind fake salts. The error has one line for each fault, with file, line and cure.
Result<Plan> make_plan(const std::string& file, const std::string& data);
// The same, and writes down in `data` how keys will be made under it. For the server; others only look.
Result<Plan> make_plan_to_serve(const std::string& file, const std::string& data);

// Certificates that are not valid now, and hosts without one; for `rookery check`.
std::vector<std::string> check_certificates(const Plan& plan, WallTime now);

// The policies of all listeners for components.
std::vector<std::shared_ptr<const ComponentPolicy>> component_policies(const Plan& plan);

// What a reload changes, one line each ("module ping: changed"). What needs a restart says so at each reload, as long
// as it differs from `started`, the plan the program runs by since its start.
std::vector<std::string> differences(const Plan& before, const Plan& after, const Plan& started);

}  // namespace rookery
