// with_postgres COMMAND...: runs COMMAND while a PostgreSQL cluster of its own is there, and ends as it ends. It finds
// CONFIG (lines of configuration, with a password) and, for files with macros, ROOKERY_MACRO_SQL_SERVER and
// ROOKERY_MACRO_SQL_PASSWORD.
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <iostream>

#include "tests/support/postgres_cluster.h"

namespace {

constexpr const char* password = "wherefore art thou";  // that which is searched for in logs (O10)

int run(char** command) {
    const pid_t child = ::fork();
    if (child == 0) {
        ::execvp(command[0], command);
        ::_exit(127);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

void set_environment(const std::string& folder) {
    const std::string config =
        "default_db: sql\nsql_type: pgsql\nsql_server: unix:" + folder + "\nsql_password: " + password;
    ::setenv("CONFIG", config.c_str(), 1);
    ::setenv("ROOKERY_MACRO_SQL_SERVER", ("unix:" + folder).c_str(), 1);
    ::setenv("ROOKERY_MACRO_SQL_PASSWORD", password, 1);
}

}  // namespace

int main(int count, char** words) {
    if (count < 2) {
        std::cerr << "usage: with_postgres COMMAND...\n";
        return 2;
    }
    rookery::PostgresCluster cluster;
    cluster.ask("postgres", "CREATE DATABASE rookery");
    set_environment(cluster.options("rookery").server);
    return run(words + 1);
}
