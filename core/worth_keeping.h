// Is a message to an account worth keeping until somebody has read it? XEP-0160 section 3 and XEP-0334, one answer
// for stanza ids, the offline queue and the archive.
#pragma once

#include "core/route.h"

namespace rookery {

struct Worth {
    enum class Kind {
        keep,
        passing,    // its moment passes (chat states): when it cannot be delivered, nobody needs to know
        not_kept,   // has something to say, but must not or cannot be kept
    };
    Kind kind;
    const char* why;  // for the log and for tests

    bool keep() const { return kind == Kind::keep; }
};

// Reads the notes of the route, so not before Stage::guard. REQUIRES: a message.
Worth worth_keeping(const Route& route);

}  // namespace rookery
