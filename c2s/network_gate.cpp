#include "c2s/network_gate.h"

#include "base/log.h"

namespace rookery {
namespace {

constexpr Seconds sweep_every{1};

}  // namespace

bool NetworkGate::admits(const IpAddress& address, unsigned a_second, SteadyTime now) {
    if (a_second == 0) return true;
    const IpAddress network = address.network();
    auto bucket = buckets_.find(network);
    if (bucket == buckets_.end()) {
        make_room(now);
        if (buckets_.size() >= max_networks) return true;
        bucket = buckets_.try_emplace(network).first;
        ++met_;
    }
    const BucketRate rate{a_second * seconds_at_once, Duration(Seconds(1)) / a_second};
    if (bucket->second.take(rate, now)) return true;
    refuse(network, now);
    return false;
}

// A bucket that is full again is as good as none.
void NetworkGate::make_room(SteadyTime now) {
    if (buckets_.size() < max_networks || now < full_until_) return;
    std::erase_if(buckets_, [now](const auto& entry) { return entry.second.full_at() <= now; });
    full_until_ = now + sweep_every;
}

void NetworkGate::refuse(const IpAddress& network, SteadyTime now) {
    ++refused_;
    log_.write(now, [&](std::uint64_t suppressed) {
        log_warning("network_too_fast", {{"network", network.to_string()}, {"others", suppressed}});
    });
}

}  // namespace rookery
