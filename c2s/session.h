// C2sSession: a bound resource whose client hangs on a Connection, or, under stream management (XEP-0198), waits for
// the client to come back on another one. The account owns it.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "c2s/client_origin.h"
#include "c2s/connection.h"
#include "c2s/stream_management.h"
#include "core/memory_board.h"
#include "core/services/stream_management_options.h"
#include "core/session.h"

namespace rookery {

class C2s;
class RecordReader;
class RecordWriter;
class RestoredStanzas;

class C2sSession final : public Session {
public:
    C2sSession(Jid full, std::uint64_t id, const ClientOrigin& origin, WallTime since, Connection& connection);
    ~C2sSession() override;

    SessionOrigin origin() const override { return origin_.describe(); }
    void deliver(const StanzaPtr& stanza, const Jid& to, const Handover& handover) override;
    void close(const StreamError& error) override;
    bool was_handed(std::uint64_t log_id) const override;
    bool was_handed(const StanzaPtr& stanza, WallTime at) const override;
    void received_elsewhere(const StanzaPtr& stanza) override;
    bool acknowledges() const override { return managed(); }
    void ask_before_silence() override;
    void wait_for_client(Seconds patience) override;
    SteadyTime last_heard() const override { return connection_ ? connection_->last_heard() : SteadyTime{}; }
    std::size_t backlog_bytes() const override { return connection_ ? connection_->output_bytes() : 0; }
    bool has_room() const override;

    // --- stream management
    // `id`: empty where the client did not ask for resumption. `wait`: for how long it may be away.
    void manage(const StreamManagementOptions& options, const ResumptionId& id, Seconds wait);
    bool managed() const { return managed_ != nullptr; }
    bool resumable() const;
    const ResumptionId& resumption_id() const;
    // What its client has not acknowledged, for gauges: stanzas, and their bytes. Empty where it is not managed.
    QueueMember unacknowledged() const;
    QueueMember unacknowledged_bytes() const;
    // What its client has not taken: bytes.
    QueueMember output() const;
    // For gauges: what it holds, without the stanzas' own bytes where others hold them, too.
    std::size_t text_bytes() const { return jid().str().size() + packed_presence_bytes(); }
    MemoryUse management_memory() const;
    MemoryUse unacknowledged_memory() const;
    std::uint32_t handled() const;  // our h
    // False: it was not sent so many.
    bool acknowledge(std::uint32_t h);
    std::uint32_t sent() const;          // the h of a client that has had everything
    std::uint32_t acknowledged() const;  // the client's last one
    // The client asks for our h: told when what it sent is settled; where that takes its time, soon what is, too.
    void answer_question();

    bool may_be_resumed();
    // The stream is about to end, from our side.
    void say_last_count();
    // The connection is lost. True: the session waits for its client; false: it is to be removed.
    bool hibernate();
    bool hibernating() const { return !connection_; }
    SteadyTime hibernating_since() const;
    // The client is back. First the old connection ends, if there still is one, with a conflict; what it had not read is
    // not read any more. Then another is attached, and what was not acknowledged sent again.
    void let_go_of_connection();
    void attach(Connection& connection, const ClientOrigin& origin);
    // What the client is told to have sent: it goes on from there.
    std::uint32_t go_on();
    void resend();
    // What the kernel of a client that does not acknowledge has taken is received.
    void look_what_was_taken();
    // It waits for too much, and the memory is needed: over, without a word to the client.
    void shed();
    // Over: the session leaves its account.
    void end();

    // --- live upgrade (session_record.h)
    // What its client has not acknowledged and is in no log gets there.
    void rest();
    Connection* connection() const { return connection_; }
    void save(RecordWriter& record, RecordWriter& connection_record, std::optional<int>& descriptor) const;
    static std::shared_ptr<C2sSession> restore(C2s& c2s, RecordReader& record, RestoredStanzas& stanzas);
    // Its connection is there, or it has none and waits, or ends.
    void go_on_with(Connection& connection);
    void go_on_without(RecordReader& record);

private:
    struct Managed;

    // Without a connection yet.
    C2sSession(C2s& c2s, Jid full, std::uint64_t id, const ClientOrigin& origin, WallTime since);
    void save_management(RecordWriter& record) const;
    void restore_management(RecordReader& record, RestoredStanzas& stanzas);
    void save_handed(RecordWriter& record) const;
    void restore_handed(RecordReader& record);
    void await_answer();

    bool is_taken_by_others(const StanzaPtr& stanza, const Jid& to, const Handover& handover);
    void input_released() override;
    void input_settled(std::uint32_t count) override;
    void send_acknowledgement();
    void write_count();
    void keep(const StanzaPtr& stanza, const Jid& to, const Handover& handover);
    bool refuses_ours(const Stanza& stanza, const Handover& handover) const;
    void give_up();
    void received(std::uint64_t log_id);
    void received(Account& account, const SentStanza& sent);
    void count_out(const std::vector<SentStanza>& sent);
    void note_handed(std::uint64_t log_id);
    void look_again_later();
    void save_soon();
    void save_after(Duration delay);
    void save_unsaved();
    Task<void> save(std::shared_ptr<C2sSession> self, std::shared_ptr<Account> account, SentStanza sent);
    void ask();
    void redeliver(const std::shared_ptr<Account>& account, const SentStanza& sent);
    void cancel_timers();
    void start_waiting(Seconds patience);
    std::shared_ptr<C2sSession> self();

    C2s& c2s_;
    Connection* connection_;
    ClientOrigin origin_;
    std::unique_ptr<Managed> managed_;
    struct Handed {
        std::uint64_t log_id;
        std::uint64_t through;  // of the connection's output
    };
    // From before it was managed: messages that the client's kernel may not have yet. Null: none.
    std::unique_ptr<std::vector<Handed>> handed_;
};

}  // namespace rookery
