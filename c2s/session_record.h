// Sessions of clients on their way from one program to another, which may be of another release (live upgrade).
//
// The old program saves while its loops stand still; the new one restores before its loops run. A session whose connection
// can go on (plaintext, detached TLS) comes with its descriptor. One whose client is away comes without. One whose
// connection cannot go on, or of whose stanzas one is still open, comes without, too, and is found lost there: it waits for
// its client if that may resume it, else it ends in good order.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/record.h"
#include "c2s/c2s.h"
#include "net/transport.h"
#include "xmpp/stanza.h"

namespace rookery {

class Connection;

struct SavedSession {
    WipedString record;
    int descriptor = -1;  // -1: it comes without a connection
};

struct SavedClients {
    std::vector<SavedSession> sessions;
    std::vector<std::shared_ptr<Connection>> left_behind;  // those that do not go on
};

// All of this shard. REQUIRES: it rests, and its loop does nothing else until the upgrade is decided.
SavedClients save_clients(C2s& c2s);
// Of sessions that are over: their last counts (Resumptions), and the presence that accounts left with.
void save_past(const C2s& c2s, RecordWriter& record);

// Stanzas that several sessions hold are one there, too.
class RestoredStanzas {
public:
    // Null: that is no stanza.
    StanzaPtr find(std::uint64_t number, std::string_view xml);

private:
    std::unordered_map<std::uint64_t, StanzaPtr> known_;
};

struct ClientRestoring {
    // Of the listener of that name, or of one like it. Null: there is none.
    std::function<std::shared_ptr<const C2sPolicy>(std::string_view listener)> find_policy;
    // Null: the record makes no sense. Takes the descriptor.
    std::function<std::unique_ptr<ParkedTransport>(int descriptor, RecordReader& record, Seconds send_timeout)> make_transport;
    RestoredStanzas stanzas = {};
};

// Where a saved session is at home. Nullopt: the record makes no sense.
std::optional<Jid> address_of(RecordReader& session);
// REQUIRES: its home is here, and the loop does not run. False: the record makes no sense. A session of a host that is not
// served any more is left out, and its connection closed.
bool restore_session(C2s& c2s, RecordReader& session, int descriptor, ClientRestoring& restoring);
bool restore_past(const std::vector<C2s*>& shards, RecordReader& record);

}  // namespace rookery
