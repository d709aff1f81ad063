// Handing a client much at once (what waited, a page of the archive), at its own pace.
#pragma once

#include "base/loop.h"
#include "base/task.h"
#include "core/session.h"

namespace rookery {

// Waits until the client has taken most of what it was handed, at the session's shard. False: its connection is gone, or
// it has taken too little for backlog_patience.
Task<bool> taken_by(Loop& loop, SessionPtr session);

inline constexpr Seconds backlog_patience{10};

}  // namespace rookery
