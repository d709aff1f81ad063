// Which database the configuration means, and what people are told when it is not there.
#include "server/storage_choice.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <stdexcept>

#include "tests/support/postgres_cluster.h"

namespace rookery {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

GlobalConfig config_for(const std::string& database) {
    GlobalConfig config;
    config.default_db = DefaultDb::sql;
    config.sql_type = SqlType::pgsql;
    config.sql_server = "unix:" + PostgresCluster::shared().options("").server;
    config.sql_database = database;
    return config;
}

std::string refusal(const GlobalConfig& config) try {
    open_chosen(postgres_options(config));
    return "opened";
} catch (const std::runtime_error& error) {
    return error.what();
}

TEST(StorageChoice, TakesSocketsAsEjabberdWritesThem) {
    GlobalConfig config;
    const auto server = [&](const char* option) {
        config.sql_server = option;
        return postgres_options(config).server;
    };
    EXPECT_EQ(server("db.example.org"), "db.example.org");
    EXPECT_EQ(server("unix:/var/run/postgresql"), "/var/run/postgresql");
    EXPECT_EQ(server("unix:/var/run/postgresql/.s.PGSQL.5432"), "/var/run/postgresql");
}

// Of two clusters on one machine it is the socket that tells them apart.
TEST(StorageChoice, ASocketsNameSaysItsPort) {
    GlobalConfig config;
    config.sql_server = "unix:/var/run/postgresql/.s.PGSQL.5433";
    EXPECT_EQ(postgres_options(config).port, 5433);
    config.sql_server = "unix:/var/run/postgresql/.s.PGSQL.none";
    config.sql_port = 5434;
    EXPECT_EQ(postgres_options(config).port, 5434);
    config.sql_server = "unix:/var/run/postgresql";
    EXPECT_EQ(postgres_options(config).port, 5434);
    config.sql_server = "db.s.PGSQL.5433";
    EXPECT_EQ(postgres_options(config).port, 5434);
}

TEST(StorageChoice, TlsOptionsReachPostgresql) {
    GlobalConfig config;
    EXPECT_EQ(postgres_options(config).connection, "");
    config.sql_ssl = true;
    EXPECT_EQ(postgres_options(config).connection, "sslmode=require");
    config.sql_ssl_verify = true;
    config.sql_ssl_cafile = "/a 'b\\c";
    config.sql_ssl_certfile = "/d";
    EXPECT_EQ(postgres_options(config).connection,
              "sslmode=verify-full sslrootcert='/a \\'b\\\\c' sslcert='/d' sslkey='/d'");
    GlobalConfig over_tls = config_for("rookery");  // can the text be read?
    over_tls.sql_server = "127.0.0.1";
    over_tls.sql_port = 1;
    over_tls.sql_ssl = true;
    EXPECT_THAT(refusal(over_tls), HasSubstr("127.0.0.1:1/rookery"));
}

TEST(StorageChoice, SaysInOneLineWhatIsWrongAndTheCure) {
    PostgresCluster& cluster = PostgresCluster::shared();
    GlobalConfig away = config_for("rookery");
    away.sql_server = "unix:/nonexistent";
    away.sql_password = "hunter2";
    EXPECT_THAT(refusal(away),
                AllOf(HasSubstr("PostgreSQL database /nonexistent:5432/rookery"), HasSubstr("No such file"),
                      HasSubstr("are sql_server, sql_port,"), Not(HasSubstr("\n")), Not(HasSubstr("hunter2"))));
    EXPECT_THAT(refusal(config_for("absent")),
                HasSubstr("createdb --template template0 --encoding UTF8 --owner rookery absent"));
    const std::string foreign = cluster.new_database();
    cluster.ask(foreign, "CREATE TABLE users (name TEXT)");
    EXPECT_THAT(refusal(config_for(foreign)), HasSubstr("not Rookery's; name another one in 'sql_database'"));
    GlobalConfig used = config_for(cluster.new_database());
    used.sql_connect_timeout = Milliseconds(300);
    const std::unique_ptr<Storage> first = open_chosen(postgres_options(used));
    EXPECT_THAT(refusal(used), HasSubstr("another server uses it; stop that server first"));
    cluster.ask("postgres", "CREATE ROLE guest LOGIN PASSWORD 'wherefore'");
    GlobalConfig guest = config_for("postgres");
    guest.sql_username = "guest";
    guest.sql_password = "hunter2";
    EXPECT_THAT(refusal(guest), AllOf(HasSubstr("password authentication failed"), Not(HasSubstr("hunter2"))));
}

// A look, while a server uses it. The tests' cluster runs without fsync.
TEST(StorageChoice, CheckLooksBesideAServerThatRuns) {
    PostgresCluster& cluster = PostgresCluster::shared();
    const PostgresOptions options = postgres_options(config_for(cluster.new_database()));
    EXPECT_THAT(check_storage(options), ElementsAre(HasSubstr("runs with fsync = off")));
    EXPECT_THAT(cluster.ask(options.database, "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"),
                ElementsAre());
    const std::unique_ptr<Storage> server = open_chosen(options);
    EXPECT_THAT(check_storage(options), ElementsAre(HasSubstr("runs with fsync = off")));
    EXPECT_THAT(check_storage(postgres_options(config_for("absent"))), ElementsAre(HasSubstr("createdb")));
    EXPECT_THAT(check_storage(SqliteOptions("/nonexistent/file")), ElementsAre());
    EXPECT_EQ(describe(StorageOptions(options)), "PostgreSQL, " + options.server + ":5432/" + options.database);
}

}  // namespace
}  // namespace rookery
