// Stream: a client's XML stream (RFC 6120) as a pure machine: bytes in, events and bytes out. No sockets, no storage:
// what it cannot know it asks for by an event. Shared by every transport.
//
//   feed(bytes), then next() until need_more or until the caller must wait (park_input()); take_output() in between.
//
// State      what the client may send next                         leads to
// header     <stream:stream>                                       negotiate, or bind after login
// negotiate  <starttls/>, <auth/>, iq jabber:iq:register           header (after TLS), authenticating, header (after SASL)
// authenticating  <response/>, <abort/>                            header (after SASL), negotiate
// bind       iq bind, iq session, nonzas (<resume/>)               bound
// bound      stanzas, nonzas
// closed     nothing
//
// Lives on one shard at a time; rebind() after the move home.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "net/tls_info.h"
#include "xmpp/jid.h"
#include "xmpp/sasl/mechanism.h"
#include "xmpp/stanza.h"
#include "xmpp/stream_error.h"
#include "xmpp/xml/stream_parser.h"

namespace rookery {

class Host;
class RecordReader;
class RecordWriter;
class Shard;

// What a listener asks of its streams; immutable, shared by them.
struct StreamPolicy {
    bool starttls = true;                // offered
    bool starttls_required = true;       // no login without TLS
    xml::ParserLimits before_login;      // also the bound of what is buffered for one stanza
    xml::ParserLimits after_login;
    std::size_t max_bytes_before_login = 65'536;
    unsigned max_auth_failures = 5;      // wrong proofs, RFC 6120 6.4.5
    unsigned max_false_starts = 10;      // attempts that failed before a proof
    std::vector<std::string> disabled_mechanisms;
    bool downgrade_protection = true;    // XEP-0474
    Seconds idle_limit{0};               // advertised by XEP-0478; 0: none
    // For fake keys of unknown accounts.
    std::string fake_secret;
    std::vector<KeyForm> key_forms{KeyForm()};
};

enum class StreamEvent : std::uint8_t {
    nothing,           // inside the stream only: next() never says it
    need_more,         // everything fed is used up
    start_tls,         // take the output, start TLS, then call tls_started()
    need_credentials,  // of auth_account(); answer with provide()
    check_password,    // of take_password_check(); answer with password_checked()
    auth_failed,       // close_reason() says why, auth_account() who (may be empty); the client may try again
    authenticated,     // as jid(), a bare one; take the output first
    registration,      // take_stanza(): jabber:iq:register before login; answer with write()
    bind,              // requested_resource(); answer with bound() or refuse_bind()
    stanza,            // take_stanza()
    answered,          // take_stanza(): the answer to one that needs no more; null where there is none
    nonza,             // take_nonza(): an element that is no stanza; answer with write(), or close
    closed,            // take the output, close; close_reason() for the log
};

// What all streams of a shard share.
struct StreamHome {
    Shard& shard;
    xml::ParserPool& parsers;
};

class Stream {
public:
    // Both outlive it.
    Stream(const StreamHome& home, const StreamPolicy& policy);
    ~Stream();
    Stream(Stream&&) noexcept;
    Stream(const Stream&) = delete;
    Stream& operator=(const Stream&) = delete;

    // The bytes are borrowed until next() says need_more or park_input() is called.
    void feed(std::string_view bytes);
    StreamEvent next();
    // The caller stops asking for a while (or will feed on another shard): keeps what is unread, gives the parser back.
    void park_input();
    // No parser could be lent; ask again later.
    bool starving() const { return starving_; }

    bool has_output() const { return more_ && !more_->output.empty(); }
    std::string take_output();

    // --- answers to events
    void tls_started(const TlsInfo& tls);
    // `verdict`: what a right proof gets instead of success (account disabled, access denied).
    void provide(const Credentials& credentials, std::optional<SaslCondition> verdict = std::nullopt);
    void password_checked(bool matches);
    void fail_auth(SaslCondition condition);  // storage away, account disabled, ...
    const std::string& auth_account() const;  // local part
    SaslCheckPassword take_password_check();
    std::string mechanism() const;            // of the login; until rebind()
    std::shared_ptr<Stanza> take_stanza() { return std::move(stanza_); }
    std::unique_ptr<xml::Element> take_nonza() { return std::move(nonza_); }
    const Credentials& keys() const;                // that the client has proved to know; until bound()
    const std::string& requested_resource() const;  // empty: the server makes one
    void bound(const Jid& full);
    void resumed(const Jid& full);  // XEP-0198; the answer is the caller's
    void refuse_bind(const StanzaError& error);
    void write(const Stanza& stanza) { stanza.write(out()); }
    void write(const xml::Element& nonza);

    // Ends the stream from our side; next() says closed.
    void close(const StreamError& error);
    void close();

    // After the move to the account's home shard.
    void rebind(const StreamHome& home);

    // Live upgrade (stream_record.cpp): of a stream that is bound and whose input is parked. Restoring: into a new one, with
    // its shard and parsers; false: the record makes no sense.
    // REQUIRES of saving: not in_long_stanza().
    void save(RecordWriter& record) const;
    bool in_long_stanza() const { return parser_ && !parser_->unfinished(); }  // that must be read to its end
    bool restore(const Jid& full, RecordReader& record);

    bool secured() const { return secured_; }
    bool authenticated() const { return !jid_.empty(); }
    bool is_closed() const { return state_ == State::closed; }
    const Jid& jid() const { return jid_; }
    Host* host() const { return host_; }  // nullptr before the first header
    std::string_view close_reason() const { return more_ ? std::string_view(more_->close_reason) : std::string_view(); }
    std::size_t max_stanza_bytes() const;

private:
    enum class State : std::uint8_t { header, negotiate, authenticating, bind, bound, closed };
    struct Auth;  // all that is only needed until a resource is bound
    // What a stream at rest has none of; null while all of it is empty.
    struct More {
        std::string rest;    // input that waits
        std::string output;
        std::string close_reason;
        std::unique_ptr<xml::StreamHeader> unusual_header;  // namespaces other than the usual: how to prime a parser
    };

    StreamEvent step();
    bool feed_parser();
    bool ensure_parser();
    void return_parser();
    const xml::ParserLimits& limits() const;

    StreamEvent on_header();
    StreamEvent on_element();
    StreamEvent on_negotiation(xml::Element element);
    StreamEvent on_starttls();
    StreamEvent on_early_management();
    StreamEvent on_auth(xml::View element);
    StreamEvent on_response(xml::View element);
    bool discard_attempt();
    StreamEvent on_prelogin_iq(xml::Element element);
    StreamEvent on_bind_element(xml::Element element);
    StreamEvent on_stanza(xml::Element element);
    StreamEvent on_nonza(xml::Element element);
    StreamEvent on_peer_close();

    bool authenticating() const;
    StreamEvent advance_auth(SaslStep step);
    StreamEvent auth_failed(SaslCondition condition, std::string_view why);
    StreamEvent fail(const StreamError& error);
    static std::optional<Stanza> refusal(const Stanza& remains, const StanzaError& why);
    StreamEvent answer(std::optional<Stanza> reply);
    bool check_from(const Stanza& stanza) const;

    More& more();
    void drop_more_if_empty();
    std::string& out() { return more().output; }
    const xml::StreamHeader* unusual_header() const { return more_ ? more_->unusual_header.get() : nullptr; }
    std::string_view rest() const { return more_ ? std::string_view(more_->rest) : std::string_view(); }
    void set_rest(std::string_view bytes);
    void write_header(std::string_view to);
    void write_features();
    void write_mechanisms();
    void write_limits();
    void restart();

    const StreamHome* home_;
    const StreamPolicy* policy_;
    Host* host_ = nullptr;
    xml::ParserPool::Lease parser_;
    std::unique_ptr<Auth> auth_;
    std::shared_ptr<Stanza> stanza_;
    std::unique_ptr<xml::Element> nonza_;
    std::string_view input_;
    std::unique_ptr<More> more_;
    Jid jid_;
    State state_ = State::header;
    std::optional<StreamEvent> pending_event_;
    bool header_sent_ = false;
    bool feeding_ = false;  // the parser has unread input
    bool secured_ = false;
    bool starving_ = false;
};

}  // namespace rookery
