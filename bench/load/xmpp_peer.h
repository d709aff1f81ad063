// An XMPP client session (RFC 6120, 6121), as thin as a well-behaved client can be.
//
//   connecting -> [securing] -> negotiating -> authenticating -> negotiating -> binding -> entering -> ready -> leaving
//                    ^ STARTTLS: negotiating -> starting_tls -> securing -> negotiating
//
// Ready means: the server has processed the initial presence (it answered a ping sent behind it); without presence: the
// resource is bound. A peer that registers (XEP-0077) goes from negotiating over registering to ready and leaves.
#pragma once

#include <memory>

#include "bench/load/acknowledgements.h"
#include "bench/load/options.h"
#include "bench/load/peer.h"
#include "bench/load/sasl_client.h"
#include "bench/load/xml_scan.h"

namespace rookery::bench {

enum class XmppPurpose : std::uint8_t { session, registration };

// What all sessions share; outlives them.
struct XmppShared {
    const Options& options;
    Loop& loop;
    TlsContext* tls;
    ScramKeyCache scram_keys;
    XmppPurpose purpose = XmppPurpose::session;
    std::uint32_t connects = 0;  // so far: spreads them over the source addresses
};

class XmppPeer final : public Peer, Connection::Listener {
public:
    XmppPeer(XmppShared& shared, UserNumber number, Observer& observer)
        : Peer(number, observer), shared_(shared), connection_(shared.loop, *this) {}

    void log_in() override;
    void send(UserNumber to, std::string_view id, std::string_view text) override;
    void ask_for_acknowledgement() override;
    void log_out() override;
    void drop() override;
    std::string tls_description() const override { return connection_.tls_description(); }
    std::size_t overhead_bytes(UserNumber to, std::string_view id) const override;

    // Any stanza that send() does not make, at the end of the turn.
    void send_stanza(std::string_view stanza);
    void acknowledge();  // what has arrived, unasked; with stream management only
    std::string user_name(UserNumber number) const;
    std::string bare_jid(UserNumber number) const;
    // The number of the user in a JID; kNobody: it is none of ours.
    UserNumber number_of(std::string_view jid) const;

private:
    enum class State : std::uint8_t {
        idle,
        connecting,
        starting_tls,
        securing,
        negotiating,
        registering,
        authenticating,
        binding,
        entering,
        ready,
        leaving,
        down,
    };

    void on_connected() override;
    void on_secured() override;
    void on_data(std::string_view bytes) override;
    void on_closed(const std::string& why) override;

    void on_unit(const XmlUnit& unit);
    void on_stanza(std::string_view stanza);
    void on_features(std::string_view features);
    void on_sasl(std::string_view element);
    void on_bound(std::string_view iq);
    void on_session_stanza(std::string_view stanza);
    void on_stream_management(std::string_view element);
    void on_message(std::string_view message);
    void answer_request(std::string_view iq);

    void open_stream();
    void register_account();
    void on_registered(std::string_view iq);
    void authenticate(std::string_view features);
    void enter();
    void become_ready();
    void leave_loop(const std::string& why);
    bool is_secured() const { return shared_.options.tls == TlsUse::none || secured_; }
    bool manages_stream() const { return shared_.options.acks || shared_.options.phone; }

    XmppShared& shared_;
    Connection connection_;
    XmlScanner scanner_;
    Acknowledgements acks_;
    std::unique_ptr<SaslClient> sasl_;  // during authentication only
    State state_ = State::idle;
    bool secured_ = false;
    bool authenticated_ = false;
    bool legacy_session_ = false;
};

}  // namespace rookery::bench
