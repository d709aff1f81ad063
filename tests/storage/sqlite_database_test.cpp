// What only a database on disk can do: crash, fill up, be damaged, be too new.
#include "storage/sql/sqlite_database.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <condition_variable>
#include <filesystem>
#include <fstream>
#include <set>
#include <thread>

#include "base/log.h"
#include "storage/stores.h"
#include "tests/storage/faulty_vfs.h"
#include "tests/support/temp_dir.h"
#include "tests/support/wait_loop.h"

namespace rookery {
namespace {

constexpr std::size_t many = 1'000'000'000;

Jid jid(const std::string& text) { return *Jid::parse(text); }
const WallTime now{Seconds(1)};

// Opens a database and uses it from a thread without loop: calls block.
class OnDisk {
public:
    explicit OnDisk(const std::string& path) : OnDisk(SqliteOptions(path)) {}
    explicit OnDisk(SqliteOptions options) : storage_(open_sqlite(std::move(options))) {
        (void)run_now(storage_->stores().accounts.create(alice, {}, now));
        (void)run_now(storage_->stores().accounts.create(bob, {}, now));
    }
    // From bob to alice, a row for each.
    NewLogEntry entry(std::string text) const {
        LogCopy copy(alice, bob);
        copy.waiting = true;
        NewLogEntry made(copy, std::move(text));
        made.second.emplace(bob, alice);
        made.second->outgoing = made.second->archived = true;
        return made;
    }
    Task<Result<std::uint64_t>> start_append(std::string text) {
        NewLogEntry made = entry(std::move(text));
        Result<Appended> done = co_await storage_->stores().log.append(std::move(made));
        if (!done) co_return std::move(done).error();
        co_return done->id;
    }
    Result<std::uint64_t> append(std::string text) { return run_now(start_append(std::move(text))); }
    Result<Appended> append_once(std::uint64_t origin) {
        NewLogEntry made = entry("<message/>");
        made.origin = origin;
        return run_now(storage_->stores().log.append(std::move(made)));
    }
    std::uint64_t sent() { return run_now(storage_->stores().archive.count(bob)).value(); }
    Result<std::vector<WaitingMessage>> load_page(std::uint64_t after) {
        return run_now(storage_->stores().log.load_waiting(alice, after, many));
    }
    std::vector<WaitingMessage> load() {
        std::vector<WaitingMessage> all;
        for (;;) {
            std::vector<WaitingMessage> page = load_page(all.empty() ? 0 : all.back().id).value();
            if (page.empty()) return all;
            std::move(page.begin(), page.end(), std::back_inserter(all));
        }
    }
    Result<WriteOutcome> change(Statement statement) {
        return run_now(storage_->database().change(std::move(statement)));
    }
    DatabaseGauges gauges() { return storage_->gauges(); }
    Database& database() { return storage_->database(); }
    Storage& storage() { return *storage_; }

    const Jid alice = jid("alice@example.org");
    const Jid bob = jid("bob@example.org");

private:
    std::unique_ptr<Storage> storage_;
};

std::string refusal(const SqliteOptions& options) {
    try {
        open_sqlite(options);
        return "";
    } catch (const std::runtime_error& error) {
        return error.what();
    }
}
std::string refusal(const std::string& path) { return refusal(SqliteOptions(path)); }

void expect_one_line_about(const std::string& message, const std::string& path, const std::string& cause) {
    EXPECT_NE(message.find(path), std::string::npos) << message;
    EXPECT_NE(message.find(cause), std::string::npos) << message;
    EXPECT_EQ(message.find('\n'), std::string::npos) << message;
}

void run_script(const std::string& path, const char* sql) {
    sqlite3* handle = nullptr;
    ASSERT_EQ(sqlite3_open(path.c_str(), &handle), SQLITE_OK);
    EXPECT_EQ(sqlite3_exec(handle, sql, nullptr, nullptr, nullptr), SQLITE_OK) << sqlite3_errmsg(handle);
    sqlite3_close(handle);
}

std::string integrity_of(const std::string& path) {
    sqlite3* handle = nullptr;
    std::string verdict;
    EXPECT_EQ(sqlite3_open(path.c_str(), &handle), SQLITE_OK);
    const auto note = [](void* into, int, char** columns, char**) {
        *static_cast<std::string*>(into) += columns[0];
        return 0;
    };
    sqlite3_exec(handle, "PRAGMA integrity_check", note, &verdict, nullptr);
    sqlite3_exec(handle, "PRAGMA foreign_key_check", note, &verdict, nullptr);
    sqlite3_close(handle);
    return verdict;
}

// Holds the write lock of the file, as a backup may.
class OtherProgram {
public:
    explicit OtherProgram(const std::string& path) {
        EXPECT_EQ(sqlite3_open(path.c_str(), &handle_), SQLITE_OK);
        sqlite3_busy_timeout(handle_, 1'000);
        EXPECT_EQ(sqlite3_exec(handle_, "BEGIN IMMEDIATE", nullptr, nullptr, nullptr), SQLITE_OK);
    }
    ~OtherProgram() { let_go(); }
    void let_go() { sqlite3_close(std::exchange(handle_, nullptr)); }

private:
    sqlite3* handle_ = nullptr;
};

class SqliteDatabaseTest : public testing::Test {
protected:
    SqliteDatabaseTest() {
        log_to_function([](std::string_view) {});
    }
    ~SqliteDatabaseTest() override { log_to_function(nullptr); }

    // The headers of those that `is_damaged(page, pages)`.
    void damage_pages(const std::function<bool(int, int)>& is_damaged) const {
        const int pages = static_cast<int>(std::filesystem::file_size(path_) / 4096);
        std::fstream file(path_, std::ios::in | std::ios::out | std::ios::binary);
        for (int page = 0; page < pages; ++page) {
            if (!is_damaged(page, pages)) continue;
            file.seekp(page * 4096);
            file << std::string(64, '\xa5');
        }
    }

    int page_with(std::string_view text) const {
        std::ifstream file(path_, std::ios::binary);
        const std::string all(std::istreambuf_iterator<char>(file), {});
        return static_cast<int>(all.find(text) / 4096);
    }

    TempDir directory_;
    const std::string path_ = directory_.file("rookery.db");
};

// --- grouping --------------------------------------------------------------------------------------------------------

TEST_F(SqliteDatabaseTest, CommitsManyCallsTogether) {
    OnDisk disk(path_);
    const DatabaseGauges before = disk.gauges();
    constexpr int threads = 3, calls_each = 400;
    std::atomic<int> stored = 0;
    std::vector<std::thread> shards;
    for (int shard = 0; shard < threads; ++shard) {
        shards.emplace_back([&] {
            WaitLoop loop;
            int answered = 0;
            std::uint64_t last = 0;
            auto append = [&](int number) -> Task<void> {
                std::string text = std::to_string(number);
                auto id = co_await disk.start_append(std::move(text));
                ++answered;
                if (id && *id > last) ++stored;  // in the order this shard asked
                if (id) last = *id;
            };
            for (int i = 0; i < calls_each; ++i) spawn(append(i));
            EXPECT_TRUE(loop.run_until([&] { return answered == calls_each; }));
        });
    }
    for (std::thread& shard : shards) shard.join();
    EXPECT_EQ(stored, threads * calls_each);
    EXPECT_EQ(disk.load().size(), static_cast<std::size_t>(threads * calls_each));
    const DatabaseGauges after = disk.gauges();
    EXPECT_EQ(after.writes - before.writes, static_cast<std::uint64_t>(threads * calls_each));
    EXPECT_LT(after.commits - before.commits, static_cast<std::uint64_t>(threads * calls_each / 4));
    EXPECT_GT(after.longest_commit, Duration(0));
}

TEST_F(SqliteDatabaseTest, OneFailingCallSpoilsNoOther) {
    WaitLoop loop;
    OnDisk disk(path_);
    int created = 0, refused = 0;
    auto create = [&](std::string name) -> Task<void> {
        std::optional<Jid> account = Jid::parse(name);
        std::vector<ScramKeys> keys;
        Result<void> done = co_await disk.storage().stores().accounts.create(*account, keys, now);
        ++(done ? created : refused);
    };
    for (int i = 0; i < 100; ++i) spawn(create("user" + std::to_string(i / 2) + "@example.org"));
    ASSERT_TRUE(loop.run_until([&] { return created + refused == 100; }));
    EXPECT_EQ(created, 50);
    EXPECT_EQ(refused, 50);
}

TEST_F(SqliteDatabaseTest, RefusesWhenItsQueueIsFull) {
    SqliteOptions options(path_);
    options.max_waiting_calls = 10;
    WaitLoop loop;
    OnDisk disk(options);
    OtherProgram other(path_);
    int stored = 0, refused = 0;
    auto append = [&]() -> Task<void> {
        auto id = co_await disk.start_append("<message/>");
        if (id) ++stored;
        if (!id && id.error().code == ErrorCode::unavailable) ++refused;
    };
    for (int i = 0; i < 30; ++i) spawn(append());
    EXPECT_GE(refused, 10);  // 10 wait, and the writer may hold as many
    EXPECT_EQ(disk.gauges().refused, static_cast<std::uint64_t>(refused));
    EXPECT_GE(disk.gauges().writes_waiting, 10u);
    EXPECT_GT(disk.gauges().oldest_wait, Duration(0));
    other.let_go();
    EXPECT_TRUE(loop.run_until([&] { return stored + refused == 30; }));
    EXPECT_EQ(disk.load().size(), static_cast<std::size_t>(stored));
}

TEST_F(SqliteDatabaseTest, BoundsTheBytesThatWait) {
    SqliteOptions options(path_);
    options.max_waiting_bytes = 1'000;
    WaitLoop loop;
    OnDisk disk(options);
    EXPECT_TRUE(disk.append(std::string(100'000, 'x')));  // alone it may pass
    OtherProgram other(path_);
    int answered = 0, refused = 0;
    auto append = [&]() -> Task<void> {
        std::string text(600, 'x');
        auto id = co_await disk.start_append(std::move(text));
        ++answered;
        if (!id && id.error().code == ErrorCode::unavailable) ++refused;
    };
    for (int i = 0; i < 5; ++i) spawn(append());
    EXPECT_GE(refused, 3);
    other.let_go();
    EXPECT_TRUE(loop.run_until([&] { return answered == 5; }));
}

TEST_F(SqliteDatabaseTest, SaysUnavailableWhileAnotherProgramHoldsTheFile) {
    SqliteOptions options(path_);
    options.busy_timeout = Milliseconds(20);
    OnDisk disk(options);
    OtherProgram other(path_);
    EXPECT_EQ(disk.append("<message/>").error().code, ErrorCode::unavailable);
    EXPECT_EQ(disk.gauges().failures, 0u);
    EXPECT_FALSE(disk.gauges().healthy);
    EXPECT_TRUE(disk.load().empty());
    other.let_go();
    EXPECT_TRUE(disk.append("<message/>"));
}

TEST_F(SqliteDatabaseTest, FinishesWhatIsQueuedBeforeItCloses) {
    WaitLoop loop;
    int answered = 0;
    auto append = [&](OnDisk* disk) -> Task<void> {
        auto id = co_await disk->start_append("<message/>");
        if (id) ++answered;
    };
    {
        OnDisk disk(path_);
        for (int i = 0; i < 200; ++i) spawn(append(&disk));
    }
    EXPECT_TRUE(loop.run_until([&] { return answered == 200; }));
    EXPECT_EQ(OnDisk(path_).load().size(), 200u);
}

// --- crash and power
// ---------------------------------------------------------------------------------------------------

struct Answered {
    std::uint64_t id;
    std::uint64_t origin;
    bool operator<(const Answered& other) const { return id < other.id; }
};

[[noreturn]] void write_until_killed(const std::string& path, int answers) {
    OnDisk disk(path);
    std::vector<std::thread> writers;
    for (std::uint64_t writer = 0; writer < 4; ++writer) {
        writers.emplace_back([&, writer] {
            std::uint64_t origin = static_cast<std::uint64_t>(::getpid()) << 32 | writer << 24;
            for (;;) {
                const Result<Appended> done = disk.append_once(++origin);
                if (!done || done->duplicate) ::_exit(1);
                const Answered answer{done->id, origin};
                if (::write(answers, &answer, sizeof(answer)) != sizeof(answer)) ::_exit(1);
            }
        });
    }
    for (std::thread& writer : writers) writer.join();
    ::_exit(1);
}

std::set<Answered> kill_after(const std::string& path, std::size_t answers) {
    int ends[2];
    EXPECT_EQ(::pipe(ends), 0);
    const pid_t child = ::fork();
    if (child == 0) {
        ::close(ends[0]);
        write_until_killed(path, ends[1]);
    }
    ::close(ends[1]);
    std::set<Answered> answered;
    Answered one{};
    while (answered.size() < answers && ::read(ends[0], &one, sizeof(one)) == sizeof(one)) answered.insert(one);
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
    while (::read(ends[0], &one, sizeof(one)) == sizeof(one)) answered.insert(one);
    ::close(ends[0]);
    return answered;
}

TEST_F(SqliteDatabaseTest, KeepsEveryAnsweredWriteOverKillMinusNine) {
    std::set<Answered> answered;
    for (int round = 1; round <= 3; ++round) {
        const std::set<Answered> now_answered = kill_after(path_, 150);
        ASSERT_GE(now_answered.size(), 150u);
        for (const Answered& one : now_answered) EXPECT_TRUE(answered.insert(one).second) << "given twice: " << one.id;
        OnDisk disk(path_);
        std::set<std::uint64_t> found;
        for (const WaitingMessage& message : disk.load()) found.insert(message.id);
        for (const Answered& one : answered) EXPECT_TRUE(found.contains(one.id)) << one.id;
        EXPECT_EQ(run_now(disk.storage().stores().log.load_delivery(disk.alice)).value().messages, found.size());
        EXPECT_EQ(disk.sent(), found.size());  // both rows or none
        for (const Answered& one : now_answered) {  // who sends it again changes nothing
            const Appended again = disk.append_once(one.origin).value();
            ASSERT_TRUE(again.duplicate);
            EXPECT_EQ(again.id, one.id);
        }
        EXPECT_GT(disk.append("<message/>").value(), *found.rbegin());
    }
    EXPECT_EQ(integrity_of(path_), "ok");
}

TEST_F(SqliteDatabaseTest, KeepsEveryAnsweredWriteOverPowerLoss) {
    std::map<std::string, std::set<std::uint64_t>> cuts;  // copy of the disk -> answered before it was taken
    {
        FaultyVfs disk;
        OnDisk database(path_);
        std::mutex mutex;
        std::condition_variable more;
        std::set<std::uint64_t> answered;
        std::vector<std::thread> writers;
        for (int writer = 0; writer < 3; ++writer) {
            writers.emplace_back([&] {
                for (int i = 0; i < 120; ++i) {
                    const std::uint64_t id = database.append(std::string(20'000, 'x')).value();
                    std::lock_guard lock(mutex);
                    answered.insert(id);
                    more.notify_one();
                }
            });
        }
        const auto when_answered = [&](std::size_t count) {
            std::unique_lock lock(mutex);
            more.wait(lock, [&] { return answered.size() >= count; });
            return answered;
        };
        for (std::uint32_t seed = 0; seed < 16; ++seed) {
            const std::set<std::uint64_t> before = when_answered(4 * seed);
            const std::string copy = directory_.file("cut" + std::to_string(seed));
            disk.cut_power(path_, copy, seed);
            cuts[copy] = before;
        }
        for (std::thread& writer : writers) writer.join();
        EXPECT_GT(disk.syncs, 10);
    }
    std::size_t largest = 0;
    for (const auto& [copy, answered] : cuts) {
        if (answered.empty()) continue;  // taken while the tables were made: nothing was promised yet
        largest = std::max(largest, answered.size());
        EXPECT_EQ(integrity_of(copy), "ok") << copy;
        OnDisk database(copy);
        std::set<std::uint64_t> found;
        for (const WaitingMessage& message : database.load()) found.insert(message.id);
        for (const std::uint64_t id : answered) EXPECT_TRUE(found.contains(id)) << copy << " lost " << id;
        EXPECT_EQ(database.sent(), found.size()) << copy;
    }
    EXPECT_GT(largest, 20u);
}

TEST_F(SqliteDatabaseTest, SyncsBeforeItAnswersUnlessTold) {
    FaultyVfs disk;
    OnDisk full(path_);
    disk.syncs = 0;
    for (int i = 0; i < 5; ++i) ASSERT_TRUE(full.append("<message/>"));
    EXPECT_GE(disk.syncs, 5);

    SqliteOptions options(directory_.file("process.db"));
    options.durability = Durability::process;
    OnDisk process(options);
    disk.syncs = 0;
    for (int i = 0; i < 5; ++i) ASSERT_TRUE(process.append("<message/>"));
    EXPECT_EQ(disk.syncs, 0);
}

// --- failing disk
// --------------------------------------------------------------------------------------------------------

TEST_F(SqliteDatabaseTest, SurvivesAFullDiskAndRecovers) {
    FaultyVfs disk;
    OnDisk database(path_);
    ASSERT_TRUE(database.append("before"));
    disk.disk_full = true;
    for (int i = 0; i < 3; ++i) EXPECT_EQ(database.append("lost").error().code, ErrorCode::storage);
    EXPECT_EQ(database.load().size(), 1u);
    EXPECT_FALSE(database.gauges().healthy);
    EXPECT_EQ(database.gauges().failures, 3u);
    const std::optional<StorageTrouble> trouble = database.storage().database().trouble();
    ASSERT_TRUE(trouble);
    EXPECT_NE(trouble->error.find("full"), std::string::npos) << trouble->error;
    EXPECT_LE(trouble->since, SystemClock().wall_now());
    disk.disk_full = false;
    EXPECT_TRUE(database.append("after"));
    EXPECT_FALSE(database.storage().database().trouble());
    EXPECT_TRUE(database.gauges().healthy);
    const std::vector<WaitingMessage> kept = database.load();
    ASSERT_EQ(kept.size(), 2u);
    EXPECT_EQ(kept[1].stanza_xml, "after");
}

TEST_F(SqliteDatabaseTest, ACallThatDoesNotFitSpoilsNoOther) {
    OnDisk database(path_);
    ASSERT_TRUE(database.append("small"));
    constexpr Sql few_pages = "PRAGMA max_page_count = 60";
    constexpr Sql many_pages = "PRAGMA max_page_count = 1000000";
    (void)database.change(Statement(few_pages));
    EXPECT_EQ(database.append(std::string(1'000'000, 'x')).error().code, ErrorCode::storage);
    EXPECT_TRUE(database.append("small"));
    (void)database.change(Statement(many_pages));
    EXPECT_TRUE(database.append(std::string(1'000'000, 'x')));
    EXPECT_EQ(database.load().size(), 3u);
}

TEST_F(SqliteDatabaseTest, NeverReportsAWriteWhoseSyncFailed) {
    FaultyVfs disk;
    OnDisk database(path_);
    ASSERT_TRUE(database.append("before"));
    disk.syncs_fail = true;
    EXPECT_EQ(database.append("lost").error().code, ErrorCode::storage);
    EXPECT_EQ(database.append("lost").error().code, ErrorCode::storage);
    disk.syncs_fail = false;
    EXPECT_TRUE(database.append("after"));
    const std::vector<WaitingMessage> kept = database.load();
    ASSERT_EQ(kept.size(), 2u);
    EXPECT_EQ(kept[1].stanza_xml, "after");
}

TEST_F(SqliteDatabaseTest, NeverReportsAWriteToAFileThatIsNoLongerThere) {
    OnDisk disk(path_);
    ASSERT_TRUE(disk.append("before"));
    std::filesystem::rename(path_, path_ + ".away");
    EXPECT_EQ(disk.append("lost").error().code, ErrorCode::storage);
    std::ofstream(path_) << "another";
    EXPECT_EQ(disk.append("lost as well").error().code, ErrorCode::storage);
    ASSERT_TRUE(disk.database().trouble());
    EXPECT_NE(disk.database().trouble()->error.find("removed or replaced"), std::string::npos);
    std::filesystem::rename(path_ + ".away", path_);
    EXPECT_TRUE(disk.append("after"));
    EXPECT_FALSE(disk.database().trouble());
}

TEST_F(SqliteDatabaseTest, ReadersRecoverFromErrors) {
    FaultyVfs disk;
    {
        OnDisk fill(path_);
        ASSERT_TRUE(fill.append(std::string(200'000, 'x')));
    }
    OnDisk database(path_);
    disk.reads_fail = true;
    EXPECT_EQ(database.load_page(0).error().code,
              ErrorCode::storage);
    disk.reads_fail = false;
    EXPECT_EQ(database.load().size(), 1u);
}

TEST_F(SqliteDatabaseTest, SurvivesAFailureAtEveryOperationInTurn) {
    int n = 1;
    for (bool reached = true; reached; ++n) {
        ASSERT_LT(n, 500);
        const std::string path = directory_.file("n" + std::to_string(n));
        std::set<std::string> stored;
        {
            FaultyVfs disk;
            OnDisk database(path);
            disk.fail_after = n;
            for (int i = 0; i < 6; ++i) {
                const std::string text = std::to_string(i) + std::string(3'000, 'x');
                if (database.append(text)) stored.insert(text);
            }
            reached = disk.fail_after == 0;
            disk.fail_after = 0;
            EXPECT_GE(stored.size(), 5u) << "the one failure at operation " << n << " lasted";
            EXPECT_TRUE(database.append("after"));
        }
        OnDisk again(path);
        std::set<std::string> found;
        const std::vector<WaitingMessage> all = again.load();
        for (const WaitingMessage& message : all) found.insert(message.stanza_xml);
        for (const std::string& text : stored) EXPECT_TRUE(found.contains(text)) << "operation " << n;
        EXPECT_TRUE(found.contains("after"));
        EXPECT_EQ(again.sent(), all.size());
        EXPECT_EQ(integrity_of(path), "ok");
    }
    EXPECT_GT(n, 12);
}

TEST_F(SqliteDatabaseTest, AFailureAtAnyOperationOfTheStartIsRefusedOrHarmless) {
    int n = 1;
    for (bool reached = true; reached; ++n) {
        ASSERT_LT(n, 500);
        const std::string path = directory_.file("n" + std::to_string(n));
        {
            FaultyVfs disk;
            disk.fail_after = n;
            (void)refusal(path);
            reached = disk.fail_after == 0;
        }
        EXPECT_EQ(refusal(path), "") << "operation " << n;
        EXPECT_TRUE(OnDisk(path).append("after"));
    }
    EXPECT_GT(n, 5);
}

// --- opening
// ---------------------------------------------------------------------------------------------------------------

TEST_F(SqliteDatabaseTest, RefusesADirectoryThatIsMissing) {
    const std::string path = directory_.file("missing/rookery.db");
    expect_one_line_about(refusal(path), path, "No such file or directory");
}

TEST_F(SqliteDatabaseTest, RefusesADirectoryItMayNotWriteTo) {
    const pid_t child = ::fork();
    if (child == 0) {  // root may write anywhere, so somebody else tries
        const std::string path = directory_.file("rookery.db");
        if (::chmod(directory_.path().c_str(), 0555) != 0 || (::getuid() == 0 && ::setuid(65'534) != 0)) ::_exit(2);
        const std::string message = refusal(path);
        ::_exit(message == "cannot use database " + path + ": " + path + ".lock: Permission denied" ? 0 : 1);
    }
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ::chmod(directory_.path().c_str(), 0755);
    EXPECT_EQ(WEXITSTATUS(status), 0);
}

TEST_F(SqliteDatabaseTest, RefusesAFullDiskAtStart) {
    FaultyVfs disk;
    disk.disk_full = true;
    expect_one_line_about(refusal(path_), path_, "full");
}

TEST_F(SqliteDatabaseTest, RefusesADirectoryAndAForeignFile) {
    expect_one_line_about(refusal(directory_.path().string()), directory_.path().string(), "Is a directory");
    std::ofstream(path_) << std::string(5'000, 'x');
    expect_one_line_about(refusal(path_), path_, "not a database");
    const std::string other = directory_.file("other.db");
    run_script(other, "CREATE TABLE users (name TEXT)");
    expect_one_line_about(refusal(other), other, "not Rookery's");
}

TEST_F(SqliteDatabaseTest, RefusesAFileThatIsInUse) {
    OnDisk database(path_);
    expect_one_line_about(refusal(path_), path_, "another process uses it");
}

TEST_F(SqliteDatabaseTest, ItsFilesAreForItsUserOnly) {
    OnDisk database(path_);
    ASSERT_TRUE(database.append("<message/>"));
    for (const char* suffix : {"", "-wal", "-shm", ".lock"}) {
        struct stat status {};
        ASSERT_EQ(::stat((path_ + suffix).c_str(), &status), 0) << suffix;
        EXPECT_EQ(status.st_mode & 0777, 0600u) << suffix;
    }
}

TEST_F(SqliteDatabaseTest, FindsDamageAtStart) {
    {
        OnDisk database(path_);
        for (int i = 0; i < 200; ++i) ASSERT_TRUE(database.append("<message>" + std::to_string(i) + "</message>"));
    }
    damage_pages([](int page, int) { return page > 0; });
    expect_one_line_about(refusal(path_), path_, "damaged");
}

TEST_F(SqliteDatabaseTest, FindsDamageOfALargeFileWhileItIsInUse) {
    {
        OnDisk database(path_);
        for (int i = 0; i < 200; ++i) ASSERT_TRUE(database.append("<message>" + std::to_string(i) + "</message>"));
    }
    const int page_of_one = page_with("<message>100</message>");
    damage_pages([&](int page, int) { return page == page_of_one; });
    SqliteOptions options(path_);
    options.checked_first = 0;
    static std::atomic<bool> said = false;
    log_to_function([](std::string_view line) { said = said || line.find("database_damaged") != line.npos; });
    OnDisk database(options);
    const SteadyTime until = SteadyTime::clock::now() + Seconds(60);
    while (!said && SteadyTime::clock::now() < until) std::this_thread::sleep_for(Milliseconds(10));
    EXPECT_TRUE(said);
    const auto refused = database.append("<message/>");
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, ErrorCode::storage);
    EXPECT_THAT(refused.error().message, testing::HasSubstr("damaged"));
}

TEST_F(SqliteDatabaseTest, FindsDamageInUse) {
    {
        OnDisk database(path_);
        for (int i = 0; i < 200; ++i) ASSERT_TRUE(database.append("<message>" + std::to_string(i) + "</message>"));
    }
    SqliteOptions options(path_);
    options.check_budget = Milliseconds(0);
    OnDisk database(options);
    damage_pages([](int page, int) { return page > 0; });
    const auto loaded = database.load_page(0);
    ASSERT_FALSE(loaded);
    EXPECT_EQ(loaded.error().code, ErrorCode::storage);
}

TEST_F(SqliteDatabaseTest, TheCheckForDamageTakesBoundedTime) {
    {
        OnDisk database(path_);
        std::vector<std::thread> writers;
        for (int writer = 0; writer < 4; ++writer) {
            writers.emplace_back([&] {
                for (int i = 0; i < 10; ++i) ASSERT_TRUE(database.append(std::string(1'000'000, 'x')));
            });
        }
        for (std::thread& writer : writers) writer.join();
    }
    SqliteOptions options(path_);
    options.check_budget = Milliseconds(1);
    options.checked_first = 1u << 30;
    static std::atomic<bool> unfinished = false;
    log_to_function([](std::string_view line) { unfinished = unfinished || line.find("database_check_unfinished") != line.npos; });
    EXPECT_EQ(refusal(options), "");
    EXPECT_TRUE(unfinished);
}

TEST_F(SqliteDatabaseTest, KeepsAcrossRestarts) {
    ASSERT_TRUE(OnDisk(path_).append("<message/>"));
    EXPECT_EQ(OnDisk(path_).load().size(), 1u);
}

}  // namespace
}  // namespace rookery
