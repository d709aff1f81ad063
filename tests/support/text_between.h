// What stands between two marks in a text that came over a stream.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace rookery::test {

// Everything between `begin` and the next `end`, each time.
inline std::vector<std::string> all_between(const std::string& text, std::string_view begin, std::string_view end) {
    std::vector<std::string> found;
    for (auto at = text.find(begin); at != std::string::npos; at = text.find(begin, at)) {
        at += begin.size();
        found.push_back(text.substr(at, text.find(end, at) - at));
    }
    return found;
}

}  // namespace rookery::test
