// A disk that fails on demand, below SQLite: full, unable to sync, failing at the n-th operation, or cut off from
// power. While one exists it is SQLite's default for files opened by anybody in this process.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

struct sqlite3_vfs;

namespace rookery {

class FaultyVfs {
public:
    FaultyVfs();
    ~FaultyVfs();
    FaultyVfs(const FaultyVfs&) = delete;
    FaultyVfs& operator=(const FaultyVfs&) = delete;

    std::atomic<bool> disk_full = false;    // every write: no space
    std::atomic<bool> syncs_fail = false;   // every fsync: I/O error
    std::atomic<bool> writes_fail = false;  // every write: I/O error
    std::atomic<bool> reads_fail = false;   // every read: I/O error
    // Writes, syncs and truncations count down; the one that reaches zero fails once. 0: none does.
    std::atomic<int> fail_after = 0;
    std::atomic<int> syncs = 0;

    // What a disk may hold that lost power now: everything synced, and of the rest any subset of 512-byte sectors
    // (chosen by `seed`). Written to `path` and `path`-wal.
    void cut_power(const std::string& database, const std::string& path, std::uint32_t seed);

    struct Operation {  // not synced yet
        bool truncates;
        std::int64_t offset;  // or the new size
        std::string data;
    };
    struct Image {
        std::string synced;
        std::vector<Operation> pending;
    };

    // Called by the files.
    bool fails_now();
    void note(const std::string& path, Operation operation);
    void note_sync(const std::string& path);
    void forget(const std::string& path);

private:
    std::mutex mutex_;
    std::map<std::string, Image> images_;
    std::unique_ptr<sqlite3_vfs> vfs_;
};

}  // namespace rookery
