// The version of what a program hands over in a live upgrade. The principle is that of the database (storage/sql/schema.h):
// each version adds, none takes away, and what is handed over says the oldest version that can use it; so the next release
// can take over, and the previous one again.
#pragma once

#include <string>

namespace rookery {

class RecordWriter;

struct UpgradeVersion {
    unsigned version;         // what this program writes
    unsigned readable_since;  // the oldest version whose programs can use that
    unsigned oldest;          // the oldest version this program can use itself
};

// In a source file of its own: tests/next is a program of another version.
UpgradeVersion upgrade_version();
// What this version says of each session beyond what its predecessors read.
void write_new_fields(RecordWriter& session);

// Can a program of version `reader` use what one of version `writer` writes? Empty: yes; else why not, with both.
std::string unreadable(const UpgradeVersion& writer, const UpgradeVersion& reader);

}  // namespace rookery
