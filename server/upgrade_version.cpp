#include "server/upgrade_version.h"

namespace rookery {

UpgradeVersion upgrade_version() { return {.version = 1, .readable_since = 1, .oldest = 1}; }

void write_new_fields(RecordWriter&) {}

}  // namespace rookery
