// What a connection has only until a resource is bound.
#pragma once

#include <atomic>
#include <memory>

#include "base/loop.h"
#include "base/result.h"
#include "c2s/connection.h"

namespace rookery {

// A password in the work pool, where others may wait for their turn: a client that gave up must not cost them its check.
struct PasswordCheck {
    explicit PasswordCheck(SaslCheckPassword password) : what(std::move(password)) {}

    Result<bool> run() const {
        if (abandoned) return Error(ErrorCode::unavailable, "nobody waits for it");
        return password_matches(what.keys, what.password);
    }

    const SaslCheckPassword what;
    std::atomic<bool> abandoned{false};
};

struct Connection::Stranger {
    explicit Stranger(SteadyTime time) : until(time) {}

    const SteadyTime until;  // for all of it: TLS, SASL and binding, on whatever shard
    TimerId timer = 0;
    TimerId silence_timer = 0;
    unsigned failed_resumptions = 0;
    std::string tls;  // version and cipher, once secured
    std::shared_ptr<PasswordCheck> checking;
};

}  // namespace rookery
