// `stats memory`: who of the program's parts has how much of its memory (core/memory_board.h).
#include "admin/memory.h"

#include <algorithm>
#include <cmath>

#include "base/allocated_memory.h"
#include "core/shard.h"

namespace rookery {
namespace {

void add_up(std::vector<MemoryReport>& sums, const std::vector<MemoryReport>& part) {
    for (const MemoryReport& one : part) {
        const auto at = std::ranges::find(sums, one.owner, &MemoryReport::owner);
        if (at == sums.end()) sums.push_back(one);
        else at->use += one.use;
    }
}

class Rows {
public:
    explicit Rows(std::size_t connections) : connections_(connections) {}

    void add(std::string_view owner, Value count, std::size_t bytes) {
        Value row = Value::object();
        row.set("owner", owner);
        row.set("count", std::move(count));
        row.set("bytes", bytes);
        row.set("bytes_per_connection", share(bytes));
        rows_.append(std::move(row));
    }
    Value take() { return std::move(rows_); }

private:
    Value share(std::size_t bytes) const {
        if (connections_ == 0) return nullptr;
        return static_cast<std::int64_t>(std::llround(static_cast<double>(bytes) / static_cast<double>(connections_)));
    }

    std::size_t connections_;
    Value rows_ = Value::list();
};

void add_allocator(Rows& rows, std::size_t explained) {
    const std::optional<AllocatedMemory> memory = allocated_memory();
    if (!memory) return;
    rows.add("unexplained", nullptr, memory->allocated - std::min(memory->allocated, explained));
    rows.add("allocated", nullptr, memory->allocated);
    rows.add("active_pages", nullptr, memory->active);
    rows.add("resident_pages", nullptr, memory->resident);
}

Value table_of(std::vector<MemoryReport> sums) {
    const auto connections = std::ranges::find(sums, "connections", &MemoryReport::owner);
    Rows rows(connections == sums.end() ? 0 : connections->use.count);
    std::ranges::stable_sort(sums, std::ranges::greater(), [](const MemoryReport& one) { return one.use.bytes; });
    std::size_t explained = 0;
    for (const MemoryReport& one : sums) {
        rows.add(one.owner, one.use.count, one.use.bytes);
        explained += one.use.bytes;
    }
    add_allocator(rows, explained);
    return rows.take();
}

}  // namespace

Task<Value> memory_by_owner(Shards& shards) {
    std::vector<MemoryReport> sums;
    const auto measure = [](Shard& shard) { return shard.measure_memory(); };
    for (unsigned i = 0; i < shards.count(); ++i) {
        const std::vector<MemoryReport> part = co_await shards.on(i, measure);
        add_up(sums, part);
    }
    co_return table_of(std::move(sums));
}

}  // namespace rookery
