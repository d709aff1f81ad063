// What modules keep on a host, beside storage, on its way to another program (live upgrade): a record for each module, by
// its name. As core/session_saving.h, but that each shard has its own: the other program may have another number of
// shards, so each of its shards is shown what every shard here had, and takes what is its own.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "base/record.h"

namespace rookery {

class Host;
class Shard;

struct HostSaving {
    Host& host;
    std::map<std::string, RecordWriter, std::less<>> records = {};

    RecordWriter& of(std::string_view module) { return records[std::string(module)]; }
};

struct HostRestoring {
    Host& host;
    std::map<std::string, RecordReader, std::less<>> records = {};

    // Null: it kept nothing. A reader that failed fails the upgrade.
    RecordReader* find(std::string_view module) {
        const auto at = records.find(module);
        return at == records.end() ? nullptr : &at->second;
    }
};

void save_hosts(const Shard& shard, RecordWriter& record);
// `record`: of one shard of the other program. False: it makes no sense.
bool restore_hosts(const Shard& shard, RecordReader& record);

}  // namespace rookery
