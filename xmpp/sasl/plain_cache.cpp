#include "xmpp/sasl/plain_cache.h"

namespace rookery {

PlainCache::PlainCache(std::size_t max_entries) : max_entries_(max_entries), secret_(random_bytes(32)) {}
PlainCache::~PlainCache() { wipe(secret_); }

// The stored key has a fixed size for its hash and the account cannot hold a NUL: no two inputs read the same.
std::string PlainCache::seal(std::string_view account, std::string_view prepared, const ScramKeys& keys) const {
    std::string input(account);
    input.push_back('\0');
    input.push_back(static_cast<char>(keys.algorithm));
    input += keys.stored_key;
    input += prepared;
    std::string sealed = hmac(HashAlgorithm::sha256, secret_, input);
    wipe(input);
    return sealed;
}

bool PlainCache::knows(std::string_view account, std::string_view prepared, const ScramKeys& keys) {
    const auto found = by_account_.find(account);
    if (found == by_account_.end() || !equal_secret(found->second->seal, seal(account, prepared, keys))) return false;
    entries_.splice(entries_.begin(), entries_, found->second);
    return true;
}

void PlainCache::remember(std::string_view account, std::string_view prepared, const ScramKeys& keys) {
    forget(account);
    if (max_entries_ == 0) return;
    if (entries_.size() >= max_entries_) forget(entries_.back().account);
    ++remembered_;
    entries_.push_front(Entry{std::string(account), seal(account, prepared, keys)});
    by_account_.emplace(entries_.front().account, entries_.begin());
}

void PlainCache::forget(std::string_view account) {
    const auto found = by_account_.find(account);
    if (found == by_account_.end()) return;
    const Entries::iterator entry = found->second;
    by_account_.erase(found);
    entries_.erase(entry);
}

}  // namespace rookery
