// The whole configuration, typed and checked: what `rookery serve` and a reload work with and `rookery check` judges.
// Immutable once loaded. The option tables in config_*.cpp are the one place that names top-level and listener options:
// parsing, messages and the reference in conf/ come from them; a module's options come from its declaration.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/log.h"
#include "base/options.h"
#include "c2s/c2s.h"
#include "core/access.h"
#include "core/host.h"
#include "core/module_spec.h"
#include "server/config_file.h"
#include "storage/sql/sqlite_database.h"
#include "xmpp/sasl/credentials.h"

namespace rookery {

// A component that may connect to a listener.
struct ComponentConfig {
    std::string domain;
    std::string password;
};

// One entry of `listen`: module ejabberd_c2s for clients, or ejabberd_service for components (XEP-0114), each with options
// of its own.
struct ListenerConfig {
    std::string module = "ejabberd_c2s";
    std::uint16_t port = 5222;
    std::string ip = "::";
    bool tls = false;  // from the first byte on (XEP-0368); then there is no STARTTLS
    std::optional<bool> starttls;
    std::optional<bool> starttls_required;
    bool use_proxy_protocol = false;
    std::vector<std::string> trusted_proxies;  // networks; "all" is 0.0.0.0/0 and ::/0
    int backlog = 1'024;
    ByteSize max_stanza_size = 256_KB;
    std::size_t max_stanza_elements = 10'000;
    ByteSize pre_auth_max_stanza_size = 8_KB;
    std::size_t pre_auth_max_stanza_elements = 32;
    AccessRule access;
    std::string shaper = "none";  // shaper or shaper rule
    Milliseconds send_timeout = Seconds(15);
    unsigned max_connection_rate_per_network = 0;
    std::vector<ComponentConfig> components;  // ejabberd_service: option hosts
    std::string password;                     // ejabberd_service: of components that are not listed; empty: there are none

    bool for_components() const { return module == "ejabberd_service"; }

    // With the rules between the options worked in: required implies offered, and both are on unless switched off.
    bool offers_starttls() const { return !tls && (starttls.value_or(true) || starttls_required.value_or(false)); }
    bool requires_starttls() const { return offers_starttls() && starttls_required.value_or(starttls.value_or(true)); }
};

enum class DefaultDb { internal, sql };
enum class SqlType { none, sqlite, pgsql };

// Options of the server as a whole.
struct GlobalConfig {
    std::vector<std::string> hosts;  // normalised; the first is the default one
    LogLevel loglevel = LogLevel::info;
    std::string log_file;  // empty: standard error
    Durability durability = Durability::full;
    // `default_db: sql` with `sql_type: pgsql` is PostgreSQL; all else SQLite in the data folder.
    DefaultDb default_db = DefaultDb::internal;
    SqlType sql_type = SqlType::none;
    std::string sql_server = "localhost";
    std::uint16_t sql_port = 5432;
    std::string sql_database = "rookery";
    std::string sql_username = "rookery";
    std::string sql_password;  // never shown
    bool sql_ssl = false;
    bool sql_ssl_verify = false;
    std::string sql_ssl_cafile, sql_ssl_certfile;
    std::size_t sql_pool_size = 5;
    Milliseconds sql_connect_timeout = Seconds(5);
    Milliseconds sql_query_timeout = Seconds(30);
    unsigned shards = 0;        // 0: one for each processor core
    unsigned work_threads = 0;  // 0: half as many as cores, at least one
    std::vector<std::string> certfiles;
    bool detached_tls = true;
    std::vector<ListenerConfig> listen;
    std::vector<std::string> auth_method{"internal"};
    std::string auth_password_format = "scram";
    std::vector<HashAlgorithm> auth_scram_hash{HashAlgorithm::sha256, HashAlgorithm::sha512, HashAlgorithm::sha1};
    int auth_scram_iterations = 10'000;
    std::vector<std::string> disable_sasl_mechanisms;  // upper case
    bool disable_sasl_scram_downgrade_protection = false;
    Milliseconds negotiation_timeout = Seconds(30);
    ResourceConflict resource_conflict = ResourceConflict::closeold;
    unsigned pre_auth_max_connections_per_ip = 200;
    std::optional<ByteSize> max_client_backlog;  // of all clients together; nothing: a quarter of the memory
};

struct Config {
    GlobalConfig global;
    std::vector<std::shared_ptr<const HostOptions>> hosts;  // one for each of global.hosts, in that order
    std::map<std::string, std::string> fingerprints;        // of the top-level options as given
    std::vector<Mark> certfile_marks;                       // where each of global.certfiles stands

    bool uses_postgres() const { return global.default_db == DefaultDb::sql && global.sql_type == SqlType::pgsql; }
    const AccessRules& access() const { return *hosts.front()->access; }  // of the default host, for listeners
};

// nullopt: there were errors, all of them in `problems`. `modules`: those of this program.
std::optional<Config> load_config(const std::string& path, std::span<const ModuleSpec* const> modules,
                                  const ConfigWorld& world, ConfigProblems& problems);

// What differs between two configurations: names of top-level options, and whether a reload can apply them.
struct ConfigChange {
    std::string option;
    bool needs_restart;
};
std::vector<ConfigChange> config_changes(const Config& before, const Config& after);

// Every option with its meaning, type, range and default as commented YAML: the reference in conf/.
std::string config_reference(std::span<const ModuleSpec* const> modules);

}  // namespace rookery
