#include "bench/load/team.h"

#include <sys/mman.h>

#include <cerrno>
#include <new>
#include <system_error>

#include "base/crypto.h"

namespace rookery::bench {

namespace {

std::string make_run() {
    constexpr std::string_view kLetters = "abcdefghijklmnopqrstuvwxyz012345";
    constexpr int kLength = 8;
    std::string name;
    for (std::uint64_t random = random_u64(); name.size() < kLength; random >>= 5) name += kLetters[random & 31];
    return name;
}

}  // namespace

Team::Team(std::uint32_t size) : size_(size), run_(make_run()) {
    void* memory = mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) throw std::system_error(errno, std::generic_category(), "mmap");
    shared_ = new (memory) Shared;
}

Team::~Team() { munmap(shared_, sizeof(Shared)); }

void Team::add_progress() {
    std::atomic<std::uint64_t>& own = self().progress;  // nobody else writes it
    own.store(own.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
}

std::uint64_t Team::progress() const {
    std::uint64_t sum = 0;
    for (std::uint32_t i = 0; i < size_; ++i) sum += shared_->members[i].progress.load(std::memory_order_relaxed);
    return sum;
}

void Team::arrive() { ++self().steps; }

bool Team::all_arrived() const {
    const std::uint32_t own = shared_->members[index_].steps.load();
    for (std::uint32_t i = 0; i < size_; ++i) {
        if (shared_->members[i].steps.load() < own) return false;
    }
    return true;
}

}  // namespace rookery::bench
