// PostgreSQL behind Database: one connection that writes, a few that only read, each with a thread of its own, in
// pipeline mode and with prepared statements (docs/storage.md).
//
// While the server is away calls wait, at most `patience` from when they were made, and then answer unavailable:
// nothing was done. A call whose commit was on its way when the connection broke answers storage. Connections come
// back by themselves.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "storage/sql/database.h"

namespace rookery {

struct PostgresOptions {
    // As libpq takes it: "host=/run/postgresql dbname=rookery" or "postgresql://...". What is set below comes before
    // what is in it; what is set nowhere is libpq's default. Never logged: it may hold a password.
    std::string connection;
    std::string server;  // ejabberd's sql_server, sql_port, ...: a host, an address, or the folder of a Unix socket
    std::uint16_t port = 0;
    std::string database;
    std::string username;
    std::string password;
    std::size_t pool_size = 5;  // connections, one of them for writing

    std::size_t max_waiting_calls = 10'000;     // reads and writes each; past it: ErrorCode::unavailable
    std::size_t max_waiting_bytes = 64u << 20;  // of the values of waiting writes
    Milliseconds patience{5'000};               // how long a call waits for a server that is away
    Milliseconds connect_timeout{5'000};        // for one attempt, with the wait for a predecessor's lock
    Milliseconds answer_timeout{30'000};        // a server that is silent for so long counts as gone
    const Clock* clock = &system_clock();       // stamps ids; outlives the database
};

// Connects, takes the database for this server alone (a lock, which ends with the connection), migrates it (schema.h)
// and starts the threads. Throws std::runtime_error with one line that names server, database and cause: not
// reachable, not let in, no such database, not in UTF-8, used by another server, schema too new (both versions named).
std::unique_ptr<Database> open_postgres_database(PostgresOptions options);

// Connects for a look and changes nothing; a server may be using the database. Throws as above. Settings of PostgreSQL
// are given back that make committed data unsafe ("fsync = off").
// Gives up the database to a program that takes over while this one is at rest, and takes it back. As writes, on the
// connection that writes; a connection made anew takes it anyway.
Statement postgres_release();
Statement postgres_regain();

std::vector<std::string> look_at_postgres(const PostgresOptions& options);

// Where it connects to, for messages: "server:port/database", without what is secret.
std::string describe(const PostgresOptions& options);

}  // namespace rookery
