// QueueBoard: all that can fill up on one shard: queues, pools and caches, as their owners declared them. Once a second
// it reads their counters; only a report looks into them, which may take a walk over every session.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/flow.h"
#include "base/queue_counts.h"

namespace rookery {

// A cache that is full is at work; a queue or a pool that is full is in trouble.
enum class QueueKind { queue, pool, cache };

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
    void add(const QueueLook& other);

private:
    void merge(const QueueMember& part, double full);
    void name_long_one(std::size_t long_length, std::string_view name);
};

// What stands under one name at one place is one queue: several hosts may each add their part.
struct QueueSpec {
    std::string name;
    std::string unit;                       // of its length: stanzas, bytes, ...
    QueueKind kind = QueueKind::queue;
    std::string where;                      // empty: the board's
    std::function<QueueCounts()> counts;    // cheap; null: nobody counts what passes
    std::function<QueueLook()> look;        // without an age that of the counts stands in (Flow::oldest)
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

// All calls on the shard's thread, or before it runs.
class QueueBoard {
public:
    explicit QueueBoard(std::string where) : where_(std::move(where)) {}
    QueueBoard(const QueueBoard&) = delete;
    QueueBoard& operator=(const QueueBoard&) = delete;

    using Id = std::uint64_t;
    // Who adds a queue outlives the board's use, or removes it before (QueuePlace, Module::queue).
    Id add(QueueSpec spec);
    void remove(Id id);  // ids that are gone are ignored
    void sample(SteadyTime now);
    std::vector<QueueReport> report(SteadyTime now);  // samples first

private:
    struct Part {
        Id id;
        std::function<QueueCounts()> counts;
        std::function<QueueLook()> look;
    };
    struct Entry {
        std::string name, unit, where;
        QueueKind kind;
        std::vector<Part> parts;  // never empty
        Flow flow;
        std::uint64_t refused = 0;

        bool counted() const;
        QueueCounts counts() const;
    };
    Entry& entry_for(const QueueSpec& spec);
    static QueueReport describe(const Entry& entry);

    std::string where_;
    std::vector<Entry> entries_;
    Id last_id_ = 0;
};

// A queue on a board for as long as this lives; the board outlives it.
class QueuePlace {
public:
    QueuePlace() = default;
    QueuePlace(QueueBoard& board, QueueSpec spec) : board_(&board), id_(board.add(std::move(spec))) {}
    QueuePlace(QueuePlace&& other) noexcept : board_(std::exchange(other.board_, nullptr)), id_(other.id_) {}
    QueuePlace& operator=(QueuePlace&& other) noexcept {
        std::swap(board_, other.board_);
        std::swap(id_, other.id_);
        return *this;
    }
    ~QueuePlace() {
        if (board_) board_->remove(id_);
    }

private:
    QueueBoard* board_ = nullptr;
    QueueBoard::Id id_ = 0;
};

// Queues and pools before caches; then the fullest (by whole percents), those that are stuck, those with the oldest first.
void sort_worst_first(std::vector<QueueReport>& reports);

std::string_view name_of(QueueKind kind);

}  // namespace rookery
