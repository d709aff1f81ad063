#include "tests/storage/faulty_vfs.h"

#include <sqlite3.h>

#include <algorithm>
#include <fstream>
#include <random>
#include <utility>

namespace rookery {
namespace {

constexpr std::size_t sector = 512;

struct Handle {  // what SQLite allocates for an open file; the real one's bytes follow
    sqlite3_file base;
    FaultyVfs* disk;
    std::string* path;
    sqlite3_file* real() { return reinterpret_cast<sqlite3_file*>(this + 1); }
};

Handle& handle(sqlite3_file* file) { return *reinterpret_cast<Handle*>(file); }
sqlite3_file* real(sqlite3_file* file) { return handle(file).real(); }
sqlite3_vfs* real_vfs() { return sqlite3_vfs_find("unix"); }

int do_close(sqlite3_file* file) {
    delete std::exchange(handle(file).path, nullptr);
    return real(file)->pMethods ? real(file)->pMethods->xClose(real(file)) : SQLITE_OK;
}
int do_read(sqlite3_file* file, void* into, int size, sqlite3_int64 offset) {
    if (handle(file).disk->reads_fail) return SQLITE_IOERR_READ;
    return real(file)->pMethods->xRead(real(file), into, size, offset);
}
int do_write(sqlite3_file* file, const void* from, int size, sqlite3_int64 offset) {
    FaultyVfs& disk = *handle(file).disk;
    if (disk.disk_full) return SQLITE_FULL;
    if (disk.writes_fail || disk.fails_now()) return SQLITE_IOERR_WRITE;
    disk.note(*handle(file).path, {false, offset, std::string(static_cast<const char*>(from), std::size_t(size))});
    return real(file)->pMethods->xWrite(real(file), from, size, offset);
}
int do_truncate(sqlite3_file* file, sqlite3_int64 size) {
    FaultyVfs& disk = *handle(file).disk;
    if (disk.fails_now()) return SQLITE_IOERR_TRUNCATE;
    disk.note(*handle(file).path, {true, size, {}});
    return real(file)->pMethods->xTruncate(real(file), size);
}
int do_sync(sqlite3_file* file, int) {  // remembered, not done: the tests do not cut real power
    FaultyVfs& disk = *handle(file).disk;
    if (disk.syncs_fail || disk.fails_now()) return SQLITE_IOERR_FSYNC;
    ++disk.syncs;
    disk.note_sync(*handle(file).path);
    return SQLITE_OK;
}
int do_size(sqlite3_file* file, sqlite3_int64* size) { return real(file)->pMethods->xFileSize(real(file), size); }
int do_lock(sqlite3_file* file, int level) { return real(file)->pMethods->xLock(real(file), level); }
int do_unlock(sqlite3_file* file, int level) { return real(file)->pMethods->xUnlock(real(file), level); }
int do_check_lock(sqlite3_file* file, int* held) { return real(file)->pMethods->xCheckReservedLock(real(file), held); }
int do_control(sqlite3_file* file, int operation, void* argument) {
    return real(file)->pMethods->xFileControl(real(file), operation, argument);
}
int do_sector(sqlite3_file*) { return int(sector); }
int do_characteristics(sqlite3_file*) { return 0; }  // a plain disk: no power-safe overwrite, no atomic writes
int do_shm_map(sqlite3_file* file, int page, int size, int extend, void volatile** at) {
    return real(file)->pMethods->xShmMap(real(file), page, size, extend, at);
}
int do_shm_lock(sqlite3_file* file, int offset, int n, int flags) {
    return real(file)->pMethods->xShmLock(real(file), offset, n, flags);
}
void do_shm_barrier(sqlite3_file* file) { real(file)->pMethods->xShmBarrier(real(file)); }
int do_shm_unmap(sqlite3_file* file, int remove) { return real(file)->pMethods->xShmUnmap(real(file), remove); }

const sqlite3_io_methods methods = {
    2,
    do_close,
    do_read,
    do_write,
    do_truncate,
    do_sync,
    do_size,
    do_lock,
    do_unlock,
    do_check_lock,
    do_control,
    do_sector,
    do_characteristics,
    do_shm_map,
    do_shm_lock,
    do_shm_barrier,
    do_shm_unmap,
    nullptr,
    nullptr,
};

int do_open(sqlite3_vfs* vfs, const char* name, sqlite3_file* file, int flags, int* out_flags) {
    Handle& opened = handle(file);
    opened.base.pMethods = nullptr;
    opened.real()->pMethods = nullptr;
    const int code = real_vfs()->xOpen(real_vfs(), name, opened.real(), flags, out_flags);
    if (code != SQLITE_OK) return code;
    opened.disk = static_cast<FaultyVfs*>(vfs->pAppData);
    opened.path = new std::string(name ? name : "");
    opened.base.pMethods = &methods;
    return SQLITE_OK;
}
int do_delete(sqlite3_vfs* vfs, const char* name, int sync_directory) {
    static_cast<FaultyVfs*>(vfs->pAppData)->forget(name);
    return real_vfs()->xDelete(real_vfs(), name, sync_directory);
}

// `keep` decides for each sector, and for each truncation.
template <class Keep>
void apply(std::string& content, const FaultyVfs::Operation& operation, Keep keep) {
    const auto at = static_cast<std::size_t>(operation.offset);
    if (operation.truncates) {
        if (keep()) content.resize(at);
        return;
    }
    for (std::size_t from = 0; from < operation.data.size(); from += sector) {
        if (!keep()) continue;
        const std::size_t size = std::min(sector, operation.data.size() - from);
        if (content.size() < at + from + size) content.resize(at + from + size);
        content.replace(at + from, size, operation.data, from, size);
    }
}

}  // namespace

FaultyVfs::FaultyVfs() : vfs_(std::make_unique<sqlite3_vfs>(*sqlite3_vfs_find("unix"))) {
    vfs_->szOsFile += static_cast<int>(sizeof(Handle));
    vfs_->zName = "rookery-faulty";
    vfs_->pAppData = this;
    vfs_->pNext = nullptr;
    vfs_->xOpen = do_open;
    vfs_->xDelete = do_delete;
    sqlite3_vfs_register(vfs_.get(), 1);
}

FaultyVfs::~FaultyVfs() {
    sqlite3_vfs_unregister(vfs_.get());
    sqlite3_vfs_register(sqlite3_vfs_find("unix"), 1);
}

bool FaultyVfs::fails_now() {
    int left = fail_after;
    while (left > 0 && !fail_after.compare_exchange_weak(left, left - 1)) {
    }
    return left == 1;
}

void FaultyVfs::note(const std::string& path, Operation operation) {
    std::lock_guard lock(mutex_);
    images_[path].pending.push_back(std::move(operation));
}

void FaultyVfs::note_sync(const std::string& path) {
    std::lock_guard lock(mutex_);
    Image& image = images_[path];
    for (const Operation& operation : image.pending) apply(image.synced, operation, [] { return true; });
    image.pending.clear();
}

void FaultyVfs::forget(const std::string& path) {
    std::lock_guard lock(mutex_);
    images_.erase(path);
}

void FaultyVfs::cut_power(const std::string& database, const std::string& path, std::uint32_t seed) {
    std::mt19937 chance(seed);
    std::lock_guard lock(mutex_);
    for (const char* suffix : {"", "-wal"}) {
        const Image& image = images_[database + suffix];
        std::string content = image.synced;
        for (const Operation& operation : image.pending) apply(content, operation, [&] { return chance() % 2 == 0; });
        std::ofstream(path + suffix, std::ios::binary) << content;
    }
}

}  // namespace rookery
