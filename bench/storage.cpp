// Durable appends to the log: how many a second, how long one waits, and what they cost, with N in flight; then reads
// from what that left behind, and how long it takes to open it.
//   bench_storage DIRECTORY|CONNECTION [seconds for each line, default 3] [messages there before, default 0]
// The directory decides what is measured: an fsync of a disk, or of memory (/dev/shm). A connection string of libpq
// ("host=... dbname=...") measures PostgreSQL, in a database without accounts, which keeps what is written; the CPU of
// all PostgreSQL processes of this machine is printed beside our own.
#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <random>
#include <string>
#include <vector>

#include "storage/stores.h"
#include "tests/support/wait_loop.h"

namespace rookery {
namespace {

constexpr int accounts = 1'000;
const std::string stanza = "<message type='chat'><body>" + std::string(300, 'x') + " word</body></message>";
constexpr std::size_t contacts = 20;  // of an account

enum class Rows { one, two, two_with_origin };

struct Run {
    Stores stores;
    const std::vector<Jid>& owners;
    SteadyTime end;
    Rows rows = Rows::one;
    std::vector<Duration> waits = {};
    int running = 0;
    std::size_t next = 0;
    std::mt19937_64 chance{1};
    bool failed = false;

    std::size_t pick() { return chance() % owners.size(); }
    const Jid& next_owner() { return owners[next++ % owners.size()]; }
};

NewLogEntry make_entry(Run& run) {
    const std::size_t from = run.pick();
    const Jid& sender = run.owners[from];
    const Jid& recipient = run.owners[(from + 1 + run.chance() % contacts) % run.owners.size()];
    LogCopy copy(recipient, *sender.with_resource("phone"));
    copy.waiting = true;
    copy.archived = run.rows != Rows::one;
    NewLogEntry entry(copy, stanza);
    if (run.rows == Rows::one) return entry;
    entry.second.emplace(sender, recipient);
    entry.second->outgoing = entry.second->archived = true;
    if (run.rows == Rows::two_with_origin) entry.origin = run.chance();
    return entry;
}

Task<void> append_until_end(Run* run) {
    while (SteadyTime::clock::now() < run->end) {
        const SteadyTime begun = SteadyTime::clock::now();
        NewLogEntry entry = make_entry(*run);
        auto done = co_await run->stores.log.append(std::move(entry));
        if (!done || done->duplicate) run->failed = true;
        run->waits.push_back(SteadyTime::clock::now() - begun);
    }
    --run->running;
}

// What a login reads, and what an acknowledgement writes.
Task<void> load_until_end(Run* run) {
    while (SteadyTime::clock::now() < run->end) {
        const SteadyTime begun = SteadyTime::clock::now();
        auto found = co_await run->stores.log.load_delivery(run->next_owner());
        if (!found) run->failed = true;
        run->waits.push_back(SteadyTime::clock::now() - begun);
    }
    --run->running;
}

Task<void> acknowledge_until_end(Run* run) {
    std::uint64_t through = 0;
    while (SteadyTime::clock::now() < run->end) {
        const SteadyTime begun = SteadyTime::clock::now();
        std::vector<std::uint64_t> beyond;
        auto done = co_await run->stores.log.acknowledge(run->next_owner(), ++through, std::move(beyond));
        if (!done) run->failed = true;
        run->waits.push_back(SteadyTime::clock::now() - begun);
    }
    --run->running;
}

// The newest page of an account's archive.
Task<void> page_until_end(Run* run) {
    while (SteadyTime::clock::now() < run->end) {
        const SteadyTime begun = SteadyTime::clock::now();
        ArchiveFilter filter;
        PageRequest page(50);
        page.backward = true;
        auto found = co_await run->stores.archive.query(run->next_owner(), std::move(filter), page);
        if (!found) run->failed = true;
        run->waits.push_back(SteadyTime::clock::now() - begun);
    }
    --run->running;
}

double cpu_seconds() {
    struct rusage usage {};
    ::getrusage(RUSAGE_SELF, &usage);
    const auto seconds = [](const timeval& time) { return double(time.tv_sec) + double(time.tv_usec) / 1e6; };
    return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

// Of all processes called postgres: zero for SQLite, and for a server on another machine.
double postgres_cpu_seconds() {
    std::uint64_t ticks = 0;
    for (const auto& process : std::filesystem::directory_iterator("/proc")) {
        std::ifstream file(process.path() / "stat");
        std::string pid, name, skipped;
        if (!(file >> pid >> name) || name != "(postgres)") continue;
        std::uint64_t user = 0, system = 0;
        for (int field = 3; field < 14; ++field) file >> skipped;
        if (file >> user >> system) ticks += user + system;
    }
    return double(ticks) / double(::sysconf(_SC_CLK_TCK));
}

double milliseconds(Duration duration) { return std::chrono::duration<double, std::milli>(duration).count(); }

struct Cpu {
    double ours = cpu_seconds();
    double postgres = postgres_cpu_seconds();
};

void report(const char* what, Run& run, int in_flight, double seconds, const Cpu& cpu, const DatabaseGauges& before,
            const DatabaseGauges& after) {
    const Cpu now;
    std::sort(run.waits.begin(), run.waits.end());
    const auto at = [&](double part) {
        return milliseconds(run.waits[std::size_t(part * double(run.waits.size() - 1))]);
    };
    const std::uint64_t commits = after.commits - before.commits;
    const double grouped = commits ? double(after.writes - before.writes) / double(commits) : 0;
    std::printf(
        "%-16s %5d in flight %8.0f /s   p50 %7.3f ms   p99 %7.3f ms   worst %7.3f ms   %5.1f calls/commit   %5.1f us "
        "CPU   %5.1f us of PostgreSQL%s\n",
        what, in_flight, double(run.waits.size()) / seconds, at(0.5), at(0.99), at(1), grouped,
        (now.ours - cpu.ours) / double(run.waits.size()) * 1e6,
        (now.postgres - cpu.postgres) / double(run.waits.size()) * 1e6, run.failed ? "   FAILED" : "");
}

void measure(const char* what, Task<void> (*work)(Run*), Storage& storage, const std::vector<Jid>& owners,
             WaitLoop& loop, int in_flight, int seconds, Rows rows = Rows::one) {
    Run run{storage.stores(), owners, SteadyTime::clock::now() + Seconds(seconds), rows};
    run.chance.seed(std::random_device()());
    const DatabaseGauges before = storage.gauges();
    const Cpu cpu_before;
    run.running = in_flight;
    for (int i = 0; i < in_flight; ++i) spawn(work(&run));
    loop.run_until([&] { return run.running == 0; }, Seconds(seconds + 60));
    report(what, run, in_flight, seconds, cpu_before, before, storage.gauges());
}

// What the disk itself takes, for comparison: one thread that appends a page and syncs.
void measure_sync(const std::string& path, int seconds) {
    const int file = ::open(path.c_str(), O_RDWR | O_CREAT | O_TRUNC, 0600);
    const std::string page(4'096, 'x');
    std::vector<Duration> waits;
    const SteadyTime end = SteadyTime::clock::now() + Seconds(seconds);
    while (SteadyTime::clock::now() < end) {
        const SteadyTime begun = SteadyTime::clock::now();
        if (::write(file, page.data(), page.size()) < 0 || ::fdatasync(file) != 0) break;
        waits.push_back(SteadyTime::clock::now() - begun);
    }
    ::close(file);
    ::unlink(path.c_str());
    if (waits.empty()) return;
    std::sort(waits.begin(), waits.end());
    std::printf("write of a page and fdatasync alone: %.0f /s, p50 %.3f ms, p99 %.3f ms\n",
                double(waits.size()) / seconds, milliseconds(waits[waits.size() / 2]),
                milliseconds(waits[waits.size() * 99 / 100]));
}

std::vector<Jid> make_accounts(Storage& storage, WaitLoop& loop) {
    std::vector<Jid> owners;
    for (int i = 0; i < accounts; ++i) {
        owners.push_back(*Jid::parse("user" + std::to_string(i) + "@example.org"));
        loop.wait(storage.stores().accounts.create(owners.back(), {}, WallTime())).value();
    }
    return owners;
}

Task<void> append_some(Run* run, std::size_t* left) {
    while (*left > 0) {
        --*left;
        NewLogEntry entry = make_entry(*run);
        auto done = co_await run->stores.log.append(std::move(entry));
        if (!done) run->failed = true;
    }
    --run->running;
}

void fill(Storage& storage, const std::vector<Jid>& owners, WaitLoop& loop, std::size_t messages) {
    Run run{storage.stores(), owners, SteadyTime(), Rows::two_with_origin};
    const double cpu_before = cpu_seconds();
    std::size_t left = messages;
    run.running = 500;
    for (int i = 0; i < 500; ++i) spawn(append_some(&run, &left));
    loop.run_until([&] { return run.running == 0; }, Seconds(3'600));
    std::printf("filled with %zu messages of two rows, 500 in flight: %.1f us CPU each%s\n", messages,
                (cpu_seconds() - cpu_before) / double(std::max<std::size_t>(messages, 1)) * 1e6,
                run.failed ? "   FAILED" : "");
}

template <class Work>
void time_once(const char* what, Work work) {
    const SteadyTime begun = SteadyTime::clock::now();
    const std::uint64_t found = work();
    std::printf("%-60s %8.3f ms  (%llu)\n", what, milliseconds(SteadyTime::clock::now() - begun),
                static_cast<unsigned long long>(found));
}

// One account with a large archive: what its questions cost.
void measure_large_archive(Storage& storage, const std::vector<Jid>& owners, WaitLoop& loop, std::size_t messages) {
    Run run{storage.stores(), owners, SteadyTime(), Rows::two_with_origin};
    const Jid owner = owners.front();
    const Jid rare = *Jid::parse("rare@elsewhere.example");
    for (std::size_t i = 0; i < messages; i += 500) {
        std::size_t answered = 0;
        auto append_one = [&](Jid peer) -> Task<void> {
            LogCopy copy(owner, std::move(peer));
            copy.archived = true;
            NewLogEntry entry(copy, stanza);
            auto done = co_await run.stores.log.append(std::move(entry));
            if (done) ++answered;
        };
        for (std::size_t k = 0; k < 500; ++k) spawn(append_one(i + k == 0 ? rare : owners[1 + k % contacts]));
        loop.run_until([&] { return answered == 500; });
    }
    ArchiveStore& archive = run.stores.archive;
    ArchiveFilter filter;
    PageRequest page(50);
    page.backward = true;
    const auto ask = [&] { return loop.wait(archive.query(owner, filter, page)).value().messages.size(); };
    std::printf("one account with %zu messages:\n", messages);
    time_once("newest 50", ask);
    time_once("newest 50 again", ask);
    filter.with = rare;
    time_once("newest 50 with a peer who wrote first of all", ask);
    time_once("the same again", ask);
    filter.with = owners[2];
    time_once("newest 50 with a peer who wrote often", ask);
    page.total = true;
    time_once("the same, and the total", ask);
    time_once("count", [&] { return loop.wait(archive.count(owner)).value(); });
    filter = ArchiveFilter();
    filter.text = "word";
    page.total = false;
    time_once("first search, indexes 4,000", ask);
    time_once("second search, indexes 4,000", ask);
    std::uint64_t removed = 0;
    time_once("remove all of it, in slices", [&] {
        filter.text.clear();
        for (std::uint64_t after = 0, first = 1; first || after > 0; first = 0) {
            const RemovedSlice slice = loop.wait(archive.remove(owner, filter, after)).value();
            removed += slice.removed;
            after = slice.next;
        }
        return removed;
    });
}

void measure_all(Storage& storage, WaitLoop& loop, int seconds, std::size_t messages) {
    const std::vector<Jid> owners = make_accounts(storage, loop);
    if (messages > 0) fill(storage, owners, loop, messages);
    const auto append = [&](const char* what, Rows rows) {
        for (const int in_flight : {1, 10, 100, 1'000}) {
            measure(what, append_until_end, storage, owners, loop, in_flight, seconds, rows);
        }
    };
    append("two rows, origin", Rows::two_with_origin);
    append("two rows", Rows::two);
    append("one that waits", Rows::one);
    measure("acknowledge", acknowledge_until_end, storage, owners, loop, 100, seconds);
    measure("login", load_until_end, storage, owners, loop, 10, seconds);
    measure("newest 50", page_until_end, storage, owners, loop, 10, seconds);
    if (messages > 0) measure_large_archive(storage, owners, loop, 100'000);
}

int run_sqlite(const std::string& directory, int seconds, std::size_t messages) {
    const std::string path = directory + "/bench-storage.db";
    for (const char* suffix : {"", "-wal", "-shm", ".lock"}) std::filesystem::remove(path + suffix);
    measure_sync(directory + "/bench-sync", seconds);
    WaitLoop loop;
    measure_all(*open_sqlite(path), loop, seconds, messages);
    const SteadyTime begun = SteadyTime::clock::now();
    { const std::unique_ptr<Storage> again = open_sqlite(path); }
    std::printf("open and close again: %.0f ms, file of %.0f MB\n", milliseconds(SteadyTime::clock::now() - begun),
                double(std::filesystem::file_size(path)) / 1e6);
    for (const char* suffix : {"", "-wal", "-shm", ".lock"}) std::filesystem::remove(path + suffix);
    return 0;
}

int run_postgres(const std::string& connection, int seconds, std::size_t messages) {
    PostgresOptions options;
    options.connection = connection;
    WaitLoop loop;
    measure_all(*open_postgres(options), loop, seconds, messages);
    const SteadyTime begun = SteadyTime::clock::now();
    { const std::unique_ptr<Storage> again = open_postgres(options); }
    std::printf("open and close again: %.0f ms\n", milliseconds(SteadyTime::clock::now() - begun));
    return 0;
}

}  // namespace
}  // namespace rookery

int main(int argc, char** argv) {
    if (argc < 2) {
        std::fprintf(stderr, "usage: bench_storage DIRECTORY|CONNECTION [SECONDS] [MESSAGES]\n");
        return 2;
    }
    const std::size_t messages = argc > 3 ? std::strtoull(argv[3], nullptr, 10) : 0;
    const int seconds = argc > 2 ? std::atoi(argv[2]) : 3;
    const std::string where = argv[1];
    const bool is_connection = where.find('=') != std::string::npos || where.starts_with("postgresql://");
    return is_connection ? rookery::run_postgres(where, seconds, messages)
                         : rookery::run_sqlite(where, seconds, messages);
}
