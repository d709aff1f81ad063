// Counters and gauges. Each shard asks for its own cell of a named metric; a cell has one writer, so counting is
// a plain add without a lock or a locked instruction. Reading sums the cells of one name and label set.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace rookery {

enum class MetricKind { counter, gauge };

using MetricLabels = std::vector<std::pair<std::string, std::string>>;

class Metrics;

namespace detail {

struct MetricFamily;

// Move-only owner of one cell; gives it back at the end of its life.
class MetricCell {
public:
    MetricCell() = default;
    MetricCell(MetricCell&& other) noexcept
        : cell_(std::exchange(other.cell_, nullptr)), family_(std::exchange(other.family_, nullptr)) {}
    MetricCell& operator=(MetricCell&& other) noexcept {
        std::swap(cell_, other.cell_);
        std::swap(family_, other.family_);
        return *this;
    }
    ~MetricCell();

protected:
    friend Metrics;
    MetricCell(std::atomic<std::int64_t>& cell, MetricFamily& family) : cell_(&cell), family_(&family) {}

    std::int64_t load() const { return cell_ ? cell_->load(std::memory_order_relaxed) : 0; }
    void store(std::int64_t value) {
        if (cell_) cell_->store(value, std::memory_order_relaxed);
    }

private:
    std::atomic<std::int64_t>* cell_ = nullptr;
    MetricFamily* family_ = nullptr;
};

}  // namespace detail

// Only grows; what a destroyed counter counted stays in the sum. One thread at a time. A default one counts nothing.
class Counter : public detail::MetricCell {
public:
    using MetricCell::MetricCell;
    void add(std::int64_t amount = 1) { store(load() + amount); }
    std::int64_t value() const { return load(); }  // of this cell
};

// Goes up and down; a destroyed gauge no longer counts. One thread at a time. A default one measures nothing.
class Gauge : public detail::MetricCell {
public:
    using MetricCell::MetricCell;
    void set(std::int64_t value) { store(value); }
    void add(std::int64_t amount) { store(load() + amount); }
    std::int64_t value() const { return load(); }  // of this cell
};

struct MetricSample {
    std::string name;
    std::string help;
    MetricKind kind;
    MetricLabels labels;
    std::int64_t value;
};

// Outlives every counter and gauge it made. Any thread.
class Metrics {
public:
    static constexpr std::size_t max_families = 10'000;  // (name, labels); past it: one more line nobody sees

    Metrics();
    ~Metrics();
    Metrics(const Metrics&) = delete;
    Metrics& operator=(const Metrics&) = delete;

    Counter counter(std::string_view name, std::string_view help, MetricLabels labels = {});
    Gauge gauge(std::string_view name, std::string_view help, MetricLabels labels = {});

    std::vector<MetricSample> read() const;  // sorted by name, then labels

private:
    detail::MetricFamily* family(MetricKind kind, std::string_view name, std::string_view help, MetricLabels labels);

    using Key = std::pair<std::string, MetricLabels>;
    mutable std::mutex mutex_;
    std::map<Key, std::unique_ptr<detail::MetricFamily>> families_;
};

}  // namespace rookery
