// Dice: where a simulation takes its chances from, so that a seed is a whole history.
#pragma once

#include <cstddef>
#include <cstdint>
#include <random>
#include <vector>

namespace rookery::test {

class Dice {
public:
    explicit Dice(std::uint64_t seed) : source_(seed) {}

    std::size_t below(std::size_t end) { return end == 0 ? 0 : static_cast<std::size_t>(source_() % end); }
    std::size_t between(std::size_t first, std::size_t last) { return first + below(last - first + 1); }
    bool once_in(std::size_t times) { return below(times) == 0; }
    template <class T>
    T& one_of(std::vector<T>& all) {
        return all[below(all.size())];
    }

private:
    std::mt19937_64 source_;
};

}  // namespace rookery::test
