// A client's connection on its way to another program (live upgrade). Its tags are for ever (base/record.h).
#include "base/record.h"
#include "c2s/connection.h"
#include "c2s/session.h"
#include "core/host.h"

namespace rookery {
namespace {

enum Tag : RecordTag { stream = 1, transport = 2, written = 3 };

}  // namespace

std::optional<int> Connection::save(RecordWriter& record) const {
    if (!transport_ || ending_ || stream_.is_closed() || must_finish()) return std::nullopt;
    RecordWriter below, above;
    const std::optional<int> descriptor = transport_->save(below);
    if (!descriptor) return std::nullopt;
    stream_.save(above);
    record.record(transport, below);
    record.record(stream, above);
    record.number(Tag::written, written_);
    return descriptor;
}

// Adopts the transport. Null: the record makes no sense.
std::shared_ptr<Connection> Connection::restore(C2s& c2s, std::shared_ptr<const C2sPolicy> policy,
                                                std::unique_ptr<ParkedTransport> parked, const Jid& full, RecordReader& record) {
    Stream restored(c2s.stream_home(), *policy->stream);
    RecordReader above = record.record(stream);
    if (!restored.restore(full, above)) return nullptr;
    auto connection = std::make_shared<Connection>(Private(), c2s, std::move(policy), std::move(restored));
    connection->written_ = record.number(Tag::written);
    if (!record.ok()) return nullptr;
    connection->self_ = connection;
    connection->transport_ = parked->adopt(c2s.loop(), *connection);
    return connection;
}

// From the loop's first turn on it reads, beginning with what the program before has read.
void Connection::attach(std::shared_ptr<C2sSession> session) {
    session_ = std::move(session);
    resume_after_login();
}

// What the stream has said already stands before it.
void Connection::leave_behind(const StreamError& error) {
    if (!transport_ || ending_ || stream_.is_closed()) return;
    std::string last_words = stream_.take_output();
    if (session_ && session_->managed())
        last_words += "<a xmlns='urn:xmpp:sm:3' h='" + std::to_string(session_->handled()) + "'/>";
    stream_.close(error);
    transport_->leave_with(last_words + stream_.take_output());
}

}  // namespace rookery
