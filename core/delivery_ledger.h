// DeliveryLedger: which messages of an account's log wait for one of its sessions to receive them. In the account's
// slots; the database has it up to the last time it was written down (core/message_log.h). Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "storage/log_store.h"

namespace rookery {

class RecordReader;
class RecordWriter;

class DeliveryLedger {
public:
    bool loaded() const { return loaded_; }
    // Live upgrade (delivery_ledger_record.cpp). REQUIRES: nothing is being committed.
    void save(RecordWriter& record) const;
    void restore(RecordReader& record);
    void load(const DeliveryState& state);

    // A message that waits is being committed: it counts already. Then add() or drop() follows.
    void begin(std::size_t bytes);
    void drop(std::size_t bytes);
    // It was committed. Ids ascend.
    void add(std::uint64_t id, std::size_t bytes);
    // A row that does not wait: what is through may be counted up to it.
    void pass(std::uint64_t id);
    // All that waits according to the database has been looked at: these are the ids.
    void list(const std::vector<std::uint64_t>& ids);
    bool listed() const { return listed_; }
    // A commit failed, or only its answer was lost: the database may have what is not known here, so nothing is through
    // before it is listed again.
    void doubt() { listed_ = false; }
    // Of an id that waits according to the database: is that still so?
    bool waits(std::uint64_t id) const;
    // A session has it. False: it did not wait.
    bool receive(std::uint64_t id);

    // It will be written down soon. False: that was said before.
    bool plan_writing() { return !std::exchange(writing_planned_, true); }
    bool writing_planned() const { return writing_planned_; }
    // Now it is. Where nothing waits, no memory is kept for it.
    void written();

    std::uint64_t messages() const { return waiting().earlier_messages + waiting().open.size() + waiting().begun; }
    // Of those whose ids are known: what waited when the account was loaded, not before it is listed.
    std::optional<std::uint64_t> oldest() const;
    std::uint64_t bytes() const { return waiting().earlier_bytes + waiting().open_bytes + waiting().begun_bytes; }
    std::size_t heap_bytes() const;
    // What to write down.
    std::uint64_t through() const { return through_; }
    const std::vector<std::uint64_t>& beyond() const { return waiting().beyond; }

private:
    struct Open {
        std::uint64_t id;
        std::size_t bytes;
    };
    struct Waiting {
        std::vector<Open> open;             // ascending
        std::vector<std::uint64_t> beyond;  // received, above through_; ascending
        std::uint64_t earlier_messages = 0;  // that waited when the account was loaded, until they are listed
        std::uint64_t earlier_bytes = 0;
        std::size_t open_bytes = 0;
        std::size_t begun = 0;  // being committed
        std::size_t begun_bytes = 0;
    };
    const Waiting& waiting() const;
    Waiting& some_waiting();
    void forget_if_nothing_waits();
    void move_on();

    std::unique_ptr<Waiting> waiting_;  // null: nothing, as for most accounts most of the time
    std::uint64_t newest_ = 0;
    std::uint64_t through_ = 0;
    bool loaded_ = false;
    bool listed_ = false;
    bool writing_planned_ = false;
};

}  // namespace rookery
