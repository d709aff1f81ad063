#include "core/services/block_list.h"

#include <algorithm>
#include <string_view>

namespace rookery {
namespace {

struct ByText {
    bool operator()(const Jid& entry, std::string_view text) const { return entry.str() < text; }
};

bool has(const std::vector<Jid>& entries, std::string_view text) {
    const auto at = std::lower_bound(entries.begin(), entries.end(), text, ByText());
    return at != entries.end() && at->str() == text;
}

}  // namespace

bool BlockList::blocks(const Jid& who) const {
    if (entries.empty()) return false;
    return has(entries, who.str()) || has(entries, who.bare_str()) || has(entries, who.domain());
}

bool is_blocked(Account& account, const Jid& who) {
    const BlockList* list = account.slots().find<BlockList>();
    return list && list->blocks(who) && !who.same_bare(account.jid());
}

}  // namespace rookery
