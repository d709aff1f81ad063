// BlockList: whom an account does not want to hear from or be seen by (XEP-0191). The blocking module fills it, on
// demand and before any presence of the account's own leaves; other modules ask.
#pragma once

#include <cstdint>
#include <vector>

#include "core/account.h"
#include "xmpp/jid.h"

namespace rookery {

struct BlockList {
    std::vector<Jid> entries;   // sorted
    std::uint64_t version = 0;  // of the stored document; 0: there is none

    // XEP-0191 section 5: an entry is a full JID, a bare JID (any resource), a domain with resource, or a domain (and
    // everybody at it).
    bool blocks(const Jid& who) const;
};

// Is `who` on the account's list? No, while nothing has loaded it or nobody blocks.
bool is_blocked(Account& account, const Jid& who);

}  // namespace rookery
