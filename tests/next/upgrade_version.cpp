// The program after this one, for tests of live upgrades: its version is another, and it says more of each session.
#include "server/upgrade_version.h"

#include "base/record.h"

namespace rookery {

UpgradeVersion upgrade_version() { return {.version = 2, .readable_since = 1, .oldest = 1}; }

void write_new_fields(RecordWriter& session) {
    constexpr RecordTag of_version_2 = 1'000;
    session.text(of_version_2, "what version 1 does not know");
}

}  // namespace rookery
