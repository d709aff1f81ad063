// The processes that load one server together. They share a few words of memory and begin and end each step together.
// One process is a team too.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>

#include "bench/load/options.h"

namespace rookery::bench {

// What a process says that stops because another one has failed: the other one knows why.
constexpr const char* kOthersFailed = "another process failed";

class Team {
public:
    static constexpr std::uint32_t kWords = 64;

    explicit Team(std::uint32_t size);  // before the processes part; throws std::system_error without memory
    ~Team();
    Team(const Team&) = delete;
    Team& operator=(const Team&) = delete;

    void be(std::uint32_t index) { index_ = index; }
    std::uint32_t size() const { return size_; }
    bool leads() const { return index_ == 0; }
    const std::string& run() const { return run_; }  // names this run, lower-case letters and digits

    // What was delivered, here and by all.
    void add_progress();
    std::uint64_t progress() const;

    // A step is over for all when everybody has arrived at its end.
    void arrive();
    bool all_arrived() const;

    // Words that everybody reads; each is written by one process only.
    void publish(std::uint32_t word, std::uint64_t value) { shared_->words[word].store(value); }
    std::uint64_t published(std::uint32_t word) const { return shared_->words[word].load(); }

    // Nobody shall wait for us any more.
    void fail() { shared_->failed.store(true); }
    bool has_failed() const { return shared_->failed.load(); }

private:
    struct alignas(64) Member {  // a cache line each
        std::atomic<std::uint64_t> progress{0};
        std::atomic<std::uint32_t> steps{0};
    };
    struct Shared {
        std::atomic<bool> failed{false};
        std::atomic<std::uint64_t> words[kWords]{};
        Member members[kMaxProcesses];
    };

    Member& self() { return shared_->members[index_]; }

    std::uint32_t size_;
    std::uint32_t index_ = 0;
    std::string run_;
    Shared* shared_;
};

}  // namespace rookery::bench
