// PlainCache: passwords that were right a short while ago, so that PLAIN logins (they come in bursts, after a restart)
// need no PBKDF2 each time. Holds no password: a keyed hash of account, keys and password, under a secret that dies with the
// process. A changed password has other keys, so its old entry no longer fits. Bounded; one loop's thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <string>
#include <string_view>
#include <unordered_map>

#include "xmpp/sasl/credentials.h"

namespace rookery {

class PlainCache {
public:
    static constexpr std::size_t usual_entries = 10'000;

    explicit PlainCache(std::size_t max_entries = usual_entries);
    ~PlainCache();
    PlainCache(const PlainCache&) = delete;
    PlainCache& operator=(const PlainCache&) = delete;

    // Was this very password right for these very keys? `account`: the bare JID. false says nothing about the password.
    bool knows(std::string_view account, std::string_view prepared, const ScramKeys& keys);
    // After password_matches() said yes. Replaces what was known of the account; past the bound the longest unused goes.
    void remember(std::string_view account, std::string_view prepared, const ScramKeys& keys);
    void forget(std::string_view account);

    std::size_t size() const { return entries_.size(); }
    std::size_t max_size() const { return max_entries_; }
    std::uint64_t remembered() const { return remembered_; }  // since the start

private:
    struct Entry {
        std::string account;
        std::string seal;
    };
    using Entries = std::list<Entry>;

    std::string seal(std::string_view account, std::string_view prepared, const ScramKeys& keys) const;

    const std::size_t max_entries_;
    std::uint64_t remembered_ = 0;
    std::string secret_;
    Entries entries_;  // last used first
    std::unordered_map<std::string_view, Entries::iterator> by_account_;  // keys live in entries_
};

}  // namespace rookery
