// Users who know each other, for tests of what follows from that.
#pragma once

#include <string>
#include <string_view>

#include "core/subscription.h"
#include "tests/support/test_client.h"

namespace rookery::test {

inline Jid jid(std::string_view text) { return Jid::parse(text).value(); }

inline bool has(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }

inline std::size_t count_of(const std::string& text, std::string_view part) {
    std::size_t count = 0;
    for (auto at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++count;
    return count;
}

inline Roster stored_roster(TestServer& server, std::string_view owner) {
    return server.wait(server.storage().stores().roster.load(jid(owner))).value();
}

// What `owner`'s roster says of `contact`, written behind the server's back: before anybody logs in. Accounts are made.
inline void put_contact(TestServer& server, std::string_view owner, std::string_view contact, Subscription subscription) {
    const Jid who = jid(owner);
    (void)server.make_account(who.local(), who.domain(), "secret");
    RosterItem item(jid(contact));
    item.subscription = subscription;
    (void)server.wait(server.storage().stores().roster.put(who, std::move(item), 10'000)).value();
}

inline void befriend(TestServer& server, std::string_view one, std::string_view other) {
    put_contact(server, one, other, Subscription::both);
    put_contact(server, other, one, Subscription::both);
}

// Requests that stay open, one out and one in. nurse's account is made.
inline void juliet_asks_nurse_and_paris_asks_juliet(TestServer& server, TestClient& juliet, TestClient& paris) {
    (void)server.make_account("nurse", "localhost", "secret");
    juliet.send("<presence type='subscribe' to='nurse@localhost'/>");
    paris.send("<presence type='subscribe' to='juliet@localhost'/>");
}

}  // namespace rookery::test
