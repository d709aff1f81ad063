#include "net/tls_detached.h"

#include <algorithm>
#include <array>

namespace rookery {
namespace {

class DetachedSession final : public TlsSession {
public:
    explicit DetachedSession(const DetachedTls& connection)
        : in_(connection.suite, connection.read_secret, connection.records_read),
          out_(connection.suite, connection.write_secret, connection.records_written),
          records_per_key_(connection.records_per_key),
          max_content_bytes_(static_cast<std::uint16_t>(connection.max_content_bytes)),
          update_owed_(connection.update_owed),
          message_bytes_(static_cast<std::uint8_t>(connection.message.size())) {
        std::copy(connection.message.begin(), connection.message.end(), message_.begin());
    }

    Step receive(std::string_view record, TlsWorkspace& workspace) override {
        const OpenedRecord opened = in_.open(record, workspace.ciphers, workspace.plain);
        if (opened.alert) return fail(*opened.alert, "bad record", workspace);
        if (opened.content.size() > max_content_bytes_)
            return fail(TlsAlert::record_overflow, "long record", workspace);
        if (in_.records() == records_per_key_ && !update_own_key(KeyUpdate::requested, workspace))
            return fail(TlsAlert::internal_error, "no KeyUpdate made", workspace);
        return on_content(opened.type, opened.content, workspace);
    }

    bool send(std::string_view plain, TlsWorkspace& workspace) override {
        while (!plain.empty()) {
            const bool update_due = update_owed_ || out_.records() >= records_per_key_;
            if (update_due && !update_own_key(KeyUpdate::not_requested, workspace)) return false;
            const std::string_view content = plain.substr(0, max_content_bytes_);
            if (!seal(TlsContent::application_data, content, workspace)) return false;
            plain.remove_prefix(content.size());
        }
        return true;
    }

    void close_notify(TlsWorkspace& workspace) override { send_alert(TlsAlert::close_notify, workspace); }

    const char* failure() const override { return failure_; }

    bool save(RecordWriter& record) const override {
        save_detached({.suite = in_.suite(),
                       .read_secret = in_.secret(),
                       .write_secret = out_.secret(),
                       .max_content_bytes = max_content_bytes_,
                       .records_per_key = records_per_key_,
                       .records_read = in_.records(),
                       .records_written = out_.records(),
                       .message = {reinterpret_cast<const char*>(message_.data()), message_bytes_},
                       .update_owed = update_owed_},
                      record);
        return true;
    }
    std::size_t bytes() const override { return sizeof *this; }

private:
    // RFC 8446 4.6.3: whether the peer is to do the same.
    enum class KeyUpdate : std::uint8_t { not_requested = 0, requested = 1 };
    static constexpr std::uint8_t key_update_type = 24;
    static constexpr std::size_t message_header_bytes = 4;
    static constexpr std::size_t key_update_bytes = message_header_bytes + 1;

    Step on_content(TlsContent type, std::string_view content, TlsWorkspace& workspace) {
        // A handshake message is not interrupted (RFC 8446 5.1).
        if (message_bytes_ > 0 && type != TlsContent::handshake) return unexpected(workspace);
        switch (type) {
            case TlsContent::application_data:
                return {Status::data, content};
            case TlsContent::handshake:
                return on_handshake(content, workspace);
            case TlsContent::alert:
                return on_alert(content, workspace);
            default:
                return unexpected(workspace);
        }
    }

    // The only message that may come. It may come in pieces, and nothing may follow it in its record (5.1).
    Step on_handshake(std::string_view content, TlsWorkspace& workspace) {
        if (content.empty()) return unexpected(workspace);
        const std::size_t count = std::min(content.size(), key_update_bytes - message_bytes_);
        std::copy_n(content.begin(), count, message_.begin() + message_bytes_);
        message_bytes_ = static_cast<std::uint8_t>(message_bytes_ + count);
        if (message_[0] != key_update_type) return unexpected(workspace);
        if (message_bytes_ < message_header_bytes) return {Status::more, {}};
        if (message_[1] != 0 || message_[2] != 0 || message_[3] != 1)
            return fail(TlsAlert::decode_error, "KeyUpdate of another length", workspace);
        if (message_bytes_ < key_update_bytes) return {Status::more, {}};
        if (count < content.size()) return unexpected(workspace);
        message_bytes_ = 0;
        return on_key_update(message_[message_header_bytes], workspace);
    }

    Step on_key_update(std::uint8_t request, TlsWorkspace& workspace) {
        if (request > static_cast<std::uint8_t>(KeyUpdate::requested))
            return fail(TlsAlert::illegal_parameter, "KeyUpdate with another request", workspace);
        in_.update();
        if (request == static_cast<std::uint8_t>(KeyUpdate::requested)) update_owed_ = true;
        return {Status::more, {}};
    }

    // RFC 8446 section 6: every alert but these two ends the connection, whatever its level says.
    Step on_alert(std::string_view content, TlsWorkspace& workspace) {
        if (content.empty()) return unexpected(workspace);
        if (content.size() != 2) return fail(TlsAlert::decode_error, "alert of another length", workspace);
        switch (static_cast<TlsAlert>(content[1])) {
            case TlsAlert::close_notify:
                return {Status::closed, {}};
            case TlsAlert::user_canceled:
                return {Status::more, {}};
            default:
                failure_ = "the peer sent an alert";
                return {Status::failed, {}};
        }
    }

    bool update_own_key(KeyUpdate request, TlsWorkspace& workspace) {
        const std::array<char, key_update_bytes> message = {key_update_type, 0, 0, 1, static_cast<char>(request)};
        if (!seal(TlsContent::handshake, {message.data(), message.size()}, workspace)) return false;
        out_.update();
        if (request == KeyUpdate::not_requested) update_owed_ = false;
        return true;
    }

    Step unexpected(TlsWorkspace& workspace) {
        return fail(TlsAlert::unexpected_message, "unexpected message", workspace);
    }

    Step fail(TlsAlert alert, const char* why, TlsWorkspace& workspace) {
        failure_ = why;
        send_alert(alert, workspace);
        return {Status::failed, {}};
    }

    void send_alert(TlsAlert alert, TlsWorkspace& workspace) {
        constexpr char warning = 1, fatal = 2;
        const std::array<char, 2> content = {alert == TlsAlert::close_notify ? warning : fatal,
                                             static_cast<char>(alert)};
        seal(TlsContent::alert, {content.data(), content.size()}, workspace);
    }

    bool seal(TlsContent type, std::string_view content, TlsWorkspace& workspace) {
        return out_.seal(type, content, workspace.ciphers, workspace.output);
    }

    RecordCipher in_;
    RecordCipher out_;
    std::uint64_t records_per_key_;
    const char* failure_ = "unknown";
    std::uint16_t max_content_bytes_;
    bool update_owed_ = false;        // before the next data (RFC 8446 4.6.3): a peer that asks often gets one answer
    std::uint8_t message_bytes_ = 0;  // of a handshake message that came in part
    std::array<std::uint8_t, key_update_bytes> message_{};  // its bytes
};

}  // namespace

std::unique_ptr<TlsSession> make_detached_session(const DetachedTls& connection) {
    return std::make_unique<DetachedSession>(connection);
}

}  // namespace rookery
