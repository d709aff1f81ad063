// What a session has under stream management only (XEP-0198).
#pragma once

#include <optional>

#include "base/loop.h"
#include "c2s/session.h"

namespace rookery {

struct C2sSession::Managed {
    explicit Managed(std::uint32_t received_before) : counts(received_before) {}

    StreamManagement counts;
    ResumptionId id;
    Seconds wait{0};
    Seconds ack_timeout{0};
    std::size_t max_stanzas = 0;
    std::size_t max_bytes = 0;
    SteadyTime lost_at;
    SteadyTime away_until;
    TimerId ack_timer = 0;       // while the client owes an <a/>
    TimerId question_timer = 0;  // until we answer by what is settled so far
    TimerId away_timer = 0;      // while the client is away
    TimerId save_timer = 0;      // until what the client did not acknowledge is saved
    // What must be settled before we have answered all that the client asked for. Nullopt: we owe no answer.
    std::optional<std::uint32_t> question;
    bool giving_up = false;
};

}  // namespace rookery
