// Host: one virtual domain on one shard: its options, hooks, features and modules.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/features.h"
#include "core/hooks.h"
#include "core/slot.h"
#include "storage/stores.h"
#include "xmpp/jid.h"

namespace rookery {

class AccessRule;
class AccessRules;
class AdHocCommands;
class MessageLog;
class Module;
class Router;
class Shard;
struct ModuleSpec;

// What the configuration says about one domain; immutable, shared by all shards.
struct HostOptions {
    std::string domain;
    std::string language = "en";
    std::size_t max_user_sessions = 10;                   // option max_user_sessions: the next bind is refused
    Seconds registration_timeout{600};                    // between two accounts made from one address; forever: no limit
    std::size_t max_waiting = 1'000;                      // stanzas that may wait for one account's storage
    DocumentLimits documents{1'000, 4u << 20};            // vCard, private XML and the like, for each account together
    std::shared_ptr<const AccessRules> access;            // acl and access_rules
    struct ModuleOptions {
        const ModuleSpec* spec;
        std::shared_ptr<const void> options;              // the spec's options type
        std::string fingerprint;                          // equal text: equal options (reload leaves it alone)
    };
    std::vector<ModuleOptions> modules;
};

class Host {
public:
    Host(Shard& shard, std::shared_ptr<const HostOptions> options);
    ~Host();
    Host(const Host&) = delete;
    Host& operator=(const Host&) = delete;

    const std::string& domain() const { return options_->domain; }
    const Jid& jid() const { return jid_; }
    const HostOptions& options() const { return *options_; }
    Shard& shard() const { return shard_; }
    Router& router() const;
    Stores& stores() const;

    // Does access rule `rule` (or the built-in "all", "none") allow this address?
    bool allows(std::string_view rule, const Jid& who, std::string_view ip = {}) const;
    bool allows(const AccessRule& rule, const Jid& who, std::string_view ip = {}) const;
    // Sessions this account may have at once: the shaper rule max_user_sessions, else the option of that name.
    std::size_t max_sessions(const Jid& account) const;

    // Reload: modules gone or changed are destroyed, new or changed ones made; the rest is not touched.
    void apply(std::shared_ptr<const HostOptions> options);
    // The host leaves service: its modules too, as soon as nothing of them waits.
    void retire_all();
    bool has_module(std::string_view name) const;
    // The module being constructed, for its registrations.
    const std::string& loading() const { return loading_; }

    Hooks hooks;
    Features features;
    AdHocCommands& commands() const { return *commands_; }
    MessageLog& message_log() const { return *message_log_; }
    SlotMap& slots() { return slots_; }  // what modules know of this host on this shard, beyond a reload

private:
    struct Loaded {
        HostOptions::ModuleOptions from;
        std::unique_ptr<Module> module;
    };
    void load(const HostOptions::ModuleOptions& wanted);
    void retire(std::unique_ptr<Module> module);

    Shard& shard_;
    std::shared_ptr<const HostOptions> options_;
    Jid jid_;
    SlotMap slots_;
    std::string loading_;
    std::unique_ptr<AdHocCommands> commands_;
    std::unique_ptr<MessageLog> message_log_;
    std::vector<Loaded> modules_;
    std::vector<std::unique_ptr<Module>> retired_;  // out of service, with tasks that still wait for storage
};

}  // namespace rookery
