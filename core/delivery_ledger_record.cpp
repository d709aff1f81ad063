// The ledger on its way to another program (live upgrade). Its tags are for ever (base/record.h).
#include <algorithm>

#include "base/record.h"
#include "core/delivery_ledger.h"

namespace rookery {
namespace {

enum Tag : RecordTag { through = 1, newest = 2, earlier_messages = 3, earlier_bytes = 4, listed = 5, open = 6, beyond = 7 };
enum OpenTag : RecordTag { id = 1, bytes = 2 };

}  // namespace

void DeliveryLedger::save(RecordWriter& record) const {
    record.number(Tag::through, through_);
    record.number(newest, newest_);
    record.number(earlier_messages, waiting().earlier_messages);
    record.number(earlier_bytes, waiting().earlier_bytes);
    record.number(Tag::listed, listed_);
    for (const Open& one : waiting().open) {
        RecordWriter each;
        each.number(id, one.id);
        each.number(OpenTag::bytes, one.bytes);
        record.record(open, each);
    }
    for (const std::uint64_t one : beyond()) {
        RecordWriter each;
        each.number(id, one);
        record.record(Tag::beyond, each);
    }
}

void DeliveryLedger::restore(RecordReader& record) {
    through_ = record.number(Tag::through);
    newest_ = record.number(newest);
    listed_ = record.flag(Tag::listed);
    loaded_ = true;
    Waiting& known = some_waiting();
    known.earlier_messages = record.number(earlier_messages);
    known.earlier_bytes = record.number(earlier_bytes);
    for (RecordReader& one : record.records(open)) {
        known.open.push_back({one.number(id), static_cast<std::size_t>(one.number(OpenTag::bytes))});
        known.open_bytes += known.open.back().bytes;
    }
    for (RecordReader& one : record.records(Tag::beyond)) known.beyond.push_back(one.number(id));
    const bool ascending = std::ranges::is_sorted(known.open, {}, &Open::id) && std::ranges::is_sorted(known.beyond);
    if (!ascending) record.fail();
    forget_if_nothing_waits();
}

}  // namespace rookery
