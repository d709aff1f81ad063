// A connection on its way to another program (live upgrade): as a record, beside its descriptor. Its tags are for ever
// (base/record.h).
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "base/record.h"
#include "net/channel.h"
#include "net/shard_loop_impl.h"
#include "net/tls_detached.h"
#include "net/tls_layer.h"

namespace rookery {
namespace {

enum Tag : RecordTag {
    address = 1,
    port = 2,
    drain_awaited = 3,
    output = 4,
    tls = 5,
    sealed = 6,
    held = 7,
};

void save_endpoint(const Endpoint& peer, RecordWriter& record) {
    record.text(address, {reinterpret_cast<const char*>(peer.ip.bytes.data()), peer.ip.bytes.size()});
    record.number(port, peer.port);
}

Endpoint restore_endpoint(RecordReader& record) {
    Endpoint peer;
    const std::string_view bytes = record.text(address);
    if (bytes.size() == peer.ip.bytes.size())
        std::copy(bytes.begin(), bytes.end(), peer.ip.bytes.begin());
    else
        record.fail();
    peer.port = static_cast<std::uint16_t>(record.number_up_to(port, UINT16_MAX));
    return peer;
}

std::string_view waiting(const OutputPtr& output) { return output ? output->waiting() : std::string_view(); }

// Null: nothing waits.
OutputPtr restore_output(std::string_view bytes) {
    OutputPtr restored = bytes.empty() ? nullptr : std::make_unique<Output>();
    if (restored) restored->append(bytes);
    return restored;
}

std::unique_ptr<TlsLayer> restore_tls(RecordReader& record) {
    RecordReader session = record.record(tls);
    auto layer = std::make_unique<TlsLayer>(nullptr, nullptr);
    layer->session = restore_detached_session(session);
    if (!layer->session) record.fail();
    layer->secured = true;
    layer->sealed = restore_output(record.text(sealed));
    layer->held = record.text(held);
    return layer;
}

}  // namespace

bool Channel::save(RecordWriter& record) const {
    if (state_ != State::open) return false;
    RecordWriter session;
    if (tls_ && (!tls_->secured || !tls_->session->save(session))) return false;
    save_endpoint(peer_, record);
    record.number(drain_awaited, drain_awaited_);
    record.text(output, waiting(output_));
    if (!tls_) return true;
    record.record(tls, session);
    record.text(sealed, waiting(tls_->sealed));
    record.text(held, tls_->held);
    return true;
}

Parked Parked::restore(int descriptor, RecordReader& record) {
    Parked parked;
    parked.descriptor_ = descriptor;
    parked.peer_ = restore_endpoint(record);
    parked.drain_awaited_ = record.flag(drain_awaited);
    parked.output_ = restore_output(record.text(output));
    if (record.has(tls)) parked.tls_ = restore_tls(record);
    return record.ok() && descriptor >= 0 ? std::move(parked) : Parked();
}

void Channel::leave_with(std::string_view last_words) {
    if (state_ != State::open) return;
    write(last_words);
    if (!blocked_ && send_output() == Sent::all) {
        seal_close_notify();
        send_output();
    }
    ::shutdown(descriptor_, SHUT_WR);
    // What is left unread would make the kernel send a reset, and that may destroy the words.
    std::array<char, 4'096> rest;
    for (int i = 0; i < 16 && ::recv(descriptor_, rest.data(), rest.size(), MSG_DONTWAIT) > 0; ++i) continue;
}

}  // namespace rookery
