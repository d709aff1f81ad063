// TlsLayer: what a Channel has beside its socket when it speaks (or is about to speak) TLS.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "net/channel.h"
#include "net/output.h"
#include "net/tls_contexts.h"
#include "net/tls_record_cipher.h"
#include "net/tls_session.h"

namespace rookery {

class TlsLayer {
public:
    TlsLayer(std::shared_ptr<const TlsContexts> server_contexts, AlpnList protocols)
        : handshake(std::make_unique<Handshake>(Handshake{std::move(server_contexts), std::move(protocols), 0})) {}

    enum class Slot : std::uint8_t { none, waited_for, held };  // of the handshakes in flight

    // Until the first whole record is there and a slot is free, a connection costs no session.
    struct Handshake {
        std::shared_ptr<const TlsContexts> contexts;
        AlpnList alpn;
        std::uint64_t slot_ticket;
    };
    std::unique_ptr<Handshake> handshake;  // null once secured
    std::unique_ptr<TlsSession> session;

    std::string held;        // input not yet given to the session: the start of a record, or what a pause left
    std::string_view unfed;  // the same while a callback runs from within feed_tls()
    OutputPtr sealed;        // bytes for the socket that come before Channel::output_
    Slot slot : 2 = Slot::none;
    bool secured : 1 = false;
    bool close_sent : 1 = false;

    // Records that carry nothing (KeyUpdate, renegotiation attempts, empty ones) are work without an end (L4).
    bool quiet_record_allowed(SteadyTime now) {
        constexpr std::uint8_t quiet_records_per_second = 10;
        const auto second = static_cast<std::uint16_t>(std::chrono::duration_cast<Seconds>(now.time_since_epoch()).count());
        if (second != quiet_second_) {
            quiet_second_ = second;
            quiet_records_ = 0;
        }
        return ++quiet_records_ <= quiet_records_per_second;
    }

    // What was sealed last, in one go.
    void note_sealed(std::size_t plain_bytes, std::size_t record_bytes) {
        const bool fits = plain_bytes <= UINT16_MAX && record_bytes - plain_bytes <= UINT16_MAX;
        last_plain_ = static_cast<std::uint16_t>(fits ? plain_bytes : 0);
        last_overhead_ = static_cast<std::uint16_t>(fits ? record_bytes - plain_bytes : 0);
    }
    // How many plain bytes cannot be read without the last `record_bytes` that were sealed, at most: a record that is not
    // complete is worth nothing.
    std::size_t plain_bytes_in(std::size_t record_bytes) const {
        const std::size_t last_records = std::size_t{last_plain_} + last_overhead_;
        if (record_bytes == 0) return 0;
        if (record_bytes <= last_records) return last_plain_;
        return record_bytes - last_overhead_ + RecordCipher::max_content_bytes;
    }

private:
    // All that is below fits into eight bytes with the flags above.
    std::uint8_t quiet_records_ = 0;
    std::uint16_t quiet_second_ = 0;
    std::uint16_t last_plain_ = 0, last_overhead_ = 0;
};

}  // namespace rookery
