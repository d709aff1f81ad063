// History: what was said, promised and received in one simulated world, and what of it breaks the delivery rule
// (DESIGN section 4). Pure.
#pragma once

#include <cstdint>
#include <iostream>
#include <map>
#include <set>
#include <string>
#include <vector>

namespace rookery::test {

struct Said {
    unsigned sender = 0;   // client
    unsigned account = 0;  // whom it is for
    std::string address;   // bare, or of one of his clients
    bool accepted = false; // our h counts it
    bool refused = false;  // an error came back
    bool promised = true;  // its sender is told whether it is safe
};

struct Receipt {
    unsigned client = 0;
    unsigned session = 0;  // of the client: a new one where it bound anew, not where it resumed
    std::string stanza_id;
    bool asked_for = false;  // in a page of the archive
};

class History {
public:
    // Gives the message's number.
    std::size_t say(unsigned sender, unsigned account, std::string address, bool promised = true);
    // One of the account's clients never says what it has: what was handed to it may be lost with its connection.
    void do_not_trust(unsigned account) { untrusted_.insert(account); }
    Said& said(std::size_t message) { return said_[message]; }
    std::size_t count() const { return said_.size(); }

    void receive(std::size_t message, unsigned account, Receipt receipt);
    // A carbon: of what another client of the account received, or sent. The account has the message then.
    void copy(std::size_t message, unsigned account, bool sent);
    void archive(std::size_t message, unsigned account, std::string stanza_id);
    void complain(std::string what) { faults_.push_back(std::move(what)); }
    // For people who look for the cause: everything that happens, to standard error.
    void talk() { talks_ = true; }
    void note(const std::string& what) const {
        if (talks_) std::cerr << what << '\n';
    }

    struct Rules {
        bool archived = false;  // accounts keep archives
        bool ordered = true;    // nothing was refused: of what was sent to one address, the first is first in archives
        bool one_device = true; // and at the client. Of several, one gets later what another did not acknowledge.
    };
    // In words, one line each; empty: the rule held.
    std::vector<std::string> faults(const Rules& rules) const;

private:
    void find_lost(const Rules& rules, std::vector<std::string>& faults) const;
    void find_doubled(const Rules& rules, std::vector<std::string>& faults) const;
    void find_disorder(const Rules& rules, std::vector<std::string>& faults) const;

    std::vector<Said> said_;
    std::vector<std::vector<Receipt>> receipts_;           // of each message, in order
    std::vector<std::vector<std::string>> archived_;       // its stanza ids in the recipient's archive
    std::map<unsigned, std::vector<std::size_t>> first_received_;  // by client: messages in the order in which it was sent them first
    std::map<unsigned, std::vector<std::size_t>> archive_order_;   // by account
    std::set<unsigned> untrusted_;                                 // accounts
    std::set<std::size_t> copied_;                                 // messages
    std::vector<std::string> faults_;
    bool talks_ = false;
};

}  // namespace rookery::test
