// Latencies in a fixed number of buckets: eight for each power of two of microseconds, so good to 12 %.
#pragma once

#include <array>
#include <bit>
#include <chrono>
#include <cstdint>

namespace rookery::bench {

class Histogram {
    static constexpr int kSubBits = 3;
    static constexpr std::size_t kSub = 1 << kSubBits;

public:
    void add(std::chrono::nanoseconds latency) {
        const auto us = static_cast<std::uint64_t>(latency.count() > 0 ? latency.count() / 1000 : 0);
        ++counts_[bucket_of(us)];
        ++total_;
    }

    void merge(const Histogram& other) {
        for (std::size_t i = 0; i < counts_.size(); ++i) counts_[i] += other.counts_[i];
        total_ += other.total_;
    }

    // Bucket by bucket, for another process.
    static constexpr std::size_t kBuckets = (64 - kSubBits + 1) * kSub;
    std::uint64_t in_bucket(std::size_t bucket) const { return counts_[bucket]; }
    void add_to_bucket(std::size_t bucket, std::uint64_t count) {
        counts_[bucket] += count;
        total_ += count;
    }

    std::uint64_t total() const { return total_; }

    // The upper end of the bucket in which the given share (0 to 1) of all latencies is reached.
    std::int64_t percentile_us(double share) const {
        auto rest = static_cast<std::int64_t>(share * static_cast<double>(total_));
        for (std::size_t i = 0; i < counts_.size(); ++i) {
            rest -= static_cast<std::int64_t>(counts_[i]);
            if (rest <= 0) return static_cast<std::int64_t>(end_of(i));
        }
        return 0;
    }

private:
    static std::size_t bucket_of(std::uint64_t us) {
        if (us < kSub) return us;
        const int shift = static_cast<int>(std::bit_width(us)) - 1 - kSubBits;
        return (static_cast<std::size_t>(shift) + 1) * kSub + ((us >> shift) & (kSub - 1));
    }
    static std::uint64_t end_of(std::size_t bucket) {
        if (bucket < kSub) return bucket;
        const std::size_t shift = bucket / kSub - 1;
        return ((kSub + bucket % kSub + 1) << shift) - 1;
    }

    std::array<std::uint64_t, kBuckets> counts_{};
    std::uint64_t total_ = 0;
};

}  // namespace rookery::bench
