// Durable appends to the queue store: how many a second, and how long one waits, with N in flight.
//   bench_storage DIRECTORY [seconds for each line, default 3]
// The directory decides what is measured: an fsync of a disk, or of memory (/dev/shm).
#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "storage/stores.h"
#include "tests/support/wait_loop.h"

namespace rookery {
namespace {

constexpr int accounts = 1'000;
constexpr std::size_t no_limit = 1'000'000'000;
const std::string stanza(350, 'x');

struct Run {
    QueueStore& queue;
    const std::vector<Jid>& owners;
    SteadyTime end;
    std::vector<Duration> waits = {};
    int running = 0;
    std::size_t next = 0;
    bool failed = false;

    const Jid& next_owner() { return owners[next++ % owners.size()]; }
};

Task<void> append_until_end(Run* run) {
    while (SteadyTime::clock::now() < run->end) {
        const SteadyTime begun = SteadyTime::clock::now();
        auto id = co_await run->queue.append(run->next_owner(), WallTime(), stanza, no_limit, no_limit);
        if (!id) run->failed = true;
        run->waits.push_back(SteadyTime::clock::now() - begun);
    }
    --run->running;
}

Task<void> load_until_end(Run* run) {
    while (SteadyTime::clock::now() < run->end) {
        const SteadyTime begun = SteadyTime::clock::now();
        auto found = co_await run->queue.count(run->next_owner());
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

double milliseconds(Duration duration) { return std::chrono::duration<double, std::milli>(duration).count(); }

void report(const char* what, Run& run, int in_flight, double seconds, double cpu, const DatabaseGauges& before,
            const DatabaseGauges& after) {
    std::sort(run.waits.begin(), run.waits.end());
    const auto at = [&](double part) {
        return milliseconds(run.waits[std::size_t(part * double(run.waits.size() - 1))]);
    };
    const std::uint64_t commits = after.commits - before.commits;
    const double grouped = commits ? double(after.writes - before.writes) / double(commits) : 0;
    std::printf(
        "%-8s %5d in flight %8.0f /s   p50 %7.3f ms   p99 %7.3f ms   worst %7.3f ms   %5.1f calls/commit   %5.1f us "
        "CPU%s\n",
        what, in_flight, double(run.waits.size()) / seconds, at(0.5), at(0.99), at(1), grouped,
        cpu / double(run.waits.size()) * 1e6, run.failed ? "   FAILED" : "");
}

void measure(const char* what, Task<void> (*work)(Run*), Storage& storage, const std::vector<Jid>& owners,
             WaitLoop& loop, int in_flight, int seconds) {
    Run run{storage.stores().queue, owners, SteadyTime::clock::now() + Seconds(seconds)};
    const DatabaseGauges before = storage.gauges();
    const double cpu_before = cpu_seconds();
    run.running = in_flight;
    for (int i = 0; i < in_flight; ++i) spawn(work(&run));
    loop.run_until([&] { return run.running == 0; }, Seconds(seconds + 60));
    report(what, run, in_flight, seconds, cpu_seconds() - cpu_before, before, storage.gauges());
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

int run(const std::string& directory, int seconds) {
    const std::string path = directory + "/bench-storage.db";
    for (const char* suffix : {"", "-wal", "-shm", ".lock"}) std::filesystem::remove(path + suffix);
    measure_sync(directory + "/bench-sync", seconds);
    WaitLoop loop;
    {
        const std::unique_ptr<Storage> storage = open_sqlite(path);
        const std::vector<Jid> owners = make_accounts(*storage, loop);
        for (const int in_flight : {1, 10, 100, 1'000}) {
            measure("append", append_until_end, *storage, owners, loop, in_flight, seconds);
        }
        for (const int in_flight : {1, 10, 100}) {
            measure("count", load_until_end, *storage, owners, loop, in_flight, seconds);
        }
    }
    const SteadyTime begun = SteadyTime::clock::now();
    { const std::unique_ptr<Storage> again = open_sqlite(path); }
    std::printf("open and close again: %.0f ms, file of %.0f MB\n", milliseconds(SteadyTime::clock::now() - begun),
                double(std::filesystem::file_size(path)) / 1e6);
    for (const char* suffix : {"", "-wal", "-shm", ".lock"}) std::filesystem::remove(path + suffix);
    return 0;
}

}  // namespace
}  // namespace rookery

int main(int argc, char** argv) {
    if (argc < 2) {
        std::fprintf(stderr, "usage: bench_storage DIRECTORY [SECONDS]\n");
        return 2;
    }
    return rookery::run(argv[1], argc > 2 ? std::atoi(argv[2]) : 3);
}
