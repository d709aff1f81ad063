// Assembly: the working parts of a server over any loops: shards with their hosts, the rings between them, the services
// for clients and components. main runs it on real loops, tests on fake ones.
#pragma once

#include <memory>
#include <vector>

#include "base/work_pool.h"
#include "c2s/c2s.h"
#include "core/log_sweeper.h"
#include "core/shard.h"
#include "net/mailbox.h"
#include "s2s/components.h"

namespace rookery {

struct AssemblyOptions {
    std::size_t ring_capacity = 4'096;  // parcels under way from one shard to another
    ShardOptions shard = {};
    C2sLimits c2s = {};
};

class Assembly {
public:
    // Loops, stores and pool outlive it. One shard a loop.
    Assembly(std::vector<Loop*> loops, Stores stores, WorkPool& work, AssemblyOptions options = {});
    ~Assembly();
    Assembly(const Assembly&) = delete;
    Assembly& operator=(const Assembly&) = delete;

    Shards& shards() { return shards_; }
    Stores& stores() { return stores_; }
    C2s& c2s(unsigned shard) { return *c2s_[shard]; }
    Components& components(unsigned shard) { return *components_[shard]; }
    // Rates of queues are known from now on (QueueBoard). Before the loops run, once.
    void watch_queues();
    std::size_t ring_length(unsigned from, unsigned to) const { return rings_.length(from, to); }

private:
    void declare_queues(WorkPool& work);

    class Link final : public ShardLink {
    public:
        explicit Link(Mailboxes<Parcel>& rings) : rings_(rings) {}
        bool try_send(unsigned from, unsigned to, Parcel& parcel) override { return rings_.try_send(from, to, parcel); }
        void on_room(unsigned from, unsigned to, Callback room) override { rings_.on_room(from, to, std::move(room)); }

    private:
        Mailboxes<Parcel>& rings_;
    };

    Stores stores_;
    Mailboxes<Parcel> rings_;
    Link link_{rings_};
    Shards shards_{link_};
    std::vector<std::unique_ptr<C2s>> c2s_;
    std::vector<std::unique_ptr<Components>> components_;
    std::unique_ptr<LogSweeper> sweeper_;
};

}  // namespace rookery
