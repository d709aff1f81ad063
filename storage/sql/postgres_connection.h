// One connection to PostgreSQL in pipeline mode and its prepared statements, used by one thread at a time. Errors are
// values. Waits only in poll(), at most as long as the options say.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/stamped_id.h"
#include "storage/sql/postgres_database.h"
#include "storage/sql/schema.h"

struct pg_conn;
struct pg_result;

namespace rookery {

// Ends the waiting of all threads that share it, for good: when the database is closed.
class StopSignal {
public:
    StopSignal();
    ~StopSignal();
    StopSignal(const StopSignal&) = delete;
    StopSignal& operator=(const StopSignal&) = delete;

    void raise();  // any thread, once
    bool raised() const { return raised_; }
    SteadyTime since() const { return since_; }  // REQUIRES: raised()
    int fd() const { return fd_; }               // readable once it is raised

private:
    int fd_;
    SteadyTime since_;
    std::atomic<bool> raised_ = false;
};

// What a pipeline brought: the outcomes of its statements up to the first that failed, and why that one did. Those
// after it were not executed.
struct Pipelined {
    std::vector<WriteOutcome> outcomes;
    std::optional<Error> failed;
};

class PostgresConnection final : public SchemaTarget {
public:
    enum class Role { writer, reader };  // a reader cannot change anything; there is one writer in a database

    // The signal outlives the connection. Errors: unavailable, or invalid for options that cannot work.
    static Result<std::unique_ptr<PostgresConnection>> open(const PostgresOptions& options, Role role,
                                                            const StopSignal& stop);

    // One round trip for all. Outside a transaction block, they are one transaction (all or none).
    Pipelined run_all(const std::vector<const Statement*>& statements);
    Result<WriteOutcome> run(const Statement& statement) override;
    Result<void> run_each(const std::vector<Statement>& statements) override;

    // From now on it takes NewId. They outlive the connection.
    void make_ids_with(StampedIds* ids) { ids_ = ids; }
    bool makes_ids() const { return ids_ != nullptr; }

    // Settings of the server that make committed data unsafe, each as "name = value".
    Result<std::vector<std::string>> dangers();

    // It was lost, or cannot be used any more: what was under way and not committed is undone by the server.
    bool broken() const { return broken_; }

    Result<bool> is_empty() override;
    Result<bool> has_meta() override;
    Result<void> apply(const Migration& migration) override;
    Result<void> take_over(const Migration&) override { return {}; }

private:
    struct CloseConnection {
        void operator()(pg_conn* handle) const;
    };
    struct ClearResult {
        void operator()(pg_result* result) const;
    };
    using ResultPtr = std::unique_ptr<pg_result, ClearResult>;
    // The text by its address, and the types of the values: null has none. The program bounds the number of both.
    using PreparedKey = std::pair<const char*, std::uint64_t>;
    struct Sent {
        const Statement* statement;  // nullptr: it is the preparation of the next one
        PreparedKey key;
        NewIds new_ids = {};
    };

    PostgresConnection(pg_conn* handle, const PostgresOptions& options, const StopSignal& stop);
    Result<void> connect(SteadyTime until);
    Result<void> configure(Role role);
    Result<void> lock_database();
    Result<void> enter_pipeline();
    Result<void> run_script(const char* text, Milliseconds timeout);  // settings and migrations: texts of the program

    bool wait_for(short events, SteadyTime until);
    bool send(const Statement& statement);
    bool prepare(const Statement& statement, const PreparedKey& key, std::string& name);
    bool execute(const Statement& statement, const std::string& name, NewIds& new_ids);
    ResultPtr next_result(SteadyTime until);
    void receive(const Sent& sent, Pipelined& into, SteadyTime until);
    void note_failure(const Sent& sent, const pg_result* result, Pipelined& into);
    Error failure(const pg_result* result);
    Error lost(const std::string& why);  // and broken from now on

    std::unique_ptr<pg_conn, CloseConnection> handle_;
    const Milliseconds connect_timeout_;
    const Milliseconds answer_timeout_;
    const StopSignal& stop_;
    std::map<PreparedKey, std::string> prepared_;
    std::uint64_t last_name_ = 0;
    std::vector<Sent> sent_;
    StampedIds* ids_ = nullptr;
    bool broken_ = false;
};

}  // namespace rookery
