// QueueBoard: all that can fill up on one shard: queues, pools and caches, as their owners declared them. Once a second
// it reads their counters; only a report looks into them, which may take a walk over every session.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/flow.h"

namespace rookery {

// A cache that is full is at work; a queue or a pool that is full is in trouble.
enum class QueueKind { queue, pool, cache };

// Since the start. Whoever is on the path of a message does no more than count here.
struct QueueCounts {
    std::uint64_t in = 0;
    std::uint64_t out = 0;
    std::uint64_t refused = 0;  // found it full
};

// One of the many behind a name: an account's queue, a session's.
struct QueueMember {
    std::size_t length = 0;
    std::size_t bound = 0;  // 0: none
    std::optional<Duration> oldest = {};
};

struct QueueLook {
    std::size_t length = 0;  // of all members together
    std::size_t bound = 0;   // of one member; 0: none
    double fullness = 0;     // of the fullest member
    std::optional<Duration> oldest;
    struct Long {
        std::size_t length;
        std::string name;
    };
    std::vector<Long> longest;  // the longest first

    static constexpr std::size_t max_longest = 5;

    QueueLook() = default;
    QueueLook(const QueueMember& only);
    // Empty ones count, but are not named.
    void add(const QueueMember& member, std::string_view name);
};

struct QueueSpec {
    std::string name;
    std::string unit;                       // of its length: stanzas, bytes, ...
    QueueKind kind = QueueKind::queue;
    std::string where;                      // empty: the board's
    std::function<QueueCounts()> counts;    // cheap; null: nobody counts what passes
    std::function<QueueLook()> look;
};

struct QueueReport {
    std::string name;
    std::string unit;
    QueueKind kind;
    std::string where;
    QueueLook now;
    bool counted;                         // else what follows means nothing
    Flow::Rates in{}, out{};
    std::optional<Duration> time_to_drain = {};  // nullopt: never
    std::uint64_t refused = 0;

    // A queue that holds something and gets longer, or at least not shorter.
    bool stuck() const { return counted && kind == QueueKind::queue && !time_to_drain; }
};

// All calls on the shard's thread. Owners outlive the last of them.
class QueueBoard {
public:
    explicit QueueBoard(std::string where) : where_(std::move(where)) {}
    QueueBoard(const QueueBoard&) = delete;
    QueueBoard& operator=(const QueueBoard&) = delete;

    void add(QueueSpec spec);
    void sample(SteadyTime now);
    std::vector<QueueReport> report(SteadyTime now);  // samples first

private:
    struct Entry {
        QueueSpec spec;
        Flow flow;
        std::uint64_t refused = 0;
    };
    static QueueReport describe(const Entry& entry);

    std::string where_;
    std::vector<Entry> entries_;
};

// Queues and pools before caches; then the fullest (by whole percents), those that are stuck, those with the oldest first.
void sort_worst_first(std::vector<QueueReport>& reports);

std::string_view name_of(QueueKind kind);

}  // namespace rookery
