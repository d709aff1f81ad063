// Where the configuration says that data is, and what is told to people when it cannot be reached.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "server/config.h"
#include "storage/stores.h"

namespace rookery {

SqliteOptions sqlite_options(const Config& config, const std::string& data);
PostgresOptions postgres_options(const GlobalConfig& config);
StorageOptions storage_options(const Config& config, const std::string& data);

// Throws std::runtime_error with one line: what, where, why, and the cure.
std::unique_ptr<Storage> open_chosen(const StorageOptions& options);

// For `rookery check`, beside a server that runs: the same line if it could not be opened, and what endangers data in
// it.
std::vector<std::string> check_storage(const StorageOptions& options);

// Can this program use it, whoever has it now? Throws as open_chosen does. Changes nothing.
void look_at_storage(const StorageOptions& options);

// `why` with what to do about it, in the configuration's words.
std::string with_cure(const StorageOptions& options, const std::string& why);

}  // namespace rookery
