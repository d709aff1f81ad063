// What every engine must do: tests on Contract run on each engine listed here. A new engine is one line.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "storage/sql/database.h"
#include "storage/stores.h"
#include "tests/support/postgres_cluster.h"
#include "tests/support/temp_dir.h"
#include "tests/support/wait_loop.h"

namespace rookery {

struct Engine {
    const char* name;
    std::unique_ptr<Database> (*open)(const TempDir& directory, const Clock& clock);
};

inline std::unique_ptr<Database> open_test_database(const TempDir& directory, const Clock& clock) {
    SqliteOptions options(directory.file("test.db"));
    options.clock = &clock;
    return open_sqlite_database(std::move(options));
}

inline std::unique_ptr<Database> open_test_postgres(const TempDir&, const Clock& clock) {
    PostgresCluster& cluster = PostgresCluster::shared();
    PostgresOptions options = cluster.options(cluster.emptied_database());
    options.clock = &clock;
    options.pool_size = 2;
    return open_postgres_database(std::move(options));
}

inline const Engine engines[] = {
    {"memory", [](const TempDir&, const Clock& clock) { return open_memory_database(clock); }},
    {"sqlite", open_test_database},
    {"postgres", open_test_postgres},
};

// What stamps ids. Moved between calls, by the thread that makes them.
struct HandClock final : Clock {
    WallTime wall{Seconds(1'800'000'000)};
    SteadyTime steady_now() const override { return {}; }
    WallTime wall_now() const override { return wall; }
};

inline Jid jid(const std::string& text) { return *Jid::parse(text); }
inline WallTime at_second(int seconds) { return WallTime(Seconds(seconds)); }

// A loop, a storage of the engine, and the accounts alice and bob.
class Contract : public testing::TestWithParam<Engine> {
protected:
    Contract() : storage_(GetParam().open(directory_, clock_)) {
        wait(accounts().create(alice, {}, at_second(1'000))).value();
        wait(accounts().create(bob, {}, at_second(1'000))).value();
    }

    template <class T>
    T wait(Task<T> task) {
        return loop_.wait(std::move(task));
    }
    template <class T>
    ErrorCode error_of(Task<Result<T>> task) {
        const Result<T> result = wait(std::move(task));
        if (result) throw std::runtime_error("it succeeded");
        return result.error().code;
    }

    AccountStore& accounts() { return storage_.stores().accounts; }
    RosterStore& roster() { return storage_.stores().roster; }
    DocumentStore& documents() { return storage_.stores().documents; }
    LogStore& log() { return storage_.stores().log; }
    ArchiveStore& archive() { return storage_.stores().archive; }
    Database& database() { return storage_.database(); }

    const Jid alice = jid("alice@example.org");
    const Jid bob = jid("bob@example.org");
    const Jid nobody = jid("nobody@example.org");
    const Jid domain = jid("example.org");

    WaitLoop loop_;
    TempDir directory_;
    HandClock clock_;
    Storage storage_;
};

inline std::string engine_name(const testing::TestParamInfo<Engine>& info) { return info.param.name; }

}  // namespace rookery
