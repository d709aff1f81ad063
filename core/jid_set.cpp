#include "core/jid_set.h"

#include <algorithm>

#include "base/crypto.h"
#include "base/siphash.h"

namespace rookery {
namespace {

std::uint64_t hash_of(std::string_view bare_jid) {
    static const SipKey key{random_u64(), random_u64()};
    return siphash(key, bare_jid);
}

}  // namespace

JidSet::JidSet(const std::vector<std::string_view>& bare_jids) {
    hashes_.reserve(bare_jids.size());
    for (std::string_view jid : bare_jids) hashes_.push_back(hash_of(jid));
    std::ranges::sort(hashes_);
    hashes_.erase(std::unique(hashes_.begin(), hashes_.end()), hashes_.end());
}

void JidSet::insert(const Jid& jid) {
    const std::uint64_t hash = hash_of(jid.bare_str());
    const auto at = std::ranges::lower_bound(hashes_, hash);
    if (at == hashes_.end() || *at != hash) hashes_.insert(at, hash);
}

void JidSet::erase(const Jid& jid) {
    const std::uint64_t hash = hash_of(jid.bare_str());
    const auto at = std::ranges::lower_bound(hashes_, hash);
    if (at != hashes_.end() && *at == hash) hashes_.erase(at);
}

bool JidSet::contains(const Jid& jid) const { return std::ranges::binary_search(hashes_, hash_of(jid.bare_str())); }

}  // namespace rookery
