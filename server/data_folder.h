// The server's data folder: what a first start makes in it, beside the database and a certificate.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "base/result.h"
#include "xmpp/sasl/credentials.h"

namespace rookery {

Result<void> make_data_folder(const std::string& data);

// The secret behind fake salts; made when there is none.
Result<std::string> fake_secret(const std::string& data);

// How the keys of accounts were made here, the oldest first, for what an account that does not exist seems to have (A12).
// Empty before the first start.
inline constexpr std::size_t max_key_forms = 16;
Result<std::vector<KeyForm>> key_history(const std::string& data);
// The history with `now`, at its end if it is new. Forgets the oldest one of too many.
std::vector<KeyForm> with_form(std::vector<KeyForm> history, KeyForm now);
Result<void> add_to_key_history(const std::string& data, KeyForm now);

}  // namespace rookery
