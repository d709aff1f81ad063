// MemoryBoard: what one shard's memory is used for, as the owners declared it. Nothing is counted before somebody asks;
// then Shard::measure_memory() looks at some accounts each turn, and every owner says what it has of each.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <vector>

namespace rookery {

class Account;

// Bytes that were asked of the allocator, without what it adds to each piece.
struct MemoryUse {
    std::size_t count = 0;
    std::size_t bytes = 0;

    MemoryUse& operator+=(const MemoryUse& other) {
        count += other.count;
        bytes += other.bytes;
        return *this;
    }
};

struct MemoryOwner {
    std::string name;
    std::function<MemoryUse()> at_once = {};             // what is known without a walk; cheap
    std::function<MemoryUse(Account&)> of_account = {};  // of one account and its sessions; cheap
};

struct MemoryReport {
    std::string owner;
    MemoryUse use;
};

// All calls on the shard's thread, or before it runs.
class MemoryBoard {
public:
    // Who adds an owner outlives the board's use.
    void add(MemoryOwner owner) { owners_.push_back(std::move(owner)); }

    // One for each owner, in their order, with what is known at once.
    std::vector<MemoryReport> begin() const;
    // REQUIRES: no owner came since begin().
    void look_at(Account& account, std::vector<MemoryReport>& reports) const;

private:
    std::vector<MemoryOwner> owners_;
};

}  // namespace rookery
