// What the stream_mgmt module lets c2s offer on a host (XEP-0198); in the host's slots while the module is on.
#pragma once

#include <cstddef>
#include <string>

#include "base/clock.h"

namespace rookery {

struct StreamManagementOptions {
    bool on = false;
    Seconds resume_timeout{300};      // how long a session waits for its client, unless the client wants less
    Seconds max_resume_timeout{300};  // the most a client may ask for
    Seconds ack_timeout{60};          // a client that does not answer <r/> for so long has lost its connection
    std::string location;             // where clients shall try first to come back; empty: as they came
    std::size_t max_ack_queue = 1'000;          // stanzas sent and not acknowledged
    std::size_t max_ack_bytes = 4u << 20;       // the same in bytes
};

}  // namespace rookery
