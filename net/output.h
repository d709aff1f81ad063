// Output: bytes that wait for a socket to take them. A channel has one only while something waits; a loop lends them, so
// that a busy channel needs no allocation for each turn (OutputPool).
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace rookery {

class Output {
public:
    // Views of waiting() are dead after it.
    void append(std::string_view bytes) {
        if (sent_ > 0 && sent_ >= bytes_.size() / 2) bytes_.erase(0, std::exchange(sent_, 0));
        bytes_.append(bytes);
    }
    std::string_view waiting() const { return std::string_view(bytes_).substr(sent_); }
    std::size_t size() const { return bytes_.size() - sent_; }
    void sent(std::size_t count) { sent_ += count; }
    void clear() { bytes_.clear(), sent_ = 0; }
    std::size_t capacity() const { return bytes_.capacity(); }

private:
    std::string bytes_;
    std::size_t sent_ = 0;
};

using OutputPtr = std::unique_ptr<Output>;  // null: nothing waits

class OutputPool {
public:
    OutputPtr lend() {
        if (idle_.empty()) return std::make_unique<Output>();
        OutputPtr output = std::move(idle_.back());
        idle_.pop_back();
        return output;
    }
    void give_back(OutputPtr output) {
        if (idle_.size() >= max_idle || output->capacity() > max_idle_bytes) return;
        output->clear();
        idle_.push_back(std::move(output));
    }

    static constexpr std::size_t max_idle = 64;
    static constexpr std::size_t max_idle_bytes = 4 * 1024;  // of each

private:
    std::vector<OutputPtr> idle_;
};

}  // namespace rookery
