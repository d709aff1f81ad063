#pragma once
#include "base/clock.h"
namespace rookery {
struct ShaperRate { std::size_t bytes_per_second = 0; bool limited() const { return bytes_per_second > 0; } };
class Shaper { public: Shaper(ShaperRate, SteadyTime) {} Duration take(std::size_t, SteadyTime) { return {}; } };
}
