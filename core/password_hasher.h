// PasswordHasher: turns a new password into the keys that are kept (RFC 5802). The server implements it on its work
// pool with the hashes and iterations of the configuration; tests have one that is quick.
#pragma once

#include <string>

#include "base/result.h"
#include "base/task.h"
#include "xmpp/sasl/credentials.h"

namespace rookery {

class PasswordHasher {
public:
    virtual ~PasswordHasher() = default;
    // Called on any loop and answers there; the work is done off it. invalid: not fit to be a password
    // (prepare_password); unavailable: too much is waiting.
    virtual Task<Result<Credentials>> make_keys(std::string password) = 0;
};

}  // namespace rookery
