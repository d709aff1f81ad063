#include "base/interned.h"

#include <mutex>
#include <set>
#include <string>

namespace rookery {

std::string_view interned(std::string_view text) {
    static std::mutex mutex;
    static std::set<std::string, std::less<>> texts;
    const std::lock_guard lock(mutex);
    const auto known = texts.find(text);
    return known != texts.end() ? *known : *texts.emplace(text).first;
}

}  // namespace rookery
