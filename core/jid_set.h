// JidSet: which bare addresses, in eight bytes each: hashes under a key of this process, so that nobody can look for an
// address that collides with another (by chance: one in 10^17 for a set of a hundred). A pointer and one block: there is
// a set for each account that is online, and it hardly ever changes.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "xmpp/jid.h"

namespace rookery {

class JidSet {
public:
    JidSet() = default;
    explicit JidSet(const std::vector<std::string_view>& bare_jids);

    void insert(const Jid& jid);
    void erase(const Jid& jid);
    bool contains(const Jid& jid) const;
    std::size_t size() const { return all().size(); }

private:
    std::span<const std::uint64_t> all() const;
    void keep(std::span<const std::uint64_t> hashes);

    std::unique_ptr<std::uint64_t[]> block_;  // how many, then the hashes, sorted; null: none
};

}  // namespace rookery
