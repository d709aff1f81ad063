// A stream on its way to another program (live upgrade). Its tags are for ever (base/record.h).
#include "base/record.h"
#include "c2s/stream.h"
#include "core/shard.h"

namespace rookery {
namespace {

enum Tag : RecordTag { input = 1, header = 2, secured = 3 };
enum HeaderTag : RecordTag { ns = 1, local = 2, header_prefix = 3, default_ns = 4, declared = 5 };
enum DeclaredTag : RecordTag { prefix = 1, uri = 2 };

// What tells how to prime a parser; its attributes were needed once only.
RecordWriter save_header(const xml::StreamHeader& unusual) {
    RecordWriter record;
    record.text(ns, unusual.ns);
    record.text(local, unusual.local);
    record.text(header_prefix, unusual.prefix);
    record.text(default_ns, unusual.default_ns);
    for (const auto& [name, value] : unusual.prefixes) {
        RecordWriter one;
        one.text(prefix, name);
        one.text(uri, value);
        record.record(declared, one);
    }
    return record;
}

xml::StreamHeader restore_header(RecordReader& record) {
    xml::StreamHeader unusual;
    unusual.ns = record.text(ns);
    unusual.local = record.text(local);
    unusual.prefix = record.text(header_prefix);
    unusual.default_ns = record.text(default_ns);
    for (RecordReader& one : record.records(declared)) unusual.prefixes.emplace_back(one.text(prefix), one.text(uri));
    return unusual;
}

}  // namespace

void Stream::save(RecordWriter& record) const {
    std::string unread(parser_ ? parser_->unfinished().value() : std::string_view());
    unread += rest();
    if (!unread.empty()) record.text(input, unread);
    if (unusual_header()) record.record(header, save_header(*unusual_header()));
    record.number(Tag::secured, secured_);
}

bool Stream::restore(const Jid& full, RecordReader& record) {
    resumed(full);
    host_ = home_->shard.find_host(full.domain());
    header_sent_ = true;
    secured_ = record.flag(Tag::secured);
    if (record.has(input)) set_rest(record.text(input));
    if (record.has(header)) {
        RecordReader inner = record.record(header);
        more().unusual_header = std::make_unique<xml::StreamHeader>(restore_header(inner));
    }
    return record.ok();
}

}  // namespace rookery
