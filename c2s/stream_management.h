// StreamManagement: the counts and the queue of XEP-0198 for one session. Pure: no stream, no timer. Lives with the
// session, so that another connection can go on where one was lost.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "core/ticket.h"
#include "xmpp/jid.h"
#include "xmpp/stanza.h"

namespace rookery {

// A stanza the client was sent, or will be when it comes back, and has not acknowledged.
struct SentStanza {
    StanzaPtr stanza;
    Jid to;                    // empty: the stanza's own
    std::uint64_t log_id = 0;  // of the message in its account's log; 0: it is in none
    TicketPtr ticket;          // its sender waits for it to be safe; null: it is, or nothing was promised
    std::size_t bytes = 0;     // about
    WallTime at;
    std::optional<std::uint32_t> refuses = {};  // a stanza of the client's, by its ticket's number
    bool received_elsewhere = false;            // another session's client has it
    bool looked_at = false;                     // by take_overdue()
    bool saving = false;                        // on its way to the log
};

class StreamManagement {
public:
    // `received_before`: how many of the client's stanzas do not count, since they came before <enable/>.
    explicit StreamManagement(std::uint32_t received_before) : received_before_(received_before) {}

    // What the client acknowledges by `h`, in order; it is forgotten here. Nullopt: it was not sent that many.
    std::optional<std::vector<SentStanza>> acknowledge(std::uint32_t h);
    void push(SentStanza sent);
    // Sent and not acknowledged, oldest first.
    const std::vector<SentStanza>& waiting() const { return waiting_; }
    // Those whose senders wait and that are not on their way to the log: they are from now on.
    std::vector<SentStanza> take_unsaved();
    // Of these, what was there at the last call already.
    std::vector<SentStanza> take_overdue();
    bool has_unsaved() const { return std::ranges::any_of(waiting_, is_unsaved); }
    // One of them is in the log now, or not after all (0). False: it has been acknowledged meanwhile, here or elsewhere.
    bool note_saved(const StanzaPtr& stanza, std::uint64_t log_id);
    // Its sender need not wait for it here. Its id in the log, or 0.
    std::uint64_t note_received_elsewhere(const StanzaPtr& stanza);
    bool has(std::uint64_t log_id) const;
    bool has(const StanzaPtr& stanza) const { return std::ranges::find(waiting_, stanza, &SentStanza::stanza) != waiting_.end(); }
    std::size_t waiting_bytes() const { return waiting_bytes_; }
    std::uint32_t acknowledged() const { return acknowledged_; }  // the client's last h

    // Our own h, when `settled` of the client's stanzas are settled (Session::settled). The client forgets what h counts,
    // so a stanza that was refused is counted only when the client has acknowledged the refusal.
    std::uint32_t handled(std::uint32_t settled) const;
    // The client was told `h` on its return, and goes on from there, whatever it had `issued` before. It sends again what
    // comes after; refusals of that are dropped.
    void go_on_from(std::uint32_t h, std::uint32_t issued);

    // Should the client be asked for an acknowledgement now? At once for messages, for the rest when much has gathered;
    // never twice at a time, nor again of the same stanzas: a client that counts too few would be asked for ever (@xmpp/client
    // 0.14.0, docs/clients.md). True: the caller asks. `of_little`: even when little has gathered.
    bool take_question(bool of_little = false);
    bool asked() const { return asked_; }
    std::uint32_t received_before() const { return received_before_; }
    bool has_news() const { return news_; }
    // Of a session that comes from another program, after what waits was pushed: the client's last h, and whether it owes
    // an answer.
    void restore(std::uint32_t acknowledged, bool asked, bool news) { acknowledged_ = acknowledged, asked_ = asked, news_ = news; }
    // Over to another connection: what was asked there is not answered here.
    void forget_question() { asked_ = false, news_ = true; }

    // What waits costs memory, until the client's next message if nobody asks: a roster two kilobytes.
    static constexpr std::size_t unasked_stanzas = 8;
    static constexpr std::size_t unasked_bytes = 1024;

private:
    std::uint32_t count(std::uint32_t number) const { return number - received_before_; }
    void forget(const SentStanza& sent);
    template <class Wanted>
    std::vector<SentStanza> take_unsaved_if(Wanted wanted);
    static bool is_unsaved(const SentStanza& sent) { return sent.ticket && !sent.saving; }

    std::vector<SentStanza> waiting_;
    std::size_t waiting_bytes_ = 0;
    std::uint32_t acknowledged_ = 0;
    std::uint32_t received_before_;
    std::uint32_t messages_ = 0;  // of waiting_
    std::uint32_t refusals_ = 0;  // of these
    bool asked_ = false;
    bool news_ = false;  // something was sent since the last question
};

}  // namespace rookery
