// What the load writes into its messages, so that each can be told from all others: "RUN SENDER NUMBER filler".
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace rookery::bench {

struct Label {
    std::string_view run;
    std::uint64_t sender = 0;
    std::uint64_t number = 0;
};

std::string digits(std::uint64_t number);  // ten of them at least
std::string make_label(std::string_view run, std::uint64_t sender, std::uint64_t number);  // as long for all numbers
std::optional<Label> read_label(std::string_view text);  // at its start; nothing: it is not ours

// Text as people write it, one XML entity at its start when there is room.
std::string make_filler(std::size_t bytes);

}  // namespace rookery::bench
