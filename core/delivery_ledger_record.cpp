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
    record.number(earlier_messages, earlier_messages_);
    record.number(earlier_bytes, earlier_bytes_);
    record.number(Tag::listed, listed_);
    for (const Open& one : open_) {
        RecordWriter each;
        each.number(id, one.id);
        each.number(OpenTag::bytes, one.bytes);
        record.record(open, each);
    }
    for (const std::uint64_t one : beyond_) {
        RecordWriter each;
        each.number(id, one);
        record.record(Tag::beyond, each);
    }
}

void DeliveryLedger::restore(RecordReader& record) {
    through_ = record.number(Tag::through);
    newest_ = record.number(newest);
    earlier_messages_ = record.number(earlier_messages);
    earlier_bytes_ = record.number(earlier_bytes);
    listed_ = record.flag(Tag::listed);
    for (RecordReader& one : record.records(open)) {
        open_.push_back({one.number(id), static_cast<std::size_t>(one.number(OpenTag::bytes))});
        open_bytes_ += open_.back().bytes;
    }
    for (RecordReader& one : record.records(Tag::beyond)) beyond_.push_back(one.number(id));
    const bool ascending = std::ranges::is_sorted(open_, {}, &Open::id) && std::ranges::is_sorted(beyond_);
    if (!ascending) record.fail();
    loaded_ = true;
}

}  // namespace rookery
