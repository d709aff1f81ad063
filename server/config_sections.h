// The sections of the configuration file. Each has a file of its own, config.cpp puts them together; for these only.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "server/config.h"

namespace rookery {

// Options of the server as a whole (config_global.cpp).
OptionTable<GlobalConfig> global_table();
std::optional<std::vector<std::string>> read_hosts(std::string_view name, const ConfigValue& value,
                                                   ConfigProblems& problems);

// Where data is kept (config_storage.cpp): default_db and sql_*, and whether those of the file go together.
void add_storage_options(OptionTable<GlobalConfig>& table);
void check_storage_options(const ConfigValue& file, const GlobalConfig& config, ConfigProblems& problems);

// `listen` (config_listen.cpp). The rules and shapers that listeners name are checked once the hosts are read.
OptionTable<ListenerConfig> listener_table();
OptionTable<ListenerConfig> component_listener_table();
std::optional<std::vector<ListenerConfig>> read_listeners(std::string_view name, const ConfigValue& value,
                                                          ConfigProblems& problems);
void check_listeners(const ConfigValue& listen, const std::vector<std::string>& hosts, const AccessRules& access,
                     ConfigProblems& problems);

// Hosts (config_hosts.cpp): what each may have of its own, and the maps at the top level that are worked into them.
const std::vector<OptionInfo>& host_options();
const std::vector<OptionInfo>& host_map_options();
// `of_hosts`, `maps`: the file's entries of these two kinds. One for each of `hosts`, in that order.
std::vector<std::shared_ptr<const HostOptions>> load_hosts(const std::vector<std::string>& hosts,
                                                           const ConfigValue& of_hosts, const ConfigValue& maps,
                                                           std::span<const ModuleSpec* const> modules,
                                                           ConfigProblems& problems);

// `modules` of one host (config_modules.cpp). Null: those that are on by default.
std::vector<HostOptions::ModuleOptions> load_modules(const ConfigValue& wanted,
                                                     std::span<const ModuleSpec* const> modules,
                                                     const AccessRules& access, ConfigProblems& problems);

// Access rules and acls that options name must exist (config_access.cpp).
void check_access_names(const std::vector<OptionInfo>& infos, const ConfigValue& options, const AccessRules& access,
                        ConfigProblems& problems);
void check_shaper_name(const ConfigValue& shaper, const AccessRules& access, ConfigProblems& problems);

// By name or alias (config.cpp); nullptr: none.
const OptionInfo* find_option(const std::vector<OptionInfo>& infos, std::string_view name);
// An option that none of the sections has: one of ejabberd's, or a slip (config.cpp).
void report_unknown(const ConfigValue::Entry& entry, ConfigProblems& problems);

// What was read; or nullopt, and `problems` has the error.
template <class T>
std::optional<T> reported(Result<T> read, ConfigProblems& problems) {
    if (read.ok()) return std::move(*read);
    problems.errors.push_back(read.error().message);
    return std::nullopt;
}

}  // namespace rookery
