// NetworkGate: how fast the addresses of one network may open connections (listener option
// max_connection_rate_per_network): ten seconds' worth at once, then so many a second.
//
// One too many is closed at once, and the log names the network. It is not made to wait: a connection that is accepted and
// left unread costs a descriptor, which is what a flood is after; and the kernel's queue, where it could wait, is in front
// of everybody's. Clients come again by themselves, after a pause. What a flood from very many networks does is bounded
// elsewhere: a network that finds the table full is not counted. One shard's, and its share of the rate. Loop's thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <unordered_map>

#include "base/queue_counts.h"
#include "base/sparse_log.h"
#include "base/token_bucket.h"
#include "net/address.h"

namespace rookery {

class NetworkGate {
public:
    static constexpr std::size_t max_networks = 10'000;  // that opened one not long ago
    static constexpr unsigned seconds_at_once = 10;

    // `a_second`: of each network; 0: any number.
    bool admits(const IpAddress& address, unsigned a_second, SteadyTime now);

    QueueMember now() const { return {buckets_.size(), max_networks}; }
    QueueCounts counts() const { return counts_of(met_, buckets_.size(), refused_); }  // refused: connections

private:
    void make_room(SteadyTime now);
    void refuse(const IpAddress& network, SteadyTime now);

    std::unordered_map<IpAddress, TokenBucket> buckets_;  // by network
    std::uint64_t met_ = 0, refused_ = 0;
    SteadyTime full_until_{};  // there is nothing to sweep before
    SparseLog log_{Seconds(10)};
};

}  // namespace rookery
