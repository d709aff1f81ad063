// What LogStore and ArchiveStore share: how values of the log are written down. Kept in databases: never to be changed.
#pragma once

#include <algorithm>
#include <cstdint>

#include "base/siphash.h"
#include "base/stamped_id.h"
#include "storage/log_store.h"
#include "storage/owner.h"

namespace rookery {

constexpr SipKey log_key{0x726f6f6b65727921, 0x6c6f672e68617368};  // hashes are for finding, not for secrecy

// In the index instead of the address; the row has the address itself, which decides.
inline std::uint64_t peer_hash(const Jid& peer) { return siphash(log_key, peer.bare_str()) & 0xffff'ffff; }

// Ids that are compared with others: what does not fit SQL's integers is above every id for the next 69 years.
inline std::int64_t id_bound(std::uint64_t id) {
    return static_cast<std::int64_t>(std::min(id, std::uint64_t{INT64_MAX}));
}

inline std::uint64_t id_at(const Rows& rows, std::size_t row, std::size_t column) {
    return static_cast<std::uint64_t>(rows.at(row, column).integer());
}

}  // namespace rookery
