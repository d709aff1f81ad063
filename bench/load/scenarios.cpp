#include <algorithm>

#include "bench/load/scenario.h"

namespace rookery::bench {

const std::vector<const Scenario*>& scenarios() {
    static const std::vector<const Scenario*> all = {&kRegister, &kBefriend, &kLogin,   &kIdle,    &kChat,
                                                     &kPresence, &kRoom,     &kOffline, &kArchive, &kStorm};
    return all;
}

const Scenario* find_scenario(std::string_view name) {
    for (const Scenario* scenario : scenarios()) {
        if (name == scenario->name) return scenario;
    }
    return nullptr;
}

UserNumber all_users(const Options& options) { return options.users; }
UserNumber both_of_pairs(const Options& options) { return options.pairs * 2; }
UserNumber in_flight(const Options& options) { return std::min(options.users, options.logins_in_flight); }
UserNumber any_number(const Options&) { return 1; }
UserNumber pairs(const Options&) { return 2; }
UserNumber group_of_contacts(const Options& options) { return options.contacts + 1; }

}  // namespace rookery::bench
