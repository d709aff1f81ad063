// Features: who answers which IQ, and what disco says. One per host and shard.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/outcome.h"
#include "xmpp/payload/disco.h"
#include "xmpp/stanza.h"

namespace rookery {

class Account;
class Host;
class Session;

// Where a request was addressed to.
enum class At : std::uint8_t {
    host,     // the server's own address (or, from a client, no `to` where only the server can answer)
    // A local account's bare JID (RFC 6121 8.5.2: the server answers for it). There may be no such account: to strangers it
    // must look like one, so its handlers ask storage, which has nothing, and never whether it exists.
    account,
    stranger,  // on a client stream before login (registration); `from` and `to` mean nothing
};

// Whose requests a handler takes.
enum class Asker : std::uint8_t {
    anyone,
    owner,  // At::account: of the account itself; others get `forbidden`, whether or not the account exists
};

// When a stream feature is offered.
enum class StreamPhase : std::uint8_t { before_login, logged_in };

// One IQ get or set for a handler. A handler that waits takes it by value; everything in it stays valid.
struct Iq {
    StanzaPtr stanza;
    Host* host;
    std::shared_ptr<Account> account;  // At::account: whom it is addressed to
    std::shared_ptr<Session> sender;   // when the sender's session is on this shard; always so for one's own account
    std::string address;               // At::stranger: where the connection comes from
    std::string prefix;                // and what limits for each client count by (LoginEvent)
    xml::View payload() const { return stanza->payload(); }
    bool own() const;  // asked by the account itself (any of its resources)
};

using IqHandler = IqReply (*)(void* object, Iq iq);

class Features {
public:
    // Two handlers for one (type, payload, where) are a bug: throws std::logic_error.
    void add_iq(IqType type, xml::Name payload, At where, Asker asker, std::string_view module, void* object,
                IqHandler handler);
    void add_feature(std::string_view ns, At where, void* object);
    // More of what disco says (XEP-0030, XEP-0128): who we are, which services belong to the server.
    void add_identity(DiscoIdentity identity, At where, void* object);
    void add_form(DataForm form, At where, void* object);
    void add_item(DiscoItem item, void* object);
    // Offered in <stream:features/> (RFC 6120 4.3.2).
    void add_stream_feature(xml::Element feature, StreamPhase phase, void* object);
    // The same, made anew for each stream.
    using StreamFeatureMaker = xml::Element (*)(void* object);
    void add_stream_feature(StreamFeatureMaker make, StreamPhase phase, void* object);
    void write_stream_features(std::string& out, StreamPhase phase) const;
    void remove_all(void* object);

    struct Answerer {
        void* object;
        IqHandler handler;
        std::string module;
        Asker asker;
    };
    // By the payload's own name, whatever else is in it. nullptr: nobody.
    const Answerer* find(IqType type, xml::View payload, At where) const;
    // Somebody answers get or set of that payload there (then the other type gets not-allowed, not service-unavailable).
    bool knows(xml::View payload, At where) const;

    std::vector<std::string> features(At where) const;  // sorted, unique
    DiscoInfo describe(At where) const;                 // all there is to say without a node
    std::vector<DiscoItem> items() const;               // of the server
    std::uint64_t changes() const { return changes_; }  // grows when something is added or removed

private:
    template <class What>
    struct Said {
        What what;
        At where;
        void* object;
    };
    struct StreamFeature {
        std::optional<xml::Element> element;  // or made by
        StreamFeatureMaker make;
        StreamPhase phase;
        void* object;
    };
    std::unordered_map<std::uint32_t, Answerer> answerers_;
    std::vector<StreamFeature> stream_features_;
    std::vector<Said<std::string>> features_;
    std::vector<Said<DiscoIdentity>> identities_;
    std::vector<Said<DataForm>> forms_;
    std::vector<Said<DiscoItem>> items_;
    std::uint64_t changes_ = 0;
};

}  // namespace rookery
