// Where data is kept: default_db and the sql_ options, in ejabberd's words.
#include <algorithm>
#include <array>

#include "server/config_sections.h"

namespace rookery {
namespace {

constexpr std::array<std::string_view, 2> our_types{"sqlite", "pgsql"};  // in the order of SqlType, behind none
constexpr std::array<std::string_view, 3> foreign_types{"mysql", "mssql", "odbc"};

std::optional<SqlType> read_sql_type(std::string_view name, const ConfigValue& value, ConfigProblems& problems) {
    if (value.is_scalar() && std::find(foreign_types.begin(), foreign_types.end(), value.text) != foreign_types.end()) {
        problems.error(value.mark,
                       "'sql_type: " + value.text +
                           "' is not supported, only PostgreSQL and SQLite are; write 'sql_type: pgsql' and "
                           "name a PostgreSQL database, or remove the sql_ options to use SQLite");
        return std::nullopt;
    }
    const auto index = reported(read_choice(name, value, our_types, "pgsql"), problems);
    if (!index) return std::nullopt;
    return *index == 0 ? SqlType::sqlite : SqlType::pgsql;
}

std::optional<std::string> refuse_empty(const std::string& text) {
    if (!text.empty()) return std::nullopt;
    return "must not be empty";
}

// The first option of the file whose name begins so.
const ConfigValue::Entry* first_of(const ConfigValue& file, std::string_view stem, std::string_view but = {}) {
    for (const ConfigValue::Entry& entry : file.entries)
        if (entry.key.starts_with(stem) && entry.key != but) return &entry;
    return nullptr;
}

// default_db and sql_type: nothing is to be guessed, since the other database would look like an empty server.
void check_choice(const ConfigValue& file, const GlobalConfig& config, ConfigProblems& problems) {
    const ConfigValue::Entry* any = first_of(file, "sql_");
    const ConfigValue* choice = file.find("default_db");
    const bool sql = config.default_db == DefaultDb::sql;
    if (sql && config.sql_type == SqlType::none)
        problems.error(choice->mark,
                       "'default_db: sql' needs a 'sql_type' beside it; write 'sql_type: pgsql' or 'sql_type: sqlite'");
    else if (!sql && choice && any)
        problems.warning(any->mark, "'" + any->key + "' does nothing here: default_db says that data is in SQLite");
    else if (!sql && any && config.sql_type != SqlType::sqlite)
        problems.error(any->mark, "'" + any->key +
                                      "' is for data in PostgreSQL, but nothing says that it is there; write "
                                      "'default_db: sql' and 'sql_type: pgsql' too, or remove the sql_ options");
}

void check_tls(const ConfigValue& file, const GlobalConfig& config, ConfigProblems& problems) {
    const ConfigValue::Entry* detail = first_of(file, "sql_ssl_");
    if (detail && !config.sql_ssl)
        problems.error(detail->mark, "'" + detail->key + "' needs TLS; write 'sql_ssl: true' too");
    if (config.sql_ssl_verify && config.sql_ssl_cafile.empty())
        problems.error(file.find("sql_ssl_verify")->mark,
                       "'sql_ssl_verify' needs to know whom to trust; write for example 'sql_ssl_cafile: "
                       "/etc/ssl/certs/ca-certificates.crt'");
}

}  // namespace

void add_storage_options(OptionTable<GlobalConfig>& table) {
    using G = GlobalConfig;
    table
        .option("default_db", &G::default_db,
                "Where data is kept: internal is a SQLite file in the data folder, sql what sql_type says",
                one_of<DefaultDb>({{"internal", DefaultDb::internal},
                                   {"sqlite", DefaultDb::internal},
                                   {"mnesia", DefaultDb::internal},
                                   {"sql", DefaultDb::sql}}),
                needs_restart())
        .option("sql_type", &G::sql_type, "With default_db: sql. pgsql: PostgreSQL 14 or newer", example("pgsql"),
                read_with("pgsql or sqlite", read_sql_type), needs_restart())
        .option("sql_server", &G::sql_server, "Host or address of PostgreSQL, or unix:FOLDER of its socket",
                checked(refuse_empty), example("unix:/var/run/postgresql"), needs_restart())
        .option("sql_port", &G::sql_port, "Its port", at_least(1), needs_restart())
        .option("sql_database", &G::sql_database, "A database of the server's own; its encoding has to be UTF8",
                checked(refuse_empty), needs_restart())
        .option("sql_username", &G::sql_username, "The role that owns it", checked(refuse_empty), needs_restart())
        .option("sql_password", &G::sql_password, "Its password; never logged or shown", needs_restart())
        .option("sql_ssl", &G::sql_ssl,
                "Refuse to connect without TLS; otherwise TLS is used where PostgreSQL offers it", needs_restart())
        .option("sql_ssl_verify", &G::sql_ssl_verify, "Check its certificate and its name", needs_restart())
        .option("sql_ssl_cafile", &G::sql_ssl_cafile, "PEM file of the authorities to trust",
                example("/etc/ssl/certs/ca-certificates.crt"), needs_restart())
        .option("sql_ssl_certfile", &G::sql_ssl_certfile, "PEM file with a certificate and key to log in with",
                example("/etc/rookery/postgresql.pem"), needs_restart())
        .option("sql_pool_size", &G::sql_pool_size, "Connections; one writes, the others read", between(2, 100),
                needs_restart())
        .option("sql_connect_timeout", &G::sql_connect_timeout, "For one attempt to connect",
                between(Seconds(1), Seconds(300)), needs_restart())
        .option("sql_query_timeout", &G::sql_query_timeout, "A connection that is silent for so long counts as lost",
                between(Seconds(1), Seconds(3'600)), needs_restart());
}

void check_storage_options(const ConfigValue& file, const GlobalConfig& config, ConfigProblems& problems) {
    check_choice(file, config, problems);
    check_tls(file, config, problems);
    const bool sql = config.default_db == DefaultDb::sql;
    const ConfigValue::Entry* more = first_of(file, "sql_", "sql_type");
    if (more && sql && config.sql_type == SqlType::sqlite)
        problems.warning(more->mark,
                         "'" + more->key + "' does nothing here: with 'sql_type: sqlite' data is in the data folder");
    const ConfigValue* durability = file.find("durability");
    if (durability && sql && config.sql_type == SqlType::pgsql)
        problems.warning(durability->mark,
                         "'durability' is for SQLite; PostgreSQL commits as its own configuration says");
}

}  // namespace rookery
