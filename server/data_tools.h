// rookery backup, restore, verify, migrate: work on the data itself, not through a server. They say on standard output
// what was done, on standard error why not, and give the exit code.
#pragma once

#include <string>

#include "server/server.h"

namespace rookery {

int back_up_data(const ServerOptions& options, const std::string& file);
int restore_data(const ServerOptions& options, const std::string& file);
int verify_backup(const std::string& file);
int migrate_data(const ServerOptions& options, const std::string& engine);  // postgresql or sqlite

}  // namespace rookery
