// Session: one bound resource (RFC 6120 section 7) at its account's home shard. It is not a connection: connections
// come and go. c2s/session.h implements delivery; modules see this.
// Owned by its Account; shared pointers keep the object, not the binding: after a wait, ask alive().
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "core/slot.h"
#include "core/ticket.h"
#include "xmpp/jid.h"
#include "xmpp/stanza.h"
#include "xmpp/stream_error.h"

namespace rookery {

class Account;
class Shard;

// What is known about how the session came in; for admins and logs.
struct SessionOrigin {
    std::string address;         // of the client, without port
    std::uint16_t port = 0;
    // Texts that live as long as the program (base/interned.h): every session has them.
    std::string_view transport;  // "tcp", "tls"
    std::string_view tls;        // "TLSv1.3 TLS_AES_128_GCM_SHA256", or empty
    std::string_view mechanism;  // SASL
};

// Of a presence (RFC 6121 4.7.2.3); 0 when none is given, nullopt when it is no whole number from -128 to 127.
std::optional<std::int8_t> read_priority(const Stanza& presence);

// What comes with a stanza that a session is to deliver.
struct Handover {
    TicketPtr ticket;          // its sender's; kept until the client has taken so much that more may come
    std::uint64_t log_id = 0;  // of the message in the account's log; 0: it is in none
    bool unsaved = false;      // it should be in the log, but for the hope that the client acknowledges it at once
};

class Session : public std::enable_shared_from_this<Session> {
public:
    Session(Jid full_jid, std::uint64_t session_id, WallTime since)
        : jid_(std::move(full_jid)), id_(session_id), since_(since) {}
    virtual ~Session() = default;
    Session(const Session&) = delete;
    Session& operator=(const Session&) = delete;

    const Jid& jid() const { return jid_; }
    std::uint64_t id() const { return id_; }  // of this process; on every log line about it
    virtual SessionOrigin origin() const = 0;
    WallTime since() const { return since_; }
    bool alive() const { return alive_; }

    // Hands the client a stanza. `to`: written instead of the stanza's own (fan-out); empty: as it is.
    virtual void deliver(const StanzaPtr& stanza, const Jid& to = {}, const Handover& handover = {}) = 0;
    // Ends the binding: stream error, close. Presence clean-up follows through the session_closed hook.
    virtual void close(const StreamError& error) = 0;
    // Does its client say what it received (XEP-0198)?
    virtual bool acknowledges() const = 0;
    // Has it been handed this message of the account's log, without a word from the client since?
    virtual bool was_handed(std::uint64_t log_id) const = 0;
    // The same of one that is in no log; `at`: about when it was handed to everybody who was there.
    virtual bool was_handed(const StanzaPtr& stanza, WallTime at) const = 0;
    // The client will be silent for long. If it acknowledges at all, it is asked at once what it has received, as after a
    // message: we need not keep that, and one that does not answer waits for its return.
    virtual void ask_before_silence() {}
    // Another of the account's sessions received it: nobody waits any more for this one to do so.
    virtual void received_elsewhere(const StanzaPtr& stanza) = 0;
    // How long it waits, from now on, for its client that has lost its connection; for the next time that is forgotten
    // (XEP-0198). Nothing to sessions that do not wait.
    virtual void wait_for_client(Seconds patience) = 0;
    // When the client was last heard of (any byte), or could have been: while its input is not read, now.
    virtual SteadyTime last_heard() const = 0;
    // Bytes the client has not taken yet.
    virtual std::size_t backlog_bytes() const = 0;
    // May it be handed much, or does its client first have to take what it got?
    virtual bool has_room() const = 0;

    // Presence as last broadcast (RFC 6121 section 4), made anew by each call. REQUIRES: available().
    Stanza presence() const;
    bool available() const { return !presence_.empty(); }
    int priority() const { return priority_; }
    std::size_t packed_presence_bytes() const { return presence_.size(); }  // for gauges
    // REQUIRES: a presence without `to`, available with a valid priority, or unavailable. The presence module's to call.
    void set_presence(const Stanza& presence);

    // Has asked for the roster, so gets pushes ("interested resource", RFC 6121 2.1.6).
    bool interested() const { return interested_; }
    void set_interested() { interested_ = true; }

    SlotMap& slots() { return slots_; }

    // Shows each stanza to the hook session_outgoing first. Most sessions are not watched, and it costs them nothing.
    // Watches count.
    bool outgoing_watched() const { return outgoing_watches_ > 0; }
    void watch_outgoing() { ++outgoing_watches_; }
    void end_outgoing_watch() { --outgoing_watches_; }

    // For the next stanza the client sent. Past max_open of them, or max_open_bytes, the session holds until some are
    // settled.
    TicketPtr issue_ticket(Shard& home, std::size_t bytes);
    void settle(std::uint32_t number, std::size_t bytes);  // Ticket's to call
    // What is still open is waited for no longer: the client is about to send it again.
    void abandon_open();
    // The client's stanzas: how many it sent, and how many from the first on are settled. Both wrap at 2^32.
    std::uint32_t issued() const { return issued_; }
    std::uint32_t settled() const { return settled_; }
    // Since when the first of those that are open has been, at least. Nullopt: none is.
    std::optional<Duration> open_for(SteadyTime now) const;

    static constexpr std::uint32_t max_open = 1'000;
    static constexpr std::size_t max_open_bytes = 256 * 1024;

    // While held, no further stanza of this client is read: something its last one asked for is still under way
    // (order, back-pressure). Holds count.
    void hold() { ++holds_; }
    void release();
    bool held() const { return holds_ > 0; }

protected:
    // The last hold went: go on reading, from a fresh turn of the loop.
    virtual void input_released() = 0;
    // settled() has grown by so many.
    virtual void input_settled(std::uint32_t) {}
    void set_dead() { alive_ = false; }
    // Of a session that comes from another program: nothing is open.
    void restore_counts(std::uint32_t settled) { issued_ = settled_ = settled; }
    friend class Account;

private:
    // When one of the client's stanzas came. Two of them tell how old the oldest open one is at least, without a time for each.
    struct Mark {
        std::uint32_t number = 0;
        std::uint32_t milliseconds = 0;  // of the steady clock; wraps
    };
    bool is_open(const Mark& mark) const { return static_cast<std::int32_t>(mark.number - settled_) > 0; }
    void settle_those_behind();
    void note_settled_early(std::uint32_t number);
    void hold_or_release();

    Jid jid_;
    std::uint64_t id_;
    WallTime since_;
    std::string presence_;  // packed
    SlotMap slots_;
    std::unique_ptr<std::vector<std::uint32_t>> settled_early_;  // before one that was sent before them; in order; null: none
    std::size_t open_bytes_ = 0;
    std::uint32_t issued_ = 0;
    std::uint32_t settled_ = 0;
    Mark first_mark_, last_mark_;
    std::uint16_t holds_ = 0;
    std::int8_t priority_ = 0;
    bool interested_ = false;
    bool alive_ = true;
    bool holds_for_open_ = false;
    std::uint8_t outgoing_watches_ = 0;
};

using SessionPtr = std::shared_ptr<Session>;

}  // namespace rookery
