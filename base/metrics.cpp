#include "base/metrics.h"

#include <cassert>
#include <list>

namespace rookery {

namespace detail {

struct MetricFamily {
    MetricKind kind;
    std::string help;
    std::mutex mutex;
    std::list<std::atomic<std::int64_t>> cells;
    std::int64_t retired = 0;  // what destroyed counters counted

    MetricFamily(MetricKind metric_kind, std::string_view help_text) : kind(metric_kind), help(help_text) {}

    std::atomic<std::int64_t>& add_cell() {
        const std::lock_guard lock(mutex);
        return cells.emplace_back(0);
    }
    void retire(const std::atomic<std::int64_t>* cell) {
        const std::lock_guard lock(mutex);
        if (kind == MetricKind::counter) retired += cell->load(std::memory_order_relaxed);
        cells.remove_if([cell](const auto& each) { return &each == cell; });
    }
    std::int64_t sum() {
        const std::lock_guard lock(mutex);
        std::int64_t total = retired;
        for (const auto& cell : cells) total += cell.load(std::memory_order_relaxed);
        return total;
    }
};

MetricCell::~MetricCell() {
    if (family_) family_->retire(cell_);
}

}  // namespace detail

Metrics::Metrics() = default;
Metrics::~Metrics() = default;

Counter Metrics::counter(std::string_view name, std::string_view help, MetricLabels labels) {
    detail::MetricFamily* const found = family(MetricKind::counter, name, help, std::move(labels));
    return found ? Counter(found->add_cell(), *found) : Counter();
}

Gauge Metrics::gauge(std::string_view name, std::string_view help, MetricLabels labels) {
    detail::MetricFamily* const found = family(MetricKind::gauge, name, help, std::move(labels));
    return found ? Gauge(found->add_cell(), *found) : Gauge();
}

detail::MetricFamily* Metrics::family(MetricKind kind, std::string_view name, std::string_view help,
                                      MetricLabels labels) {
    const std::lock_guard lock(mutex_);
    Key key(name, std::move(labels));
    const auto found = families_.find(key);
    if (found != families_.end()) {
        assert(found->second->kind == kind);
        return found->second.get();
    }
    if (families_.size() >= max_families) return nullptr;
    auto made = std::make_unique<detail::MetricFamily>(kind, help);
    return families_.emplace(std::move(key), std::move(made)).first->second.get();
}

std::vector<MetricSample> Metrics::read() const {
    const std::lock_guard lock(mutex_);
    std::vector<MetricSample> samples;
    samples.reserve(families_.size());
    for (const auto& [key, family] : families_)
        samples.push_back({key.first, family->help, family->kind, key.second, family->sum()});
    return samples;
}

}  // namespace rookery
