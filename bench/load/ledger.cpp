#include "bench/load/ledger.h"

namespace rookery::bench {

bool Ledger::arrive(std::uint64_t sequence) {
    if (sequence < expected_ && missing_.erase(sequence) == 0) {
        ++tally_.doubled;
        return false;
    }
    if (sequence < expected_) ++tally_.reordered;
    while (expected_ < sequence) missing_.insert(missing_.end(), expected_++);
    if (sequence == expected_) ++expected_;
    ++tally_.arrived;
    return true;
}

Tally Ledger::tally() const {
    Tally tally = tally_;
    tally.lost = sent_ - tally_.arrived;
    return tally;
}

}  // namespace rookery::bench
