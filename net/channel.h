// Channel: one client connection, plain or TLS, in its loop's epoll set. While idle it holds no buffer.
//
// Everything here runs on the loop's thread. The owner of a Channel is its handler (or the handler's owner); a handler
// may destroy its Channel, or call any of its functions, from within any callback. No callback is made from within a
// call of the handler's: write, close_after_flush, resume_reading, the constructor ... take effect in the loop's own time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/loop.h"
#include "net/address.h"
#include "net/output.h"
#include "net/shard_loop.h"
#include "net/watched.h"

namespace rookery {

class Channel;
class RecordReader;
class RecordWriter;
class TlsContexts;
class TlsLayer;
struct TlsInfo;

enum class CloseReason : std::uint8_t {
    peer_closed,  // end of stream (with or without close_notify)
    reset,        // RST, or any other error of the socket
    timeout,      // send timeout, TCP_USER_TIMEOUT or keep-alive gave up, or close_after_flush() took too long
    tls_failed,   // handshake refused, bad record, too many KeyUpdates; an alert was sent where TLS wants one
    closed,       // close_after_flush() is done
};

const char* to_string(CloseReason reason);

// Protocol names a listener accepts by ALPN. Null or empty: what clients offer is ignored.
// A client that offers only other names is refused (no_application_protocol); one that offers none is welcome.
using AlpnList = std::shared_ptr<const std::vector<std::string>>;

class ChannelHandler {
public:
    // Bytes from the peer, decrypted; the view is dead after the call. Whatever of it the handler does not use now it
    // keeps itself, also when it calls pause_reading() or release() in the middle of it. After pause_reading(),
    // release(), abort() or close_after_flush() no further on_data comes, not even from bytes that were read already.
    virtual void on_data(std::string_view bytes) = 0;

    // Everything written has been handed to the kernel, after some of it had to wait for the peer to read.
    // (Not called for output that went out at once.)
    virtual void on_drained() {}

    // The TLS handshake is done. What was agreed is told here only: nothing keeps it.
    virtual void on_secured(const TlsInfo&) {}

    // The connection is gone and its descriptor closed (output written before a peer_closed was still tried). Comes at
    // most once and last; never after abort() or release(). The channel is of no more use: destroy it here or later.
    virtual void on_closed(CloseReason reason) = 0;

protected:
    ~ChannelHandler() = default;
};

// A connection between two loops: descriptor, TLS state, unsent output, bytes read but not delivered. Movable to any
// thread. Destroying it closes the connection without ceremony.
class Parked {
public:
    Parked();
    // Takes ownership of a connected stream socket and makes it non-blocking.
    Parked(int descriptor, const Endpoint& peer);
    Parked(Parked&& other) noexcept;
    Parked& operator=(Parked&& other) noexcept;
    ~Parked();

    explicit operator bool() const { return descriptor_ >= 0; }
    const Endpoint& peer() const { return peer_; }
    // Of whoever is connected (Channel::set_rank).
    void set_rank(Rank rank) { rank_ = rank; }

    // The connection begins with a TLS handshake (direct TLS, XEP-0368). Before the first adopt.
    void expect_tls(std::shared_ptr<const TlsContexts> contexts, AlpnList alpn);

    // A connection that another program has saved (Channel::save). Takes the descriptor. Empty, and the descriptor
    // closed, if the record makes no sense: then it has failed.
    static Parked restore(int descriptor, RecordReader& record);

private:
    friend class Channel;
    int descriptor_ = -1;
    bool drain_awaited_ = false;  // the handler is owed an on_drained
    Rank rank_ = Rank::in;
    Endpoint peer_;
    OutputPtr output_;
    std::unique_ptr<TlsLayer> tls_;
};

class Channel final : private Watched {
public:
    // Puts the connection into the loop. The handler outlives the channel. Bytes that are waiting come in the next
    // turn.
    Channel(ShardLoop& loop, Parked parked, ChannelHandler& handler);
    ~Channel();  // as abort()
    Channel(const Channel&) = delete;
    Channel& operator=(const Channel&) = delete;

    // Appends to the output, which is sent once at the end of this turn (TLS: in records of up to 16 kB). Unbounded:
    // the handler watches output_bytes() and pauses what feeds it. Ignored once the channel is closing or closed.
    void write(std::string_view bytes);
    std::size_t output_bytes() const;  // accepted by write(), not yet by the kernel
    std::size_t tls_bytes() const;     // in memory, for gauges; 0: no TLS
    // And those the peer's kernel has not acknowledged (under TLS, where that is known in records, at most so many). One
    // system call. Once the channel has ended: those that never were.
    std::size_t untaken_bytes() const;

    // Stops and restarts on_data. Neither costs a system call. While paused, a FIN waits behind the unread bytes;
    // a reset is reported at once.
    void pause_reading();
    void resume_reading();
    bool reading_paused() const { return paused_; }

    // Sends what was written, close_notify (TLS), FIN; then on_closed(closed), or (timeout) after
    // ShardLoopOptions::close_timeout. Input is ignored from now on. The loop waits for the peer's FIN by itself.
    void close_after_flush();
    // Closes at once and drops the output. No callback follows.
    void abort();
    bool is_open() const { return state_ == State::open; }  // false once closing or closed, also after release()

    // From now on the connection is served with those of that rank (base/loop.h). Two system calls, if it is another one.
    void set_rank(Rank rank);

    // Becomes a TLS server after what was written so far (send <proceed/> first, then call this). The handler makes
    // sure that no plaintext follows `<starttls/>` in what it received (L1, L2): such bytes must close the stream.
    // What is written after this call waits for the handshake.
    void start_tls(std::shared_ptr<const TlsContexts> contexts, AlpnList alpn = nullptr);

    // The peer's address, as PROXY told it where that is on.
    const Endpoint& peer() const { return peer_; }

    // Unacknowledged output for that long means the peer is gone (TCP_USER_TIMEOUT); zero: the system's default.
    void set_user_timeout(Milliseconds limit);
    // Output waits and the peer has taken nothing for so long: on_closed(timeout). Zero, the default: no limit but the
    // kernel's. REQUIRES: up to 65,535 s.
    void set_send_timeout(Seconds limit) { send_timeout_seconds_ = static_cast<std::uint16_t>(limit.count()); }
    Seconds send_timeout() const { return Seconds(send_timeout_seconds_); }

    // All that another program needs to go on with the connection, beside the descriptor. False: it cannot (TLS before 1.3,
    // a handshake, the end). Changes nothing, but what is saved stays true only while the loop does not run.
    bool save(RecordWriter& record) const;
    int descriptor() const { return descriptor_; }
    // Another program serves from now on, but not this connection: says what is to be said without waiting, and closes its
    // own direction. The process is about to end.
    void leave_with(std::string_view last_words);

    // Takes the connection out of this loop in whatever state it is, so that another one (also of another thread) can
    // adopt it; the peer notices nothing. No callback follows; this channel is of no more use (destroy it).
    // Empty if the connection was closing or closed already.
    Parked release();

private:
    enum class State : std::uint8_t { open, closing, gone };

    // The loop's side.
    void on_events(std::uint32_t events) override;
    void flush() override;
    void on_end() override;
    void on_handshake_slot() override;

    // Functions that make callbacks answer whether the channel is still there and not gone; if not, touch nothing.
    template <class Call>
    bool call_handler(Call call);
    void not_watched();
    void read(bool may_have_ended);
    bool feed(std::string_view bytes);
    bool feed_tls(std::string_view bytes);
    bool feed_record(std::string_view record);
    void refuse_input(std::string_view bytes);
    bool end_handshake();
    bool may_feed() const;
    bool has_handshake_slot();
    bool is_secured() const;  // the handshake is done

    enum class Sent : std::uint8_t { all, blocked, failed };
    Sent send_output();
    Sent send_what_waits();
    void count_output(std::size_t before);
    void count_lost_output();
    void append_sealed(std::string& records);
    Sent send_from(OutputPtr& output);
    Sent send_bytes(std::string_view bytes, std::size_t& sent);
    void append(OutputPtr& output, std::string_view bytes);
    void give_back(OutputPtr& output);
    Sent seal_and_send();
    void watch_stall();
    void seal_close_notify();
    void send_last_words(CloseReason reason);
    void drop_unsealed();
    void finish_closing();

    void peer_has_gone(CloseReason reason);
    void end(CloseReason reason);
    int leave_loop();
    void leave_handshake();

    // The small ones first: they fit into what the base leaves free, and the whole into a 128-byte chunk.
    State state_ = State::open;
    bool paused_ = false;
    bool unread_ = false;         // the kernel may have input of which no event will tell
    bool blocked_ = false;        // the kernel takes no output until EPOLLOUT
    bool drain_awaited_ = false;  // the handler is owed an on_drained
    CloseReason ended_by_ = CloseReason::closed;
    ShardLoop::Impl& loop_;
    ChannelHandler& handler_;
    std::unique_ptr<TlsLayer> tls_;
    OutputPtr output_;           // plain bytes (under TLS: not yet sealed)
    bool* destroyed_ = nullptr;  // set while a callback runs: where to say that the channel is no more
    union {
        TimerId timer_ = 0;  // open: until a peer that takes nothing has stalled; closing: until the end
        std::size_t untaken_when_gone_;
    };
    Endpoint peer_;
    std::uint16_t send_timeout_seconds_ = 0;
    int descriptor_ = -1;
};

}  // namespace rookery
