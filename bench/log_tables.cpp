// What each index of the log costs an append: the writes of a message between two accounts (two rows, the duplicate
// check) on bare SQLite, with other tables and indexes than storage/sql/schema.cpp has.
//   bench_log_tables FILE [messages there before, default 200000]
// CPU is of the process, kernel included; `pages` is how many each message writes into the write-ahead log, which
// depends on the tables alone and not on how busy the machine is.
#include <sqlite3.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <random>
#include <string>

namespace {

struct Variant {
    const char* name;
    const char* ddl;
    bool checks_duplicates = true;
    bool second_row_has_origin = false;
};

#define COLUMNS                                                                                        \
    "owner INTEGER NOT NULL REFERENCES account (id), peer TEXT NOT NULL, peer_resource TEXT NOT NULL," \
    "peer_hash INTEGER NOT NULL, outgoing INTEGER NOT NULL, archived INTEGER NOT NULL,"                \
    "waiting INTEGER NOT NULL, origin INTEGER, bytes INTEGER NOT NULL, stanza TEXT NOT NULL"
#define LOG "CREATE TABLE log (id INTEGER PRIMARY KEY, " COLUMNS ") STRICT;"
#define ORIGIN "CREATE INDEX log_origin ON log (origin) WHERE origin IS NOT NULL;"
#define OWNER "CREATE INDEX log_owner ON log (owner, id, archived, peer_hash);"

constexpr Variant variants[] = {
    {"no index at all, no check", LOG, false},
    {"owner+id+archived+peer_hash, no check", LOG OWNER, false},
    {"the same and origin: what we have", LOG OWNER ORIGIN},
    {"the same, origin in both rows", LOG OWNER ORIGIN, true, true},
    {"owner+id+archived+peer_hash; owner+origin",
     LOG OWNER "CREATE INDEX log_origin ON log (owner, origin) WHERE origin IS NOT NULL;"},
    {"owner; owner+peer_hash; origin",
     LOG "CREATE INDEX log_owner ON log (owner); CREATE INDEX log_peer ON log (owner, peer_hash);" ORIGIN},
    {"owner; owner+peer; owner if waiting; owner+origin",
     LOG "CREATE INDEX log_owner ON log (owner); CREATE INDEX log_peer ON log (owner, peer);"
         "CREATE INDEX log_waiting ON log (owner) WHERE waiting = 1;"
         "CREATE INDEX log_origin ON log (owner, origin) WHERE origin IS NOT NULL;"},
    {"rows kept by owner (WITHOUT ROWID); origin",
     "CREATE TABLE log (id INTEGER NOT NULL, " COLUMNS ", PRIMARY KEY (owner, id)) STRICT, WITHOUT ROWID;" ORIGIN},
};

constexpr std::size_t accounts = 1'000;
constexpr std::size_t contacts = 20;
const std::string stanza(380, 'x');

double cpu_seconds() {
    struct rusage usage {};
    ::getrusage(RUSAGE_SELF, &usage);
    const auto seconds = [](const timeval& time) { return double(time.tv_sec) + double(time.tv_usec) / 1e6; };
    return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

class Log {
public:
    Log(const char* path, const Variant& variant) : variant_(variant) {
        for (const char* suffix : {"", "-wal", "-shm"}) ::unlink((std::string(path) + suffix).c_str());
        sqlite3_open(path, &handle_);
        run("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;"
            "PRAGMA cell_size_check = ON; PRAGMA cache_size = -16384; PRAGMA wal_autocheckpoint = 2000;"
            "CREATE TABLE account (id INTEGER PRIMARY KEY, domain TEXT NOT NULL, local TEXT NOT NULL,"
            "UNIQUE (domain, local)) STRICT;");
        run(variant.ddl);
        run("BEGIN");
        for (std::size_t i = 0; i < accounts; ++i) {
            run(("INSERT INTO account (domain, local) VALUES ('example.org', '" + local(i) + "')").c_str());
        }
        run("COMMIT");
        const std::string insert =
            "INSERT INTO log (id, owner, peer, peer_resource, peer_hash, outgoing, archived, waiting, origin, bytes, "
            "stanza) SELECT ?1, id, ?4, 'phone', ?5, ?6, 1, ?7, ?8, length(?9), ?9 FROM account "
            "WHERE domain = ?2 AND local = ?3";
        const std::string unless_seen =
            " AND NOT EXISTS (SELECT 1 FROM log AS seen WHERE seen.origin = ?8 AND seen.owner = account.id "
            "AND seen.id >= ?1 - 362387865600000)";
        insert_ = prepare(insert + (variant.checks_duplicates ? unless_seen : ""));
    }
    Log(const Log&) = delete;
    ~Log() {
        sqlite3_finalize(insert_);
        sqlite3_close(handle_);
    }

    void append(std::size_t messages, std::size_t batch) {
        while (messages > 0) {
            run("BEGIN IMMEDIATE");
            for (std::size_t i = 0; i < batch && messages > 0; ++i, --messages) append_message();
            run("COMMIT");
        }
    }
    int pages_written() {  // since the last time
        int count = 0, unused = 0;
        sqlite3_db_status(handle_, SQLITE_DBSTATUS_CACHE_WRITE, &count, &unused, 1);
        return count;
    }

private:
    static std::string local(std::size_t account) { return "user" + std::to_string(account); }

    void append_message() {
        const std::size_t from = chance_() % accounts;
        const std::size_t to = (from + 1 + chance_() % contacts) % accounts;
        const auto origin = static_cast<sqlite3_int64>(chance_());
        run("SAVEPOINT one");
        append_row(to, from, false, origin);
        append_row(from, to, true, origin);
        run("RELEASE one");
    }
    void append_row(std::size_t owner, std::size_t peer, bool outgoing, sqlite3_int64 origin) {
        const std::string owner_text = local(owner), peer_text = local(peer) + "@example.org";
        id_ += chance_() % 3 == 0 ? 1 << 22 : 1;
        sqlite3_bind_int64(insert_, 1, id_);
        sqlite3_bind_text(insert_, 2, "example.org", -1, SQLITE_STATIC);
        sqlite3_bind_text(insert_, 3, owner_text.c_str(), -1, SQLITE_STATIC);
        sqlite3_bind_text(insert_, 4, peer_text.c_str(), -1, SQLITE_STATIC);
        sqlite3_bind_int64(insert_, 5, std::hash<std::string>()(peer_text) & 0xffff'ffff);
        sqlite3_bind_int(insert_, 6, outgoing);
        sqlite3_bind_int(insert_, 7, !outgoing);
        sqlite3_bind_null(insert_, 8);
        if (!outgoing || variant_.second_row_has_origin) sqlite3_bind_int64(insert_, 8, origin);
        sqlite3_bind_text(insert_, 9, stanza.c_str(), -1, SQLITE_STATIC);
        if (sqlite3_step(insert_) != SQLITE_DONE) fail();
        sqlite3_reset(insert_);
    }

    sqlite3_stmt* prepare(const std::string& sql) {
        sqlite3_stmt* statement = nullptr;
        if (sqlite3_prepare_v2(handle_, sql.c_str(), -1, &statement, nullptr) != SQLITE_OK) fail();
        return statement;
    }
    void run(const char* sql) {
        if (sqlite3_exec(handle_, sql, nullptr, nullptr, nullptr) != SQLITE_OK) fail();
    }
    [[noreturn]] void fail() {
        std::fprintf(stderr, "%s: %s\n", variant_.name, sqlite3_errmsg(handle_));
        std::exit(1);
    }

    const Variant& variant_;
    sqlite3* handle_ = nullptr;
    sqlite3_stmt* insert_ = nullptr;
    std::mt19937_64 chance_{1};
    sqlite3_int64 id_ = sqlite3_int64{1} << 50;
};

void measure(const char* path, const Variant& variant, std::size_t before) {
    Log log(path, variant);
    log.append(before, 5'000);
    std::printf("%-52s", variant.name);
    for (const std::size_t batch : {5, 20, 100, 500}) {
        const std::size_t messages = batch < 20 ? 8'000 : 20'000;
        log.pages_written();
        const double begun = cpu_seconds();
        log.append(messages, batch);
        std::printf("  %6.1f us %5.2f pages", (cpu_seconds() - begun) / double(messages) * 1e6,
                    double(log.pages_written()) / double(messages));
    }
    std::printf("\n");
    std::fflush(stdout);
}

}  // namespace

int main(int argc, char** argv) {
    if (argc < 2) {
        std::fprintf(stderr, "usage: bench_log_tables FILE [MESSAGES]\n");
        return 2;
    }
    std::printf("%-52s  %-22s  %-20s  %-20s  %s\n", "a message, in commits of", "5", "20", "100", "500");
    for (const Variant& variant : variants) {
        measure(argv[1], variant, argc > 2 ? std::strtoull(argv[2], nullptr, 10) : 200'000);
    }
    for (const char* suffix : {"", "-wal", "-shm"}) ::unlink((std::string(argv[1]) + suffix).c_str());
    return 0;
}
