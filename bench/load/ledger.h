// Did every message of one direction arrive once and in order? Sequence numbers start at 0.
#pragma once

#include <cstdint>
#include <set>

namespace rookery::bench {

struct Tally {
    std::uint64_t arrived = 0;    // first arrivals
    std::uint64_t doubled = 0;    // came again
    std::uint64_t reordered = 0;  // came after a later one
    std::uint64_t lost = 0;       // never came

    Tally& operator+=(const Tally& other) {
        arrived += other.arrived;
        doubled += other.doubled;
        reordered += other.reordered;
        lost += other.lost;
        return *this;
    }
};

class Ledger {
public:
    std::uint64_t next_to_send() { return sent_++; }
    void expect(std::uint64_t sent) { sent_ = sent; }  // where somebody else sends: so many in all
    // True for a first arrival. A number that was never sent is no arrival of this direction: ask may_arrive() first.
    bool arrive(std::uint64_t sequence);
    bool may_arrive(std::uint64_t sequence) const { return sequence < sent_; }
    bool is_complete() const { return tally_.arrived == sent_; }
    Tally tally() const;  // what is missing now counts as lost

private:
    std::uint64_t sent_ = 0;
    std::uint64_t expected_ = 0;           // all before arrived or are in missing_
    std::set<std::uint64_t> missing_;
    Tally tally_;
};

}  // namespace rookery::bench
