// A detached TLS connection as a record. Its tags are for ever (base/record.h).
#include "base/record.h"
#include "net/tls_detached.h"

namespace rookery {
namespace {

enum Tag : RecordTag {
    suite = 1,
    read_secret = 2,
    write_secret = 3,
    records_read = 4,
    records_written = 5,
    max_content_bytes = 6,
    records_per_key = 7,
    message = 8,
    update_owed = 9,
};

bool can_be(const DetachedTls& connection) {
    const std::size_t secret_bytes = tls_secret_bytes(connection.suite);
    return connection.read_secret.size() == secret_bytes && connection.write_secret.size() == secret_bytes &&
           connection.max_content_bytes > 0 && connection.message.size() <= max_partial_message_bytes &&
           connection.records_per_key > 0;
}

}  // namespace

void save_detached(const DetachedTls& connection, RecordWriter& record) {
    record.number(suite, static_cast<std::uint64_t>(connection.suite));
    record.text(read_secret, connection.read_secret);
    record.text(write_secret, connection.write_secret);
    record.number(records_read, connection.records_read);
    record.number(records_written, connection.records_written);
    record.number(max_content_bytes, connection.max_content_bytes);
    record.number(records_per_key, connection.records_per_key);
    record.number(update_owed, connection.update_owed);
    if (!connection.message.empty()) record.text(message, connection.message);
}

std::unique_ptr<TlsSession> restore_detached_session(RecordReader& record) {
    const DetachedTls connection{
        .suite = static_cast<TlsSuite>(record.number_up_to(suite, tls_suites - 1)),
        .read_secret = record.text(read_secret),
        .write_secret = record.text(write_secret),
        .max_content_bytes = static_cast<std::size_t>(record.number_up_to(max_content_bytes, RecordCipher::max_content_bytes)),
        .records_per_key = record.number(records_per_key),
        .records_read = record.number(records_read),
        .records_written = record.number(records_written),
        .message = record.text(message),
        .update_owed = record.flag(update_owed)};
    if (!record.ok() || !can_be(connection)) return nullptr;
    return make_detached_session(connection);
}

}  // namespace rookery
