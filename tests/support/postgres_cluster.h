// A PostgreSQL cluster of the test program's own, from Debian's package: in a temporary folder, reached by a Unix
// socket only, never as root. It is gone when the program is, also when that crashes.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "storage/sql/postgres_database.h"
#include "tests/support/temp_dir.h"

namespace rookery {

class PostgresCluster {
public:
    PostgresCluster();  // takes about a second. Throws std::runtime_error when there is no PostgreSQL
    ~PostgresCluster();
    PostgresCluster(const PostgresCluster&) = delete;
    PostgresCluster& operator=(const PostgresCluster&) = delete;

    // Started by the first who asks; for those who do not stop it.
    static PostgresCluster& shared();

    PostgresOptions options(const std::string& database) const;
    std::string new_database();      // without tables
    std::string emptied_database();  // one and the same: Rookery's tables if it was used before, without rows

    // The first column of what a statement of an administrator gives.
    std::vector<std::string> ask(const std::string& database, const std::string& sql) const;

    void start();           // waits until it takes connections
    void stop(int signal);  // to the server: SIGINT ends it in good order, SIGQUIT and SIGKILL as a crash does
    void freeze() const;    // all its processes stand still ...
    void thaw() const;      // ... and go on

private:
    void make_files();
    std::vector<pid_t> processes() const;
    bool takes_connections() const;
    std::string connection_to(const std::string& database) const;

    TempDir directory_;
    const pid_t maker_;
    pid_t server_ = 0;
    int databases_ = 0;
    bool has_emptied_ = false;
};

}  // namespace rookery
