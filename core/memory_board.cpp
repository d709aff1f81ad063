#include "core/memory_board.h"

#include <cassert>

namespace rookery {

std::vector<MemoryReport> MemoryBoard::begin() const {
    std::vector<MemoryReport> reports;
    for (const MemoryOwner& owner : owners_)
        reports.push_back({owner.name, owner.at_once ? owner.at_once() : MemoryUse()});
    return reports;
}

void MemoryBoard::look_at(Account& account, std::vector<MemoryReport>& reports) const {
    assert(reports.size() == owners_.size());
    for (std::size_t i = 0; i < owners_.size(); ++i)
        if (owners_[i].of_account) reports[i].use += owners_[i].of_account(account);
}

}  // namespace rookery
