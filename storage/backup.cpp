#include "storage/backup.h"

#include <fcntl.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <optional>
#include <stdexcept>

#include "storage/sql/database_file.h"
#include "storage/sql/postgres_connection.h"
#include "storage/sql/sqlite_connection.h"

namespace rookery {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t max_faults_told = 5;
constexpr const char* partial = ".partial";  // what is written, until it is complete

[[noreturn]] void fail(const std::string& what, const std::string& why) { throw std::runtime_error(what + ": " + why); }

template <class T>
T checked(Result<T> result, const std::string& what) {
    if (!result) fail(what, result.error().message);
    return std::move(*result);
}

void run(SchemaTarget& target, Sql sql, const std::string& what) { (void)checked(target.run(Statement(sql)), what); }

// --- sources: one moment of a database
// ---------------------------------------------------------------------------------

// The file may be gone when it is closed.
struct Source {
    std::unique_ptr<SchemaTarget> connection;
    std::string name;
};

void begin_reading(const Source& source) {
    constexpr Sql begin{"BEGIN", "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"};
    run(*source.connection, begin, source.name);
}

// Its schema; refused if it is unknown to us, since a copy would lack what is new in it.
int known_schema(SchemaTarget& target, const std::string& name) {
    const int schema = checked(usable_schema(target, migrations()), name);
    if (schema == 0) fail(name, "there is nothing in it");
    if (schema > migrations().back().schema)
        fail(name, "it has schema " + std::to_string(schema) + ", which a newer Rookery made; use that one");
    return schema;
}

bool is_up_to_date(SchemaTarget& target, const std::string& name) {
    return known_schema(target, name) == migrations().back().schema && !checked(has_leftovers(target), name);
}

Source read_file(const std::string& path) {
    if (!fs::exists(path)) fail(path, "there is no such file");
    return Source{checked(SqliteConnection::open_to_read(path), path), path};
}

Source read_postgres(const PostgresOptions& options, PostgresConnection::Role role, const StopSignal& stop) {
    const std::string name = "PostgreSQL database " + describe(options);
    return Source{checked(PostgresConnection::open(options, role, stop), name), name};
}

// What a server may be using.
Source open_live(const StorageOptions& from, const StopSignal& stop) {
    const auto* sqlite = std::get_if<SqliteOptions>(&from);
    Source source = sqlite ? read_file(sqlite->path)
                           : read_postgres(std::get<PostgresOptions>(from), PostgresConnection::Role::reader, stop);
    begin_reading(source);
    if (!is_up_to_date(*source.connection, source.name))
        fail(source.name, "an older Rookery has made it; start this one on it first");
    return source;
}

// --- targets
// -----------------------------------------------------------------------------------------------------------

// A SQLite file that appears at its place when it is complete, and not at all otherwise.
class NewFile {
public:
    enum class Existing { refused, replaced };

    explicit NewFile(const std::string& place, Existing existing = Existing::refused)
        : existing_(existing), place_(place), path_(place + partial) {
        if (existing_ == Existing::refused && fs::exists(place))
            fail(place, "it is there already; name another file, or move it away");
        const FileDescriptor made(::open(path_.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
        if (made.get() >= 0) return;
        if (errno == EEXIST) fail(path_, "somebody writes it now, or was stopped at it: then remove it");
        fail(path_, std::strerror(errno));
    }
    NewFile(const NewFile&) = delete;
    NewFile& operator=(const NewFile&) = delete;
    ~NewFile() {
        std::error_code ignored;
        if (!kept_) fs::remove(path_, ignored);
    }

    TableSums fill(const Source& source, const CopyProgress& progress) {
        TableSums sums = copy_into(source, progress);
        sync_file(path_);
        return sums;
    }

    void put_in_place() {
        if (existing_ == Existing::refused && fs::exists(place_)) fail(place_, "somebody else made it meanwhile");
        fs::rename(path_, place_);
        kept_ = true;
        sync_directory_of(place_);
    }

private:
    TableSums copy_into(const Source& source, const CopyProgress& progress) {
        const auto target = checked(SqliteConnection::open_to_fill(path_), path_);
        if (auto made = migrate(*target, migrations()); !made) fail(path_, made.error().message);
        run(*target, "BEGIN", path_);
        TableSums sums = checked(copy_all(*source.connection, *target, progress), source.name + " to " + path_);
        run(*target, "COMMIT", path_);
        return sums;
    }

    const Existing existing_;
    const std::string place_;
    const std::string path_;
    bool kept_ = false;
};

TableSums copy_to_new_file(const Source& source, const std::string& file, const CopyProgress& progress) {
    NewFile made(file);
    TableSums sums = made.fill(source, progress);
    made.put_in_place();
    return sums;
}

// PostgreSQL for us alone, while it is filled in one transaction.
class FilledPostgres {
public:
    explicit FilledPostgres(const PostgresOptions& options)
        : source_(read_postgres(options, PostgresConnection::Role::writer, never_)) {
        if (auto made = migrate(target(), migrations()); !made) fail(source_.name, made.error().message);
    }

    bool has_content() { return checked(has_rows(target()), source_.name); }
    const Source& as_source() const { return source_; }

    TableSums fill(const Source& from, const CopyProgress& progress) {
        run(target(), "BEGIN", source_.name);
        run(target(), "TRUNCATE account CASCADE", source_.name);  // and all that belongs to accounts
        TableSums sums = checked(copy_all(*from.connection, target(), progress), from.name + " to " + source_.name);
        run(target(), "COMMIT", source_.name);
        run(target(), "ANALYZE", source_.name);
        return sums;
    }

private:
    SchemaTarget& target() { return *source_.connection; }

    const StopSignal never_;
    const Source source_;
};

// --- restoring
// ---------------------------------------------------------------------------------------------------------

std::vector<std::string> faults_in(SchemaTarget& target, const std::string& name) {
    std::vector<std::string> faults;
    const Rows pages = checked(target.run(Statement(Sql("PRAGMA integrity_check(5)"))), name).rows;
    for (std::size_t row = 0; row < pages.size(); ++row)
        if (pages.at(row, 0).text() != "ok") faults.push_back(pages.at(row, 0).text());
    const Rows orphans = checked(target.run(Statement(Sql("PRAGMA foreign_key_check"))), name).rows;
    for (std::size_t row = 0; row < orphans.size() && faults.size() < max_faults_told; ++row)
        faults.push_back("a row of " + orphans.at(row, 0).text() + " belongs to nobody");
    return faults;
}

// A copy that goes away, brought up to date.
class Upgraded {
public:
    Upgraded(const Source& old, const std::string& near) : path_(near + ".upgraded") {
        fs::remove(path_);
        { const FileDescriptor made = open_private(path_, path_); }
        (void)checked(old.connection->run(Statement("VACUUM INTO ?1", path_)), old.name);
        const auto connection = checked(SqliteConnection::open_to_fill(path_), path_);
        if (auto done = migrate(*connection, migrations()); !done) fail(old.name, done.error().message);
    }
    Upgraded(const Upgraded&) = delete;
    Upgraded& operator=(const Upgraded&) = delete;
    ~Upgraded() {
        std::error_code ignored;
        fs::remove(path_, ignored);
    }
    const std::string& path() const { return path_; }

private:
    const std::string path_;
};

// Nobody uses the database; what it was stays reachable at every moment, under one name or the other.
void keep_file(const std::string& path, const std::string& keep) {
    if (fs::exists(keep)) fail(keep, "it is there already");
    // Opened and closed, so that everything is in the one file; unless it is damaged.
    { (void)SqliteConnection::open(SqliteOptions(path), SqliteConnection::Role::writer); }
    fs::create_hard_link(path, keep);
    if (fs::exists(path + "-wal")) fs::rename(path + "-wal", keep + "-wal");
    fs::remove(path + "-shm");
}

TableSums restore_to_file(const Source& source, const std::string& path, const std::string& keep,
                          const CopyProgress& progress) {
    const FileDescriptor lock = lock_database_file(path);
    NewFile made(path, NewFile::Existing::replaced);
    TableSums sums = made.fill(source, progress);
    if (fs::exists(path)) keep_file(path, keep);
    made.put_in_place();
    return sums;
}

TableSums restore_to_postgres(const Source& source, const PostgresOptions& to, const std::string& keep,
                              const CopyProgress& progress) {
    FilledPostgres target(to);
    if (target.has_content()) {
        begin_reading(target.as_source());
        (void)copy_to_new_file(target.as_source(), keep, progress);
        run(*target.as_source().connection, "COMMIT", target.as_source().name);
    }
    return target.fill(source, progress);
}

}  // namespace

TableSums back_up(const StorageOptions& from, const std::string& file, const CopyProgress& progress) {
    const StopSignal never;
    return copy_to_new_file(open_live(from, never), file, progress);
}

VerifiedFile verify(const std::string& file, const CopyProgress& progress) {
    const Source source = read_file(file);
    begin_reading(source);
    VerifiedFile found;
    found.schema = known_schema(*source.connection, file);
    const std::vector<std::string> faults = faults_in(*source.connection, file);
    if (!faults.empty()) fail(file, "it is damaged: " + faults.front());
    if (found.schema == migrations().back().schema) found.tables = checked(sum_up(*source.connection, progress), file);
    return found;
}

TableSums restore(const std::string& file, const StorageOptions& to, const std::string& keep,
                  const CopyProgress& progress) {
    (void)verify(file, progress);
    Source source = read_file(file);
    std::optional<Upgraded> upgraded;
    if (!is_up_to_date(*source.connection, file)) source = read_file(upgraded.emplace(source, keep).path());
    begin_reading(source);
    if (const auto* sqlite = std::get_if<SqliteOptions>(&to))
        return restore_to_file(source, sqlite->path, keep, progress);
    return restore_to_postgres(source, std::get<PostgresOptions>(to), keep, progress);
}

TableSums move_to_postgres(const SqliteOptions& from, const PostgresOptions& to, const CopyProgress& progress) {
    if (!fs::exists(from.path)) fail(from.path, "there is no such file");
    const FileDescriptor lock = lock_database_file(from.path);
    auto connection = checked(SqliteConnection::open(from, SqliteConnection::Role::writer), from.path);
    if (auto done = migrate(*connection, migrations()); !done) fail(from.path, done.error().message);
    const Source source{std::move(connection), from.path};
    begin_reading(source);
    FilledPostgres target(to);
    if (target.has_content())
        fail(target.as_source().name, "it has accounts already; name an empty one in 'sql_database'");
    return target.fill(source, progress);
}

TableSums move_to_sqlite(const PostgresOptions& from, const SqliteOptions& to, const CopyProgress& progress) {
    const FileDescriptor lock = lock_database_file(to.path);
    const StopSignal never;
    const Source source = read_postgres(from, PostgresConnection::Role::writer, never);
    if (!is_up_to_date(*source.connection, source.name))
        fail(source.name, "an older Rookery has made it; start this one on it first");
    begin_reading(source);
    return copy_to_new_file(source, to.path, progress);
}

}  // namespace rookery
