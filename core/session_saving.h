// What modules keep on a session, on its way to another program (live upgrade): a record for each module, by its name.
// A module that is not there any more loses its own; one that is new finds none.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "base/record.h"

namespace rookery {

class Account;
class Session;

struct SessionSaving {
    Session& session;
    std::map<std::string, RecordWriter, std::less<>> records = {};

    RecordWriter& of(std::string_view module) { return records[std::string(module)]; }
};

// Before anything is read from its client or sent to it.
struct SessionRestoring {
    std::shared_ptr<Session> session;
    std::shared_ptr<Account> account;
    std::map<std::string, RecordReader, std::less<>> records = {};

    // Null: it kept nothing. A reader that failed fails the upgrade.
    RecordReader* find(std::string_view module) {
        const auto at = records.find(module);
        return at == records.end() ? nullptr : &at->second;
    }
};

}  // namespace rookery
