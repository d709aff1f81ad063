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
    std::vector<std::uint64_t> hashes;
    hashes.reserve(bare_jids.size());
    for (std::string_view jid : bare_jids) hashes.push_back(hash_of(jid));
    std::ranges::sort(hashes);
    hashes.erase(std::unique(hashes.begin(), hashes.end()), hashes.end());
    keep(hashes);
}

std::span<const std::uint64_t> JidSet::all() const {
    if (!block_) return {};
    return {block_.get() + 1, static_cast<std::size_t>(block_[0])};
}

void JidSet::keep(std::span<const std::uint64_t> hashes) {
    if (hashes.empty()) return block_.reset();
    auto block = std::make_unique_for_overwrite<std::uint64_t[]>(1 + hashes.size());
    block[0] = hashes.size();
    std::ranges::copy(hashes, block.get() + 1);
    block_ = std::move(block);
}

void JidSet::insert(const Jid& jid) {
    const std::uint64_t hash = hash_of(jid.bare_str());
    if (std::ranges::binary_search(all(), hash)) return;
    std::vector<std::uint64_t> hashes(all().begin(), all().end());
    hashes.insert(std::ranges::upper_bound(hashes, hash), hash);
    keep(hashes);
}

void JidSet::erase(const Jid& jid) {
    const std::uint64_t hash = hash_of(jid.bare_str());
    std::vector<std::uint64_t> hashes(all().begin(), all().end());
    std::erase(hashes, hash);
    keep(hashes);
}

bool JidSet::contains(const Jid& jid) const { return std::ranges::binary_search(all(), hash_of(jid.bare_str())); }

}  // namespace rookery
