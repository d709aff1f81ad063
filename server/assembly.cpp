#include "server/assembly.h"

namespace rookery {

Assembly::Assembly(std::vector<Loop*> loops, Stores stores, WorkPool& work, AssemblyOptions options)
    : stores_(stores), rings_(loops, options.ring_capacity) {
    for (unsigned i = 0; i < loops.size(); ++i)
        shards_.add(std::make_unique<Shard>(shards_, i, *loops[i], stores_, options.shard));
    std::vector<C2s*> peers;
    std::vector<Components*> component_peers;
    for (unsigned i = 0; i < loops.size(); ++i) {
        Shard& shard = shards_.at(i);
        rings_.set_receiver(i, [&shard](unsigned, Parcel parcel) { shard.receive(std::move(parcel)); });
        c2s_.push_back(std::make_unique<C2s>(shard, work, options.c2s));
        peers.push_back(c2s_.back().get());
        components_.push_back(std::make_unique<Components>(shard));
        component_peers.push_back(components_.back().get());
    }
    for (const std::unique_ptr<C2s>& service : c2s_) service->set_peers(peers);
    for (const std::unique_ptr<Components>& service : components_) service->set_peers(component_peers);
    declare_queues(work);
    sweeper_ = std::make_unique<LogSweeper>(stores_.log, *loops.front());
}

Assembly::~Assembly() = default;

void Assembly::declare_queues(WorkPool& work) {
    for (unsigned to = 0; to < shards_.count(); ++to) {
        for (unsigned from = 0; from < shards_.count(); ++from) {
            if (from == to) continue;
            shards_.at(to).queues().add({.name = "ring", .unit = "stanzas", .kind = QueueKind::queue,
                                         .where = "shard " + std::to_string(from) + " to " + std::to_string(to),
                                         .counts = [this, from, to] { return QueueCounts{rings_.sent(from, to), rings_.taken(from, to)}; },
                                         .look = [this, from, to] { return QueueMember{rings_.length(from, to), rings_.capacity()}; }});
        }
    }
    shards_.at(0).queues().add({.name = "work_pool", .unit = "jobs", .kind = QueueKind::queue, .where = "process",
                                .counts = [&work] { return work.counts(); },
                                .look = [&work] { return work.waiting(); }});
}

void Assembly::watch_queues() {
    for (unsigned i = 0; i < shards_.count(); ++i) shards_.at(i).watch_queues();
}

}  // namespace rookery
