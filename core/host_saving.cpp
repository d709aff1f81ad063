#include "core/host_saving.h"

#include <algorithm>

#include "core/shard.h"

namespace rookery {
namespace {

enum Tag : RecordTag { host = 1 };
enum HostTag : RecordTag { domain = 1, module = 2 };
enum ModuleTag : RecordTag { name = 1, fields = 2 };

RecordWriter save_host(Host& saved) {
    HostSaving saving{saved};
    (void)saved.hooks.host_saved.run(saving);
    RecordWriter record;
    record.text(domain, saved.domain());
    for (const auto& [its_name, its_fields] : saving.records) {
        RecordWriter one;
        one.text(name, its_name);
        one.record(fields, its_fields);
        record.record(module, one);
    }
    return record;
}

bool restore_host(Host& restored, RecordReader& record) {
    HostRestoring restoring{restored};
    for (RecordReader& one : record.records(module)) restoring.records.emplace(one.text(name), one.record(fields));
    (void)restored.hooks.host_restored.run(restoring);
    return record.ok() && std::ranges::all_of(restoring.records, [](const auto& entry) { return entry.second.ok(); });
}

}  // namespace

void save_hosts(const Shard& shard, RecordWriter& record) {
    for (const std::unique_ptr<Host>& each : shard.hosts()) record.record(host, save_host(*each));
}

bool restore_hosts(const Shard& shard, RecordReader& record) {
    for (RecordReader& one : record.records(host)) {
        Host* const there = shard.find_host(one.text(domain));
        if (there && !restore_host(*there, one)) return false;
    }
    return record.ok();
}

}  // namespace rookery
