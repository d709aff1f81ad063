// JidSet: which bare addresses, in eight bytes each: hashes under a key of this process, so that nobody can look for an
// address that collides with another (by chance: one in 10^17 for a set of a hundred).
#pragma once

#include <cstdint>
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
    std::size_t size() const { return hashes_.size(); }

private:
    std::vector<std::uint64_t> hashes_;  // sorted
};

}  // namespace rookery
