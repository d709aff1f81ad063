// Connection: pumps bytes between a transport and a stream, and carries out what the stream asks for: TLS, keys, the
// move home, binding. After binding it feeds a C2sSession. Owns itself while its transport is open.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "base/loop.h"
#include "c2s/c2s.h"
#include "c2s/stream.h"
#include "net/transport.h"
#include "core/ticket.h"
#include "storage/account_store.h"

namespace rookery {

class C2sSession;
class ClientOrigin;
struct StreamManagementOptions;

class Connection final : public ChannelHandler, public std::enable_shared_from_this<Connection> {
    struct Private {};

public:
    Connection(Private, C2s& c2s, std::shared_ptr<const C2sPolicy> policy, Stream stream);
    static void open(C2s& c2s, std::unique_ptr<ParkedTransport> transport, std::shared_ptr<const C2sPolicy> policy);
    ~Connection();

    // Hands a stanza to the client. False: dropped, too much is waiting already and the connection is being closed.
    bool write(const Stanza& stanza, const Jid& to);
    void write(std::string_view nonza);
    // After a write: as long as the client does not take what waits for it, its senders are slowed.
    void keep_while_behind(const TicketPtr& ticket);
    void close(const StreamError& error);
    // The same, and the session goes on without this connection.
    void leave_session(const StreamError& error);
    // The same at once: what was written is dropped.
    void drop();
    // The session's hold is over.
    void resume();
    std::size_t output_bytes() const;
    QueueMember output() const;  // the same, for gauges
    TransportMemory transport_memory() const { return transport_ ? transport_->memory() : TransportMemory(); }
    // What was written since the stream is at home, and how much of it the client's kernel has, at least (under TLS a
    // little more). One system call.
    std::uint64_t written() const { return written_; }
    std::uint64_t taken() const;
    C2s& c2s() const { return c2s_; }
    SteadyTime last_heard() const;

    // Live upgrade (connection_record.cpp). The descriptor; nullopt: another program cannot go on with it.
    std::optional<int> save(RecordWriter& record) const;
    static std::shared_ptr<Connection> restore(C2s& c2s, std::shared_ptr<const C2sPolicy> policy,
                                               std::unique_ptr<ParkedTransport> transport, const Jid& full, RecordReader& record);
    void attach(std::shared_ptr<C2sSession> session);
    // Another program serves from now on: the stream ends, at once and without a trace in the session.
    void leave_behind(const StreamError& error);
    const std::string& listener() const { return policy_->listener; }
    bool waits() const { return holds_ > 0; }  // for storage, or for the shaper
    bool must_finish() const { return stream_.in_long_stanza(); }  // reading it, before it can rest

private:
    struct Home;  // what moves to the home shard
    struct Stranger;
    struct Behind;

    static void arrive_home(C2s& c2s, std::shared_ptr<Home> home);

    void on_data(std::string_view bytes) override;
    void on_drained() override;
    void on_secured(const TlsInfo& tls) override;
    void on_closed(CloseReason reason) override;

    void pump();
    bool handle(StreamEvent event);  // false: stop pumping for now
    bool must_wait() const;
    bool owes_much() const;
    bool stuck() const;
    void wait();
    void throttle(std::size_t bytes);
    void flush();
    void put(std::string_view bytes);
    bool too_far_behind() const;
    void watch_backlog();
    void end_behind();
    void look_again(Duration later);
    void look_whether_behind();

    void start_tls();
    void attempt_login();
    Task<void> load_credentials(std::shared_ptr<Connection> self);
    Task<void> check_password(std::shared_ptr<Connection> self);
    LoginEvent login_event(Jid account) const;
    void login_failed();
    void go_home();
    void resume_after_login();
    void answer_at_once();
    void answer_registration(std::shared_ptr<Stanza> request);
    Task<void> finish_registration(std::shared_ptr<Connection> self, std::shared_ptr<Stanza> request, Task<IqReply> later);
    void send_registration(const Stanza& request, const IqReply& reply);
    void bind_in_turn();
    Task<void> bind_if_unchanged(std::shared_ptr<Connection> self);
    void bind();
    std::optional<Jid> choose_resource(Account& account);
    static void make_room(Account& account, std::size_t max_sessions);
    enum class Welcome { yes, unknown, gone };  // unknown: storage does not answer; gone: there is nobody to answer to
    Task<Welcome> still_welcome();

    // Stream management (connection_management.cpp).
    void on_nonza(xml::View nonza);
    void on_management(xml::View nonza);
    const StreamManagementOptions* management_options() const;
    void enable_management(xml::View request);
    void acknowledged(xml::View answer);
    void begin_resumption(xml::View request);
    Task<void> resume_session(std::shared_ptr<Connection> self, ResumptionId id, std::uint32_t h);
    Task<void> take_over(std::shared_ptr<C2sSession> session, std::uint32_t h);
    void refuse_resumption(const ResumptionId& id);

    void become(Rank rank);
    void be_in_soon();
    void watch_login(SteadyTime until);
    void restart_silence_timer();
    void end_login();
    void hold() { ++holds_; }
    void release_hold();
    void end_session();
    void lose_session();
    void say_goodbye();
    void close_transport();
    ClientOrigin origin() const;
    void log_closed(std::string_view reason) const;

    C2s& c2s_;
    std::shared_ptr<const C2sPolicy> policy_;
    std::shared_ptr<Connection> self_;  // until the transport is closed
    std::unique_ptr<Transport> transport_;
    Stream stream_;
    std::shared_ptr<C2sSession> session_;
    std::unique_ptr<Shaper> shaper_;
    SteadyTime last_heard_;
    std::uint64_t written_ = 0;
    std::unique_ptr<Stranger> stranger_;  // until a resource is bound
    std::unique_ptr<Behind> behind_;      // while the client does not take what waits for it
    unsigned holds_ = 0;  // our own waits (keys, registration); the session has its own
    bool pumping_ = false;
    bool ending_ = false;  // close_transport() has run
    bool paused_ = false;
    Rank rank_ = Rank::in;
};

}  // namespace rookery
