#include "tests/simulation/history.h"

#include <algorithm>

namespace rookery::test {
namespace {

std::string name(std::size_t message) { return "message " + std::to_string(message); }

}  // namespace

std::size_t History::say(unsigned sender, unsigned account, std::string address, bool promised) {
    said_.push_back({sender, account, std::move(address), false, false, promised});
    receipts_.emplace_back();
    archived_.emplace_back();
    return said_.size() - 1;
}

void History::receive(std::size_t message, unsigned account, Receipt receipt) {
    if (message >= said_.size()) return complain("ghost: " + name(message) + " was never sent");
    if (said_[message].account != account) return complain("ghost: " + name(message) + " was not for its recipient");
    std::vector<Receipt>& all = receipts_[message];
    const bool known = std::ranges::any_of(all, [&](const Receipt& one) { return one.client == receipt.client; });
    if (!known && !receipt.asked_for) first_received_[receipt.client].push_back(message);
    all.push_back(std::move(receipt));
}

void History::copy(std::size_t message, unsigned account, bool sent) {
    if (message >= said_.size()) return complain("ghost in a carbon: " + name(message));
    const Said& said = said_[message];
    if (!sent && said.account != account) complain("ghost: a carbon of " + name(message) + " was not for its recipient");
    if (!sent) copied_.insert(message);
}

void History::archive(std::size_t message, unsigned account, std::string stanza_id) {
    if (message >= said_.size()) return complain("ghost in an archive: " + name(message));
    if (said_[message].account != account) return complain("ghost in an archive: " + name(message) + " was not for its owner");
    archived_[message].push_back(std::move(stanza_id));
    archive_order_[account].push_back(message);
}

std::vector<std::string> History::faults(const Rules& rules) const {
    std::vector<std::string> faults = faults_;
    find_lost(rules, faults);
    find_doubled(rules, faults);
    if (rules.ordered) find_disorder(rules, faults);
    return faults;
}

void History::find_lost(const Rules& rules, std::vector<std::string>& faults) const {
    for (std::size_t message = 0; message < said_.size(); ++message) {
        const Said& said = said_[message];
        if (said.promised && !said.accepted && !said.refused) faults.push_back("silence: nobody answered for " + name(message));
        if (!said.accepted || said.refused) continue;
        const bool received = !receipts_[message].empty() || copied_.contains(message);
        if (!received && !untrusted_.contains(said.account)) faults.push_back("lost: " + name(message) + " was accepted and never received");
        if (rules.archived && archived_[message].empty()) faults.push_back("lost: " + name(message) + " is in no archive");
    }
}

// The same message may come again under the same id to a client that has begun anew: the server cannot know what it
// had in its hands. And one that no archive keeps, when its sender sends it again.
void History::find_doubled(const Rules& rules, std::vector<std::string>& faults) const {
    for (std::size_t message = 0; message < said_.size(); ++message) {
        std::set<std::string> ids(archived_[message].begin(), archived_[message].end());
        if (archived_[message].size() > 1) faults.push_back("doubled: " + name(message) + " is in the archive twice");
        std::set<std::pair<unsigned, unsigned>> sessions;
        for (const Receipt& receipt : receipts_[message]) {
            ids.insert(receipt.stanza_id);
            const bool first = sessions.emplace(receipt.client, receipt.session).second;
            if (!first && !receipt.asked_for && rules.archived)
                faults.push_back("doubled: " + name(message) + " came twice to client " + std::to_string(receipt.client));
        }
        if (ids.size() > 1) faults.push_back("doubled: " + name(message) + " has several ids");
    }
}

// To a client itself messages come as soon as it is bound, before those that wait for its presence: they are in no order
// with those, nor with each other where some came before it was bound.
void History::find_disorder(const Rules& rules, std::vector<std::string>& faults) const {
    const auto check = [&](const std::vector<std::size_t>& order, const std::string& where) {
        std::map<std::pair<unsigned, std::string>, std::size_t> latest;  // of each sender and address
        for (const std::size_t message : order) {
            if (said_[message].address.find('/') != std::string::npos) continue;
            std::size_t& before = latest[{said_[message].sender, said_[message].address}];
            if (before > message) faults.push_back("disorder: " + name(message) + " after " + name(before) + where);
            before = std::max(before, message);
        }
    };
    for (const auto& [account, order] : archive_order_) check(order, " in the archive of account " + std::to_string(account));
    if (!rules.one_device) return;
    for (const auto& [client, order] : first_received_) check(order, " at client " + std::to_string(client));
}

}  // namespace rookery::test
