// ComponentConnection: pumps bytes between a transport and a component's stream, on the shard of the component's domain
// once it has proved its secret. Owns itself while its transport is open.
#pragma once

#include <deque>
#include <memory>

#include "base/loop.h"
#include "base/queue_board.h"
#include "core/remote_router.h"
#include "core/shaper.h"
#include "core/ticket.h"
#include "net/transport.h"
#include "s2s/component_stream.h"

namespace rookery {

class Components;

class ComponentConnection final : public ChannelHandler, public std::enable_shared_from_this<ComponentConnection> {
public:
    static void open(Components& components, std::unique_ptr<ParkedTransport> transport,
                     std::shared_ptr<const ComponentPolicy> policy);
    ~ComponentConnection();

    // Takes responsibility: the component's socket takes the stanza, or its sender hears that it does not.
    void deliver(RoutePtr route);
    void close(const StreamError& error);
    // Another program serves from now on: ends the stream at once, and nothing else happens.
    void leave_behind(const StreamError& error);
    void resume();
    // Another connection claims the domain: if this one is dead, that shows within a minute.
    void probe() { write(" "); }

    const Jid& domain() const { return stream_->domain(); }
    RemotePeer describe() const;
    // For gauges. Bytes it has not taken, and its own stanzas that are not settled.
    QueueMember output() const;
    QueueCounts output_counts() const;
    QueueMember unsettled() const { return {open_, max_open}; }
    QueueCounts unsettled_counts() const { return counts_of(received_, open_); }

    static constexpr std::size_t max_open = 10'000;             // stanzas of the component that are not settled
    static constexpr std::size_t max_open_bytes = 4u << 20;

private:
    struct Unsent {
        std::uint64_t end;  // of its bytes in all that was written
        RoutePtr route;
    };
    struct Home;  // what moves to the shard of the domain

    ComponentConnection(Components& components, std::shared_ptr<const ComponentPolicy> policy,
                        std::unique_ptr<ComponentStream> stream);
    static void arrive_home(Components& components, std::shared_ptr<Home> home);

    void on_data(std::string_view bytes) override;
    void on_drained() override { release_taken(); }
    void on_closed(CloseReason reason) override;

    void pump();
    bool handle(ComponentEvent event);  // false: stop pumping for now
    bool must_wait() const;
    void wait();
    void throttle(std::size_t bytes);
    void flush();
    void write(std::string_view bytes);

    void go_home();
    void ask_admission();
    void route(std::shared_ptr<Stanza> stanza);
    void settled(std::size_t bytes);
    void release_taken();
    void look_what_was_taken();
    void refuse_unsent();
    void leave();
    void close_transport();
    void log_closed(std::string_view reason) const;

    Components& components_;
    std::shared_ptr<const ComponentPolicy> policy_;
    std::shared_ptr<ComponentConnection> self_;  // until the transport is closed
    std::unique_ptr<Transport> transport_;
    std::unique_ptr<ComponentStream> stream_;
    std::unique_ptr<Shaper> shaper_;
    std::deque<Unsent> unsent_;      // written, and not taken by the kernel as far as we know
    std::uint64_t written_ = 0;      // bytes
    std::size_t open_ = 0;           // its stanzas that are not settled
    std::size_t open_bytes_ = 0;
    std::uint64_t sent_ = 0, received_ = 0, refused_ = 0;
    WallTime since_;
    TimerId handshake_timer_ = 0;
    TimerId look_timer_ = 0;
    bool look_posted_ = false;
    bool shaping_ = false;  // pauses for the shaper
    bool pumping_ = false;
    bool paused_ = false;
    bool ending_ = false;   // close_transport() has run
    bool counted_ = false;  // among the strangers
};

}  // namespace rookery
