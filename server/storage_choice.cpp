#include "server/storage_choice.h"

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <stdexcept>
#include <string_view>
#include <utility>

#include "base/number.h"

namespace rookery {
namespace {

constexpr std::string_view unix_prefix = "unix:";
constexpr std::string_view socket_name = ".s.PGSQL.";  // and the port behind it

struct Server {
    std::string name;
    std::uint16_t port;
};

// libpq wants the folder of the socket and its port; ejabberd's users write the socket itself, too.
Server server_of(const GlobalConfig& config) {
    if (!config.sql_server.starts_with(unix_prefix)) return {config.sql_server, config.sql_port};
    const std::filesystem::path path = config.sql_server.substr(unix_prefix.size());
    const std::string file = path.filename().string();
    if (!file.starts_with(socket_name)) return {path.string(), config.sql_port};
    const auto port = parse_number<std::uint16_t>(std::string_view(file).substr(socket_name.size()));
    return {path.parent_path().string(), port.value_or(config.sql_port)};
}

std::string quoted(const std::string& text) {
    std::string out = "'";
    for (const char c : text) out += c == '\'' || c == '\\' ? std::string("\\") + c : std::string(1, c);
    return out + "'";
}

std::string tls_options(const GlobalConfig& config) {
    if (!config.sql_ssl) return {};
    std::string text = config.sql_ssl_verify ? "sslmode=verify-full" : "sslmode=require";
    if (!config.sql_ssl_cafile.empty()) text += " sslrootcert=" + quoted(config.sql_ssl_cafile);
    const std::string login = quoted(config.sql_ssl_certfile);
    if (!config.sql_ssl_certfile.empty()) text += " sslcert=" + login + " sslkey=" + login;
    return text;
}

// How libpq, and we, begin to say it.
constexpr const char* no_connection[] = {"connection to server", "could not translate host name",
                                         "no answer from the server"};

bool has(const std::string& text, std::string_view part) { return text.find(part) != text.npos; }

}  // namespace

SqliteOptions sqlite_options(const Config& config, const std::string& data) {
    SqliteOptions options(data + "/rookery.db");
    options.durability = config.global.durability;
    return options;
}

PostgresOptions postgres_options(const GlobalConfig& config) {
    PostgresOptions options;
    options.connection = tls_options(config);
    Server server = server_of(config);
    options.server = std::move(server.name);
    options.port = server.port;
    options.database = config.sql_database;
    options.username = config.sql_username;
    options.password = config.sql_password;
    options.pool_size = config.sql_pool_size;
    options.connect_timeout = config.sql_connect_timeout;
    options.answer_timeout = config.sql_query_timeout;
    return options;
}

StorageOptions storage_options(const Config& config, const std::string& data) {
    if (config.uses_postgres()) return postgres_options(config.global);
    return sqlite_options(config, data);
}

std::string with_cure(const StorageOptions& options, const std::string& why) {
    const auto* postgres = std::get_if<PostgresOptions>(&options);
    if (has(why, "another server uses it") || has(why, "another process uses it"))
        return why + "; stop that server first";
    if (!postgres) return why;
    if (has(why, "it has ")) return why + "; name another one in 'sql_database'";
    if (has(why, "encoding") || has(why, "database \"" + postgres->database + "\" does not exist"))
        return why + "; make one: createdb --template template0 --encoding UTF8 --owner " + postgres->username + " " +
               postgres->database;
    const auto tells = [&](const char* part) { return has(why, part); };
    if (std::ranges::none_of(no_connection, tells)) return why;
    return why +
           "; is PostgreSQL running there, and are sql_server, sql_port, sql_database, sql_username and "
           "sql_password right?";
}

std::unique_ptr<Storage> open_chosen(const StorageOptions& options) try {
    return open_storage(options);
} catch (const std::runtime_error& error) {
    throw std::runtime_error(with_cure(options, error.what()));
}

void look_at_storage(const StorageOptions& options) try {
    if (const auto* postgres = std::get_if<PostgresOptions>(&options))
        (void)look_at_postgres(*postgres);
    else
        look_at_sqlite(std::get<SqliteOptions>(options));
} catch (const std::runtime_error& error) {
    throw std::runtime_error(with_cure(options, error.what()));
}

std::vector<std::string> check_storage(const StorageOptions& options) try {
    const auto* postgres = std::get_if<PostgresOptions>(&options);
    if (!postgres) return {};
    std::vector<std::string> findings;
    for (const std::string& setting : look_at_postgres(*postgres))
        findings.push_back("PostgreSQL at " + describe(*postgres) + " runs with " + setting +
                           ": acknowledged messages may be lost with its machine; turn it on in postgresql.conf");
    return findings;
} catch (const std::runtime_error& error) {
    return {with_cure(options, error.what())};
}

}  // namespace rookery
