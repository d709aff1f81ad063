// How a channel is driven: its descriptor is in the loop's epoll set once and edge-triggered, for input and output, so
// that reading, pausing and waiting for room cost no epoll_ctl. The rules that follow from it:
// - after a read that filled the buffer there may be more (unread_): the loop is asked to come again;
// - a pause only notes that there was an event (unread_), and resuming asks the loop to come again; that event may
//   have been the only one for a FIN, so reading goes on until the kernel has no more;
// - a send that was refused waits for EPOLLOUT (blocked_), and until then nothing is tried.
#include "net/channel.h"

#include <fcntl.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cassert>
#include <cerrno>
#include <utility>

#include "base/log.h"
#include "net/lingering.h"
#include "net/shard_loop_impl.h"
#include "net/tls_layer.h"

namespace rookery {
namespace {

// Sealed at a time: four records, one send.
constexpr std::size_t seal_bytes = 4 * RecordCipher::max_content_bytes;

constexpr std::uint32_t channel_events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;

CloseReason reason_of(int error) { return error == ETIMEDOUT ? CloseReason::timeout : CloseReason::reset; }

int pending_error(int descriptor) {
    int error = 0;
    socklen_t size = sizeof error;
    ::getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &error, &size);
    return error;
}

// Sent and not acknowledged, or not sent yet.
int kernel_queue_bytes(int descriptor) {
    int bytes = 0;
    ::ioctl(descriptor, SIOCOUTQ, &bytes);
    return bytes;
}

// The kernel would keep what the peer did not take, megabytes maybe, as long as it hopes.
void drop_kernel_queue(int descriptor) {
    const linger at_once{.l_onoff = 1, .l_linger = 0};
    ::setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
}

void make_non_blocking(int descriptor) {
    const int flags = ::fcntl(descriptor, F_GETFL);
    if (flags >= 0 && !(flags & O_NONBLOCK)) ::fcntl(descriptor, F_SETFL, flags | O_NONBLOCK);
}

}  // namespace

const char* to_string(CloseReason reason) {
    switch (reason) {
        case CloseReason::peer_closed:
            return "peer closed";
        case CloseReason::reset:
            return "reset";
        case CloseReason::timeout:
            return "timeout";
        case CloseReason::tls_failed:
            return "TLS failed";
        case CloseReason::closed:
            return "closed";
    }
    return "unknown";
}

Parked::Parked() = default;

Parked::Parked(int descriptor, const Endpoint& peer) : descriptor_(descriptor), peer_(peer) {
    make_non_blocking(descriptor);
}

Parked::Parked(Parked&& other) noexcept
    : descriptor_(std::exchange(other.descriptor_, -1)),
      drain_awaited_(other.drain_awaited_),
      rank_(other.rank_),
      peer_(other.peer_),
      output_(std::move(other.output_)),
      tls_(std::move(other.tls_)) {}

Parked& Parked::operator=(Parked&& other) noexcept {
    Parked taken(std::move(other));
    std::swap(descriptor_, taken.descriptor_);
    std::swap(drain_awaited_, taken.drain_awaited_);
    std::swap(rank_, taken.rank_);
    std::swap(peer_, taken.peer_);
    std::swap(output_, taken.output_);
    std::swap(tls_, taken.tls_);
    return *this;
}

Parked::~Parked() {
    if (descriptor_ >= 0) ::close(descriptor_);
}

void Parked::expect_tls(std::shared_ptr<const TlsContexts> contexts, AlpnList alpn) {
    assert(*this && !tls_ && contexts);
    tls_ = std::make_unique<TlsLayer>(std::move(contexts), std::move(alpn));
}

Channel::Channel(ShardLoop& loop, Parked parked, ChannelHandler& handler)
    : Watched(parked.rank_),
      drain_awaited_(parked.drain_awaited_),
      loop_(loop.impl()),
      handler_(handler),
      tls_(std::move(parked.tls_)),
      output_(std::move(parked.output_)),
      peer_(parked.peer_),
      descriptor_(std::exchange(parked.descriptor_, -1)) {
    assert(descriptor_ >= 0);
    if (!loop_.watch(descriptor_, *this, channel_events)) not_watched();
    if (tls_ && tls_->slot == TlsLayer::Slot::held) loop_.adopt_handshake_slot();
    if (is_secured()) ShardLoop::Impl::count(loop_.counters.tls_sockets);
    if (tls_ && !tls_->held.empty()) loop_.read_again(*this);
    if (output_bytes() > 0) loop_.flush_later(*this);
    count_output(0);
}

// A limit of the kernel: to the handler it looks like a peer that closed.
void Channel::not_watched() {
    log_error("socket_not_watched", {{"peer", peer_.to_string()}, {"errno", errno}});
    ::shutdown(descriptor_, SHUT_RDWR);
    loop_.read_again(*this);
}

void Channel::set_rank(Rank rank) {
    if (state_ == State::gone || rank == this->rank()) return;
    if (!loop_.change_rank(descriptor_, *this, rank, channel_events)) not_watched();
}

Channel::~Channel() {
    if (destroyed_) *destroyed_ = true;
    abort();
}

void Channel::write(std::string_view bytes) {
    if (state_ != State::open || bytes.empty()) return;
    append(output_, bytes);
    ShardLoop::Impl::count(loop_.counters.output_in, static_cast<std::int64_t>(bytes.size()));
    loop_.flush_later(*this);
}

std::size_t Channel::output_bytes() const {
    const std::size_t sealed = tls_ && tls_->sealed ? tls_->sealed->size() : 0;
    return sealed + (output_ ? output_->size() : 0);
}

std::size_t Channel::tls_bytes() const {
    return tls_ ? sizeof(TlsLayer) + tls_->held.size() + (tls_->session ? tls_->session->bytes() : 0) : 0;
}

std::size_t Channel::untaken_bytes() const {
    if (state_ == State::gone) return untaken_when_gone_;
    const std::size_t in_kernel = static_cast<std::size_t>(kernel_queue_bytes(descriptor_));
    if (!tls_) return output_bytes() + in_kernel;
    const std::size_t sealed = tls_->sealed ? tls_->sealed->size() : 0;
    return tls_->plain_bytes_in(sealed + in_kernel) + (output_ ? output_->size() : 0);
}

void Channel::pause_reading() { paused_ = true; }

void Channel::resume_reading() {
    if (!std::exchange(paused_, false) || state_ != State::open) return;
    if (unread_ || (tls_ && !tls_->held.empty())) loop_.read_again(*this);
}

void Channel::close_after_flush() {
    if (state_ != State::open) return;
    state_ = State::closing;
    loop_.cancel(timer_);
    timer_ = loop_.after(loop_.options.close_timeout, [this] { end(CloseReason::timeout); });
    loop_.flush_later(*this);
}

void Channel::abort() {
    if (descriptor_ < 0) return;
    const std::size_t untaken = untaken_bytes();
    loop_.unwatch(descriptor_, *this);
    ::close(leave_loop());
    untaken_when_gone_ = untaken;
}

void Channel::start_tls(std::shared_ptr<const TlsContexts> contexts, AlpnList alpn) {
    assert(!tls_ && contexts);
    if (state_ != State::open) return;
    tls_ = std::make_unique<TlsLayer>(std::move(contexts), std::move(alpn));
    tls_->sealed = std::move(output_);  // goes out in clear, before the first record
}

bool Channel::is_secured() const { return tls_ && tls_->secured; }

void Channel::set_user_timeout(Milliseconds limit) {
    const auto value = static_cast<unsigned>(limit.count());
    if (descriptor_ >= 0) ::setsockopt(descriptor_, IPPROTO_TCP, TCP_USER_TIMEOUT, &value, sizeof value);
}

Parked Channel::release() {
    Parked parked;
    if (state_ != State::open) return parked;
    loop_.unwatch(descriptor_, *this);
    count_lost_output();
    parked.output_ = std::move(output_);
    parked.peer_ = peer_;
    parked.drain_awaited_ = drain_awaited_;
    parked.rank_ = rank();
    std::unique_ptr<TlsLayer> layer;
    if (tls_) {
        leave_handshake();
        // From within on_data or on_secured: what has been read and not been fed yet.
        if (!tls_->unfed.empty()) tls_->held.assign(std::exchange(tls_->unfed, {}));
        layer = std::move(tls_);
        if (layer->secured) ShardLoop::Impl::count(loop_.counters.tls_sockets, -1);
    }
    parked.descriptor_ = leave_loop();
    parked.tls_ = std::move(layer);
    return parked;
}

template <class Call>
bool Channel::call_handler(Call call) {
    bool destroyed = false;
    bool* const outer = std::exchange(destroyed_, &destroyed);
    call(handler_);
    if (destroyed) {
        if (outer) *outer = true;
        return false;
    }
    destroyed_ = outer;
    return state_ != State::gone;
}

void Channel::on_events(std::uint32_t events) {
    if ((events & EPOLLOUT) && std::exchange(blocked_, false)) {
        if (state_ == State::open) loop_.cancel(std::exchange(timer_, 0));
        loop_.flush_later(*this);
    }
    if (!(events & ~static_cast<std::uint32_t>(EPOLLOUT))) return;
    if (may_feed()) return read(events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR));
    unread_ = true;
    if (events & EPOLLERR) end(reason_of(pending_error(descriptor_)));
}

void Channel::read(bool may_have_ended) {
    const bool may_be_more = std::exchange(unread_, true) || may_have_ended;
    if (tls_ && !tls_->held.empty() && (!feed_tls({}) || !may_feed())) return;
    unread_ = false;
    const std::span<char> buffer = loop_.read_buffer();
    const ssize_t count = ::recv(descriptor_, buffer.data(), buffer.size(), 0);
    if (count > 0) {
        const std::string_view bytes(buffer.data(), static_cast<std::size_t>(count));
        unread_ = may_be_more || bytes.size() == buffer.size();
        if (feed(bytes) && unread_ && may_feed()) loop_.read_again(*this);
        return;
    }
    if (count < 0 && errno == EAGAIN) return;
    if (count < 0 && errno == EINTR) return loop_.read_again(*this);
    peer_has_gone(count < 0 ? reason_of(errno) : CloseReason::peer_closed);
}

// All that he said has been read. Whoever loses many peers at once (a router restarts, a phone network) has sessions to put
// away: that can wait.
void Channel::peer_has_gone(CloseReason reason) {
    if (rank() != Rank::in) return end(reason);
    if (ended_by_ == CloseReason::closed) ended_by_ = reason;
    loop_.end_later(*this);
}

void Channel::on_end() {
    if (state_ == State::open) end(ended_by_);
}

bool Channel::may_feed() const {
    return state_ == State::open && !paused_ && !(tls_ && tls_->slot == TlsLayer::Slot::waited_for);
}

bool Channel::feed(std::string_view bytes) {
    if (tls_) return feed_tls(bytes);
    return call_handler([&](ChannelHandler& handler) { handler.on_data(bytes); });
}

// Cuts the input into records and gives them to the session one by one. What is left stays in tls_->held: the start of
// a record, or all of it when the handler paused.
bool Channel::feed_tls(std::string_view bytes) {
    std::string joined = std::exchange(tls_->held, {});
    if (!joined.empty()) bytes = joined.append(bytes);
    while (may_feed()) {
        const std::size_t length = tls_record_length(bytes);
        if (length == 0) break;
        if (length == not_a_record) {
            refuse_input(bytes);
            return false;
        }
        if (!has_handshake_slot()) break;
        tls_->unfed = bytes.substr(length);
        if (!feed_record(bytes.substr(0, length))) return false;
        bytes = std::exchange(tls_->unfed, {});
    }
    if (bytes.size() == joined.size()) {
        tls_->held = std::move(joined);  // nothing was used: keeps its capacity, so that dribbled bytes stay linear
    } else {
        tls_->held.assign(bytes);
    }
    return true;
}

// The session says by which alert.
void Channel::refuse_input(std::string_view bytes) {
    log_debug("tls_failed", {{"peer", peer_.to_string()}, {"reason", "not a TLS record"}});
    if (tls_->session) {
        TlsWorkspace& workspace = loop_.tls_workspace();
        tls_->session->receive(bytes.substr(0, tls_header_bytes), workspace);
        append_sealed(workspace.output);
    }
    end(CloseReason::tls_failed);
}

bool Channel::feed_record(std::string_view record) {
    if (!tls_->session) tls_->session = make_server_session(std::move(tls_->handshake->contexts), std::move(tls_->handshake->alpn));
    TlsWorkspace& workspace = loop_.tls_workspace();
    const TlsSession::Step step = tls_->session->receive(record, workspace);
    if (!workspace.output.empty()) {
        append_sealed(workspace.output);
        loop_.flush_later(*this);
    }
    switch (step.status) {
        case TlsSession::Status::data:
            if (step.plain.empty()) break;
            return call_handler([&](ChannelHandler& handler) { handler.on_data(step.plain); });
        case TlsSession::Status::secured:
            return end_handshake();
        case TlsSession::Status::closed:
            end(CloseReason::peer_closed);
            return false;
        case TlsSession::Status::failed:
            log_debug("tls_failed", {{"peer", peer_.to_string()}, {"reason", tls_->session->failure()}});
            end(CloseReason::tls_failed);
            return false;
        case TlsSession::Status::more:
            break;
    }
    if (!tls_->secured || tls_->quiet_record_allowed(loop_.clock().steady_now())) return true;
    log_info("tls_flooded", {{"peer", peer_.to_string()}});
    if (!blocked_ && send_output() == Sent::all) seal_close_notify();  // no alert said why: RFC 8446 6.1
    end(CloseReason::tls_failed);
    return false;
}

bool Channel::has_handshake_slot() {
    if (tls_->secured || tls_->slot == TlsLayer::Slot::held) return true;
    const bool taken = loop_.take_handshake_slot(*this, tls_->handshake->slot_ticket);
    tls_->slot = taken ? TlsLayer::Slot::held : TlsLayer::Slot::waited_for;
    return taken;
}

void Channel::on_handshake_slot() {
    tls_->slot = TlsLayer::Slot::held;
    loop_.read_again(*this);
}

bool Channel::end_handshake() {
    TlsSession::Secured secured = tls_->session->secured();
    if (secured.successor) tls_->session = std::move(secured.successor);
    tls_->secured = true;
    leave_handshake();
    tls_->slot = TlsLayer::Slot::none;
    tls_->handshake.reset();
    loop_.count_handshake(true);
    ShardLoop::Impl::count(loop_.counters.tls_sockets);
    if (output_) loop_.flush_later(*this);
    return call_handler([&](ChannelHandler& handler) { handler.on_secured(secured.info); });
}

void Channel::flush() {
    if (state_ == State::gone || blocked_) return;
    switch (send_output()) {
        case Sent::failed:
            return end(reason_of(errno));
        case Sent::blocked:
            drain_awaited_ = true;
            return watch_stall();
        case Sent::all:
            break;
    }
    if (state_ == State::closing) return finish_closing();
    if (output_bytes() > 0 || !std::exchange(drain_awaited_, false)) return;
    call_handler([](ChannelHandler& handler) { handler.on_drained(); });
}

// EPOLLOUT comes when a third of the kernel's buffer is free: a slow reader may have taken something before that.
void Channel::watch_stall() {
    if (state_ != State::open || timer_ != 0 || send_timeout_seconds_ == 0) return;
    timer_ = loop_.after(Seconds(send_timeout_seconds_), [this, queued = kernel_queue_bytes(descriptor_)] {
        timer_ = 0;
        if (kernel_queue_bytes(descriptor_) == queued) return end(CloseReason::timeout);
        watch_stall();
    });
}

// Everything there is; under TLS that is what has been sealed, then, once there are keys, the rest.
Channel::Sent Channel::send_output() {
    const std::size_t before = output_bytes();
    const Sent sent = send_what_waits();
    count_output(before);
    return sent;
}

void Channel::append_sealed(std::string& records) {
    const std::size_t before = output_bytes();
    append(tls_->sealed, records);
    records.clear();
    count_output(before);
}

// What is no longer this loop's to send.
void Channel::count_lost_output() { ShardLoop::Impl::count(loop_.counters.output_out, static_cast<std::int64_t>(output_bytes())); }

// For gauges. Under TLS what is sealed and could not be sent has grown a little.
void Channel::count_output(std::size_t before) {
    const std::size_t now = output_bytes();
    auto& counter = now > before ? loop_.counters.output_in : loop_.counters.output_out;
    ShardLoop::Impl::count(counter, static_cast<std::int64_t>(now > before ? now - before : before - now));
}

Channel::Sent Channel::send_what_waits() {
    if (!tls_) return send_from(output_);
    Sent sent = send_from(tls_->sealed);
    while (sent == Sent::all && tls_->secured && output_) sent = seal_and_send();
    return sent;
}

Channel::Sent Channel::send_from(OutputPtr& output) {
    if (!output) return Sent::all;
    std::size_t sent = 0;
    const Sent result = send_bytes(output->waiting(), sent);
    output->sent(sent);
    if (result == Sent::all) give_back(output);
    return result;
}

void Channel::append(OutputPtr& output, std::string_view bytes) {
    if (!output) output = loop_.outputs().lend();
    output->append(bytes);
}

void Channel::give_back(OutputPtr& output) {
    if (output) loop_.outputs().give_back(std::move(output));
}

Channel::Sent Channel::send_bytes(std::string_view bytes, std::size_t& sent) {
    while (sent < bytes.size()) {
        const ssize_t count = ::send(descriptor_, bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL);
        if (count >= 0) {
            sent += static_cast<std::size_t>(count);
        } else if (errno == EAGAIN) {
            blocked_ = true;
            return Sent::blocked;
        } else if (errno != EINTR) {
            return Sent::failed;
        }
    }
    return Sent::all;
}

Channel::Sent Channel::seal_and_send() {
    std::string& records = loop_.tls_workspace().output;
    const std::string_view plain = output_->waiting().substr(0, seal_bytes);
    if (!tls_->session->send(plain, loop_.tls_workspace())) {
        records.clear();
        errno = EIO;
        return Sent::failed;
    }
    tls_->note_sealed(plain.size(), records.size());
    output_->sent(plain.size());
    if (output_->size() == 0) give_back(output_);
    std::size_t records_sent = 0;
    const Sent sent = send_bytes(records, records_sent);
    const int error = errno;
    if (sent != Sent::all) append(tls_->sealed, std::string_view(records).substr(records_sent));
    records.clear();
    errno = error;
    return sent;
}

void Channel::seal_close_notify() {
    if (!is_secured() || tls_->close_sent) return;
    tls_->close_sent = true;
    TlsWorkspace& workspace = loop_.tls_workspace();
    tls_->session->close_notify(workspace);
    append_sealed(workspace.output);
}

// All has been sent but, under TLS, the close_notify; if that does not fit, the next flush comes here again.
void Channel::finish_closing() {
    seal_close_notify();
    if (send_output() != Sent::blocked) end(CloseReason::closed);
}

void Channel::end(CloseReason reason) {
    const std::size_t untaken = untaken_bytes();
    if (reason == CloseReason::peer_closed || reason == CloseReason::tls_failed) send_last_words(reason);
    // After a FIN with all input read, closing is no reset; else the peer gets the time to read our last words.
    const bool linger = reason == CloseReason::closed || reason == CloseReason::tls_failed ||
                        (reason == CloseReason::peer_closed && tls_);
    if (linger) {
        loop_.lingering().take(descriptor_, *this);
        leave_loop();
    } else {
        if (reason == CloseReason::timeout) drop_kernel_queue(descriptor_);
        loop_.unwatch(descriptor_, *this);
        ::close(leave_loop());
    }
    untaken_when_gone_ = untaken;
    call_handler([reason](ChannelHandler& handler) { handler.on_closed(reason); });
}

// An answer to </stream:stream>, an alert: tried once, never waited for. No data follows an alert (RFC 8446 section 6).
void Channel::send_last_words(CloseReason reason) {
    if (reason == CloseReason::tls_failed) drop_unsealed();
    if (blocked_ || send_output() != Sent::all || reason != CloseReason::peer_closed) return;
    seal_close_notify();
    send_output();
}

void Channel::drop_unsealed() {
    const std::size_t before = output_bytes();
    give_back(output_);
    count_output(before);
}

// What the loop holds for this channel, and all the memory it has; the descriptor is the caller's then.
int Channel::leave_loop() {
    count_lost_output();
    state_ = State::gone;
    loop_.cancel(std::exchange(timer_, 0));
    if (tls_) {
        if (tls_->secured) ShardLoop::Impl::count(loop_.counters.tls_sockets, -1);
        if (tls_->slot == TlsLayer::Slot::held) loop_.count_handshake(false);
        leave_handshake();
        tls_.reset();
    }
    give_back(output_);
    return std::exchange(descriptor_, -1);
}

// A slot that is held stays marked as such: whoever adopts a handshake in the middle of it takes one of its own.
void Channel::leave_handshake() {
    if (tls_->slot == TlsLayer::Slot::held) loop_.free_handshake_slot();
    if (tls_->slot != TlsLayer::Slot::waited_for) return;
    loop_.give_up_handshake_slot(tls_->handshake->slot_ticket);
    tls_->slot = TlsLayer::Slot::none;
}

}  // namespace rookery
