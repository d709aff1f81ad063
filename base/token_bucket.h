// TokenBucket: so many at once, then one every so often. Eight bytes; a new one is full.
#pragma once

#include "base/clock.h"

namespace rookery {

struct BucketRate {
    unsigned burst;  // at once
    Duration every;  // then one in this time
};

class TokenBucket {
public:
    TokenBucket() = default;
    explicit TokenBucket(SteadyTime full_at) : full_at_(full_at) {}
    // When it is full again, for who continues elsewhere.
    SteadyTime full_at() const { return full_at_; }

    // False: too soon; nothing was taken.
    bool take(const BucketRate& rate, SteadyTime now) {
        const SteadyTime from = full_at_ > now ? full_at_ : now;
        if (from + rate.every > now + rate.burst * rate.every) return false;
        full_at_ = from + rate.every;
        return true;
    }

private:
    SteadyTime full_at_{};
};

}  // namespace rookery
