#include "storage/sql/postgres_connection.h"

#include <libpq-fe.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cassert>
#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <stdexcept>

namespace rookery {
namespace {

constexpr int oldest_server = 140'000;           // 14.0
constexpr Milliseconds closing_patience{5'000};  // for answers under way when the database is closed
constexpr Milliseconds migration_timeout{3'600'000};

// Types of values, as PostgreSQL's catalog numbers them for good.
constexpr Oid type_none = 0;  // the server finds out
constexpr Oid type_bool = 16;
constexpr Oid type_bytes = 17;
constexpr Oid type_int8 = 20;
constexpr Oid type_int2 = 21;
constexpr Oid type_int4 = 23;
constexpr Oid type_text = 25;
constexpr Oid type_numeric = 1700;

constexpr int as_text = 0;
constexpr int as_binary = 1;

std::string one_line(std::string text) {
    text.resize(std::min(text.find("\n\tIs the server running"), text.size()));  // our own cure is better
    while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.pop_back();
    std::replace(text.begin(), text.end(), '\n', ' ');
    return text;
}

Oid type_of(const SqlValue& value) {
    if (value.if_integer() || value.is_new_id()) return type_int8;
    if (value.if_text()) return type_text;
    return value.if_blob() ? type_bytes : type_none;
}

constexpr std::size_t max_values = 31;  // of a statement of the program

// Two bits a value.
std::uint64_t signature_of(const std::vector<SqlValue>& values) {
    assert(values.size() <= max_values);
    std::uint64_t signature = 1;
    for (const SqlValue& value : values) {
        const Oid type = type_of(value);
        signature = signature << 2 | (type == type_int8 ? 1u : type == type_text ? 2u : type == type_bytes ? 3u : 0u);
    }
    return signature;
}

std::string with_dollars(const char* text) {
    std::string translated = text;
    std::replace(translated.begin(), translated.end(), '?', '$');
    return translated;
}

using BigEndian = std::array<char, 8>;

BigEndian big_endian(std::int64_t number) {
    BigEndian bytes;
    auto rest = static_cast<std::uint64_t>(number);
    for (auto byte = bytes.rbegin(); byte != bytes.rend(); ++byte, rest >>= 8) *byte = static_cast<char>(rest & 0xff);
    return bytes;
}

std::string unescaped(const char* text) {
    std::size_t size = 0;
    const std::unique_ptr<unsigned char, decltype(&PQfreemem)> bytes(
        PQunescapeBytea(reinterpret_cast<const unsigned char*>(text), &size), &PQfreemem);
    return bytes ? std::string(reinterpret_cast<const char*>(bytes.get()), size) : std::string();
}

SqlValue value_at(const PGresult* result, int row, int column) {
    if (PQgetisnull(result, row, column)) return SqlValue();
    const char* text = PQgetvalue(result, row, column);
    const auto size = static_cast<std::size_t>(PQgetlength(result, row, column));
    switch (PQftype(result, column)) {
        case type_int8:
        case type_int4:
        case type_int2:
        case type_numeric: {  // sum() of BIGINT
            std::int64_t number = 0;
            std::from_chars(text, text + size, number);
            return SqlValue(number);
        }
        case type_bool:
            return SqlValue(*text == 't');
        case type_bytes:
            return SqlValue(Blob(unescaped(text)));
        default:
            return SqlValue(std::string(text, size));
    }
}

Rows rows_in(const PGresult* result) {
    const int columns = PQnfields(result);
    Rows rows(static_cast<std::size_t>(columns));
    for (int row = 0; row < PQntuples(result); ++row)
        for (int column = 0; column < columns; ++column) rows.add(value_at(result, row, column));
    return rows;
}

std::int64_t changed_by(PGresult* result) {
    if (std::string_view(PQcmdStatus(result)).starts_with("SELECT")) return 0;
    return std::strtoll(PQcmdTuples(result), nullptr, 10);
}

WriteOutcome outcome_of(PGresult* result) {
    WriteOutcome outcome;
    outcome.changed = changed_by(result);
    if (PQresultStatus(result) == PGRES_TUPLES_OK) outcome.rows = rows_in(result);
    return outcome;
}

// What was meant to be committed, but the transaction had failed before: no error for PostgreSQL.
bool rolled_back_instead(const Statement& statement, PGresult* result) {
    return std::strcmp(statement.sql().postgres(), "COMMIT") == 0 && std::strcmp(PQcmdStatus(result), "COMMIT") != 0;
}

ErrorCode error_code(std::string_view state) {
    if (state == "23505") return ErrorCode::conflict;        // unique_violation
    if (state == "23503") return ErrorCode::not_found;       // foreign_key_violation
    if (state == "55P03") return ErrorCode::unavailable;     // lock_not_available
    if (state == "57014") return ErrorCode::unavailable;     // query_canceled: Statement::within
    if (state.starts_with("23")) return ErrorCode::invalid;  // another constraint
    if (state.starts_with("22")) return ErrorCode::invalid;  // data exception: not UTF-8, out of range
    if (state.starts_with("54")) return ErrorCode::invalid;  // larger than a row or an index entry can be
    return ErrorCode::storage;
}

// A connection that is ending, or that writes to a server which does not take writes (any more): 25006.
bool breaks_connection(std::string_view state, bool writes) {
    return state.starts_with("08") || state.starts_with("57P") || (writes && state == "25006");
}

bool wants_id(const Statement* statement) {
    const std::vector<SqlValue>& values = statement->values();
    return std::any_of(values.begin(), values.end(), [](const SqlValue& value) { return value.is_new_id(); });
}

int milliseconds_until(SteadyTime until) {
    const auto left = std::chrono::ceil<Milliseconds>(until - SteadyTime::clock::now()).count();
    return static_cast<int>(std::clamp<Milliseconds::rep>(left, 0, 60'000));
}

// --- options

struct Keywords {
    std::vector<const char*> names;
    std::vector<const char*> values;

    void add(const char* name, const char* value) {
        if (!value || *value == '\0') return;
        names.push_back(name);
        values.push_back(value);
    }
    void end() {
        names.push_back(nullptr);
        values.push_back(nullptr);
    }
};

using ConnectionOptions = std::unique_ptr<PQconninfoOption, decltype(&PQconninfoFree)>;

ConnectionOptions parsed(const std::string& connection) {
    return ConnectionOptions(PQconninfoParse(connection.c_str(), nullptr), &PQconninfoFree);
}

std::string option_in(const ConnectionOptions& all, const char* name) {
    for (const PQconninfoOption* option = all.get(); option && option->keyword; ++option)
        if (std::strcmp(option->keyword, name) == 0 && option->val) return option->val;
    return {};
}

// The password of a connection string could be in libpq's own words about it.
bool can_be_read(const PostgresOptions& options) { return options.connection.empty() || parsed(options.connection); }

void ignore_notice(void*, const PGresult*) {}  // "already exists, skipping", and the like

}  // namespace

std::string describe(const PostgresOptions& options) {
    const ConnectionOptions in_text = parsed(options.connection);
    const auto chosen = [&](const std::string& set, const char* name, const char* otherwise) {
        if (!set.empty()) return set;
        const std::string found = option_in(in_text, name);
        return found.empty() ? std::string(otherwise) : found;
    };
    const std::string port = chosen(options.port > 0 ? std::to_string(options.port) : "", "port", "");
    return chosen(options.server, "host", "(local)") + (port.empty() ? "" : ":" + port) + "/" +
           chosen(options.database, "dbname", "(default)");
}

// --- StopSignal ------------------------------------------------------------------------------------------------------

StopSignal::StopSignal() : fd_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
    if (fd_ < 0) throw std::runtime_error(std::string("eventfd: ") + std::strerror(errno));
}

StopSignal::~StopSignal() { ::close(fd_); }

void StopSignal::raise() {
    since_ = SteadyTime::clock::now();
    raised_ = true;
    const std::uint64_t one = 1;
    [[maybe_unused]] const ssize_t written = ::write(fd_, &one, sizeof one);
}

// --- opening ---------------------------------------------------------------------------------------------------------

void PostgresConnection::CloseConnection::operator()(pg_conn* handle) const { PQfinish(handle); }
void PostgresConnection::ClearResult::operator()(pg_result* result) const { PQclear(result); }

PostgresConnection::PostgresConnection(pg_conn* handle, const PostgresOptions& options, const StopSignal& stop)
    : handle_(handle),
      connect_timeout_(options.connect_timeout),
      answer_timeout_(options.answer_timeout),
      stop_(stop) {}

Result<std::unique_ptr<PostgresConnection>> PostgresConnection::open(const PostgresOptions& options, Role role,
                                                                     const StopSignal& stop) {
    if (!can_be_read(options)) return Error(ErrorCode::invalid, "the connection string cannot be read");
    const std::string port = options.port > 0 ? std::to_string(options.port) : "";
    Keywords keywords;
    keywords.add("fallback_application_name", "rookery");
    keywords.add("target_session_attrs", "read-write");  // of several servers the one all write to: reads see it all
    keywords.add("dbname", options.connection.c_str());  // libpq reads what else is in it, too
    keywords.add("host", options.server.c_str());
    keywords.add("port", port.c_str());
    keywords.add("dbname", options.database.c_str());
    keywords.add("user", options.username.c_str());
    keywords.add("password", options.password.c_str());
    keywords.add("client_encoding", "UTF8");
    keywords.end();
    PGconn* handle = PQconnectStartParams(keywords.names.data(), keywords.values.data(), 1);
    if (!handle) return Error(ErrorCode::unavailable, "out of memory");
    std::unique_ptr<PostgresConnection> connection(new PostgresConnection(handle, options, stop));
    if (auto done = connection->connect(SteadyTime::clock::now() + options.connect_timeout); !done)
        return std::move(done).error();
    if (auto done = connection->configure(role); !done) return std::move(done).error();
    return connection;
}

Result<void> PostgresConnection::connect(SteadyTime until) {
    PQsetNoticeReceiver(handle_.get(), ignore_notice, nullptr);
    PostgresPollingStatusType next = PGRES_POLLING_WRITING;
    while (PQstatus(handle_.get()) != CONNECTION_BAD && next != PGRES_POLLING_OK && next != PGRES_POLLING_FAILED) {
        if (stop_.raised()) return Error(ErrorCode::unavailable, "closing");
        if (!wait_for(next == PGRES_POLLING_READING ? POLLIN : POLLOUT, until))
            return Error(ErrorCode::unavailable, "no answer from the server in time");
        next = PQconnectPoll(handle_.get());
    }
    if (next == PGRES_POLLING_OK) return {};
    return Error(ErrorCode::unavailable, one_line(PQerrorMessage(handle_.get())));
}

// A session of another kind than the administrator's default where ours depends on it. Keep-alive: a server that does
// not see that we are gone would keep the lock.
Result<void> PostgresConnection::configure(Role role) {
    if (PQserverVersion(handle_.get()) < oldest_server)
        return Error(ErrorCode::invalid, "PostgreSQL 14 or newer is needed");
    const char* encoding = PQparameterStatus(handle_.get(), "server_encoding");
    if (!encoding || std::strcmp(encoding, "UTF8") != 0)
        return Error(ErrorCode::invalid, "its encoding has to be UTF8");
    if (PQsetnonblocking(handle_.get(), 1) != 0) return lost(PQerrorMessage(handle_.get()));
    constexpr const char* settings =
        "SET statement_timeout = 0; SET lock_timeout = 0; SET idle_in_transaction_session_timeout = 0; "
        "SET default_transaction_isolation = 'read committed'; SET default_transaction_deferrable = off; "
        "SET jit = off; SET tcp_keepalives_idle = 20; SET tcp_keepalives_interval = 5; SET tcp_keepalives_count = 3; "
        "SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'";
    if (auto done = run_script(settings, answer_timeout_); !done) return done;
    if (role == Role::writer) return lock_database();
    return run_script("SET default_transaction_read_only = on", answer_timeout_);
}

// One writer at a time: ids ascend with the commits, and a commit of which nobody heard is over, one way or the other,
// before its successor writes.
Result<void> PostgresConnection::lock_database() {
    const Statement limit("SELECT set_config('lock_timeout', ?1, false)", std::to_string(connect_timeout_.count()));
    if (auto done = run(limit); !done) return std::move(done).error();
    const auto locked = run(Statement(Sql("SELECT pg_advisory_lock(1919905643, hashtext(current_schema()))")));
    if (!locked && locked.error().code == ErrorCode::unavailable)
        return Error(ErrorCode::unavailable, "another server uses it");
    if (!locked) return locked.error();
    return run_script("SET lock_timeout = 0", answer_timeout_);
}

Result<void> PostgresConnection::enter_pipeline() {
    if (PQpipelineStatus(handle_.get()) != PQ_PIPELINE_OFF || PQenterPipelineMode(handle_.get()) == 1) return {};
    return lost(PQerrorMessage(handle_.get()));
}

// --- a round trip ----------------------------------------------------------------------------------------------------

bool PostgresConnection::wait_for(short events, SteadyTime until) {
    for (;;) {
        const bool stopping = stop_.raised();
        const SteadyTime end = stopping ? std::min(until, stop_.since() + closing_patience) : until;
        pollfd watched[] = {{PQsocket(handle_.get()), events, 0}, {stop_.fd(), POLLIN, 0}};
        if (::poll(watched, stopping ? 1 : 2, milliseconds_until(end)) > 0 && watched[0].revents != 0) return true;
        if (SteadyTime::clock::now() >= end) return false;
    }
}

Error PostgresConnection::lost(const std::string& why) {
    broken_ = true;
    return Error(ErrorCode::storage, "the connection was lost: " + one_line(why));
}

Error PostgresConnection::failure(const pg_result* result) {
    const char* state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    const char* message = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);  // its details hold values
    if (!state || PQstatus(handle_.get()) == CONNECTION_BAD || breaks_connection(state, makes_ids()))
        return lost(message ? message : PQresultErrorMessage(result));
    return Error(error_code(state), one_line(message ? message : "no message") + " (" + state + ")");
}

Pipelined PostgresConnection::run_all(const std::vector<const Statement*>& statements) {
    Pipelined answer;
    if (!ids_ && std::any_of(statements.begin(), statements.end(), wants_id)) {
        answer.failed.emplace(ErrorCode::invalid, "ids are made in writes only");
        return answer;
    }
    if (auto ready = enter_pipeline(); !ready) {
        answer.failed = std::move(ready).error();
        return answer;
    }
    const SteadyTime until = SteadyTime::clock::now() + answer_timeout_;
    sent_.clear();
    bool sent = true;
    for (const Statement* statement : statements) sent = sent && send(*statement);
    if (!sent || PQpipelineSync(handle_.get()) != 1) {
        answer.failed = lost(PQerrorMessage(handle_.get()));
        return answer;
    }
    answer.outcomes.reserve(statements.size());
    for (const Sent& one : sent_) {
        receive(one, answer, until);
        if (!broken_) continue;
        if (!answer.failed) answer.failed = lost(PQerrorMessage(handle_.get()));
        return answer;
    }
    const ResultPtr sync = next_result(until);
    if (!sync || PQresultStatus(sync.get()) != PGRES_PIPELINE_SYNC) answer.failed = lost(PQerrorMessage(handle_.get()));
    return answer;
}

Result<WriteOutcome> PostgresConnection::run(const Statement& statement) {
    const std::vector<const Statement*> one(1, &statement);
    Pipelined answer = run_all(one);
    if (answer.failed) return std::move(*answer.failed);
    return std::move(answer.outcomes.front());
}

Result<void> PostgresConnection::run_each(const std::vector<Statement>& statements) {
    std::vector<const Statement*> all;
    for (const Statement& statement : statements) all.push_back(&statement);
    if (Pipelined answer = run_all(all); answer.failed) return std::move(*answer.failed);
    return {};
}

bool PostgresConnection::send(const Statement& statement) {
    const PreparedKey key(statement.sql().postgres(), signature_of(statement.values()));
    std::string& name = prepared_[key];
    if (name.empty() && !prepare(statement, key, name)) return false;
    return execute(statement, name, sent_.emplace_back(Sent{&statement, key}).new_ids);
}

bool PostgresConnection::prepare(const Statement& statement, const PreparedKey& key, std::string& name) {
    std::vector<Oid> types;
    for (const SqlValue& value : statement.values()) types.push_back(type_of(value));
    name = "s" + std::to_string(++last_name_);
    sent_.push_back(Sent{nullptr, key});
    return PQsendPrepare(handle_.get(), name.c_str(), with_dollars(key.first).c_str(), static_cast<int>(types.size()),
                         types.data()) == 1;
}

bool PostgresConnection::execute(const Statement& statement, const std::string& name, NewIds& new_ids) {
    const std::vector<SqlValue>& values = statement.values();
    std::array<const char*, max_values> data{};
    std::array<int, max_values> sizes{};
    std::array<int, max_values> formats;
    std::array<BigEndian, max_values> numbers;
    formats.fill(as_binary);
    for (std::size_t i = 0; i < values.size(); ++i) {
        const std::string* bytes = values[i].if_text();
        if (const Blob* blob = values[i].if_blob()) bytes = &blob->bytes;
        if (values[i].is_null()) continue;
        if (!bytes)
            numbers[i] = big_endian(values[i].is_new_id() ? new_ids.add(ids_->next()) : values[i].integer());
        data[i] = bytes ? bytes->data() : numbers[i].data();
        sizes[i] = static_cast<int>(bytes ? bytes->size() : numbers[i].size());
    }
    return PQsendQueryPrepared(handle_.get(), name.c_str(), static_cast<int>(values.size()), data.data(), sizes.data(),
                               formats.data(), as_text) == 1;
}

// nullptr: the end of what one statement gives, or the connection is broken.
PostgresConnection::ResultPtr PostgresConnection::next_result(SteadyTime until) {
    while (PQisBusy(handle_.get())) {
        const int unsent = PQflush(handle_.get());
        const auto events = static_cast<short>(unsent > 0 ? POLLIN | POLLOUT : POLLIN);
        if (unsent < 0 || !wait_for(events, until) || PQconsumeInput(handle_.get()) != 1) {
            broken_ = true;
            return nullptr;
        }
    }
    return ResultPtr(PQgetResult(handle_.get()));
}

void PostgresConnection::receive(const Sent& sent, Pipelined& into, SteadyTime until) {
    const ResultPtr result = next_result(until);
    if (!result) {
        const std::string why = PQerrorMessage(handle_.get());
        into.failed = lost(why.empty() ? "no answer in time" : why);
        return;
    }
    const ExecStatusType status = PQresultStatus(result.get());
    const bool good = status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK;
    if (!good) {
        note_failure(sent, result.get(), into);
    } else if (sent.statement && rolled_back_instead(*sent.statement, result.get())) {
        into.failed = Error(ErrorCode::storage, "the transaction had failed before");
    } else if (sent.statement) {
        into.outcomes.push_back(outcome_of(result.get()));
        into.outcomes.back().new_ids = sent.new_ids;
    }
    if (!broken_ && next_result(until)) into.failed = lost("an answer nobody asked for");
}

void PostgresConnection::note_failure(const Sent& sent, const pg_result* result, Pipelined& into) {
    if (!sent.statement) prepared_.erase(sent.key);
    if (PQresultStatus(result) == PGRES_PIPELINE_ABORTED) return;  // one before it failed
    into.failed = failure(result);
}

// --- schema ----------------------------------------------------------------------------------------------------------

Result<void> PostgresConnection::run_script(const char* text, Milliseconds timeout) {
    if (PQpipelineStatus(handle_.get()) != PQ_PIPELINE_OFF && PQexitPipelineMode(handle_.get()) != 1)
        return lost(PQerrorMessage(handle_.get()));
    if (PQsendQuery(handle_.get(), text) != 1) return lost(PQerrorMessage(handle_.get()));
    const SteadyTime until = SteadyTime::clock::now() + timeout;
    Result<void> done;
    while (const ResultPtr result = next_result(until))
        if (PQresultStatus(result.get()) == PGRES_FATAL_ERROR) done = failure(result.get());
    if (broken_ && done) return lost(PQerrorMessage(handle_.get()));
    return done;
}

// (synchronous_commit is ours: see configure.)
Result<std::vector<std::string>> PostgresConnection::dangers() {
    auto found = run(Statement(Sql("SELECT name || ' = off' FROM pg_catalog.pg_settings "
                                   "WHERE name IN ('fsync', 'full_page_writes') AND setting = 'off' ORDER BY name")));
    if (!found) return std::move(found).error();
    std::vector<std::string> settings;
    for (std::size_t row = 0; row < found->rows.size(); ++row) settings.push_back(found->rows.at(row, 0).take_text());
    return settings;
}

Result<bool> PostgresConnection::is_empty() {
    auto found = run(Statement(Sql("SELECT count(*) FROM pg_catalog.pg_tables WHERE schemaname = current_schema()")));
    if (!found) return std::move(found).error();
    return found->rows.at(0, 0).integer() == 0;
}

Result<bool> PostgresConnection::has_meta() {
    auto found = run(Statement(
        Sql("SELECT count(*) FROM pg_catalog.pg_tables WHERE schemaname = current_schema() AND tablename = 'meta'")));
    if (!found) return std::move(found).error();
    return found->rows.at(0, 0).integer() > 0;
}

Result<void> PostgresConnection::apply(const Migration& migration) {
    return run_script(migration.postgres, migration_timeout);
}

}  // namespace rookery
