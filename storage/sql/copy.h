// Copies all data from one database of ours to another, of either engine: what backup, restore and migration are made
// of (storage/backup.h). Rows go in the order of their keys, a page at a time, so memory is bounded; ids are kept. What
// can be made anew (the index of searched words) is not copied but marked as missing.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "storage/sql/schema.h"

namespace rookery {

struct CopiedTable {
    const char* name;
    const char* keys;  // the first columns: `i` for an integer, `t` for a text
    Sql page;          // what follows these keys (?1 ...), in their order; the last placeholder is the limit
    Sql insert;
};

// Every table but meta and those that are made anew, owners first. (tests/storage/copy_test.cpp asks the schema.)
std::span<const CopiedTable> copied_tables();

// What a table holds: equal sums, equal rows.
struct TableSum {
    std::string table;
    std::uint64_t rows = 0;
    std::uint64_t sum = 0;

    bool operator==(const TableSum&) const = default;
};
using TableSums = std::vector<TableSum>;

// Told after each page.
using CopyProgress = std::function<void(std::string_view table, std::uint64_t rows)>;

// Reads every row. REQUIRES: a transaction that sees one moment.
Result<TableSums> sum_up(SchemaTarget& from, const CopyProgress& progress);

// Copies every row, then reads back what was written and compares. REQUIRES: the newest schema in both, a transaction
// on each side, no rows in `to`. After an error the transaction of `to` is to be rolled back.
Result<TableSums> copy_all(SchemaTarget& from, SchemaTarget& to, const CopyProgress& progress);

Result<bool> has_rows(SchemaTarget& target);
// Messages that Rookery 0.1 queued and nobody took over yet: they would be missing in a copy.
Result<bool> has_leftovers(SchemaTarget& target);

}  // namespace rookery
