// Who knows whom: users in groups of Options::contacts and one, everybody in the rosters of all others of the group.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/result.h"
#include "bench/load/options.h"
#include "bench/load/peer.h"

namespace rookery::bench {

enum class Subscription : std::uint8_t { none, from, to, both };

Subscription subscription_of(std::string_view text);  // of a roster item; what is not understood is none

// What one user's roster says.
class RosterBook {
public:
    void learn(UserNumber contact, Subscription subscription) { contacts_[contact] = subscription; }
    // At least this: `both` is `to` and `from`; everything is `none`.
    bool has(UserNumber contact, Subscription wanted) const;
    std::uint32_t count(Subscription wanted) const;

private:
    std::unordered_map<UserNumber, Subscription> contacts_;
};

// Refuses a number of users that leaves a group incomplete.
Result<void> check_groups(const Options& options);

// What is wrong with a roster, as the server answered it, for a user who should know Options::contacts; nothing: all is
// well.
std::string roster_fault(const Options& options, const std::string& user, std::string_view iq);

}  // namespace rookery::bench
