// Backup, restore and migration: all data in one file, and from one engine to the other (docs/storage.md). For tools:
// they block, and throw std::runtime_error with one line that says what failed.
//
// A backup is a SQLite file with our tables, whatever engine it was made from, without what can be made anew (the index
// of searched words). It is written beside its place and renamed when it is complete and synced; nothing is
// overwritten.
#pragma once

#include <string>

#include "storage/sql/copy.h"
#include "storage/stores.h"

namespace rookery {

// Of one moment, also while a server uses the database. `file` must not exist.
TableSums back_up(const StorageOptions& from, const std::string& file, const CopyProgress& progress);

// Is every page and row of the file as it has to be? No server may be writing to it.
struct VerifiedFile {
    int schema = 0;
    TableSums tables;
};
VerifiedFile verify(const std::string& file, const CopyProgress& progress);

// Verifies `file` and puts its content in the place of what is there, which is kept in the file `keep` (not made when
// nothing was there). No server may use the database. After an exception what was there is still there.
TableSums restore(const std::string& file, const StorageOptions& to, const std::string& keep,
                  const CopyProgress& progress);

// Everything from one engine to the other, whose database has to be empty. No server may use either; `from` stays as it
// is.
TableSums move_to_postgres(const SqliteOptions& from, const PostgresOptions& to, const CopyProgress& progress);
TableSums move_to_sqlite(const PostgresOptions& from, const SqliteOptions& to, const CopyProgress& progress);

}  // namespace rookery
