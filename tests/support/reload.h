// What a reload of the configuration does to modules, for C++ tests.
#pragma once

#include <string_view>

#include "tests/support/test_server.h"

namespace rookery::test {

enum class Reload {
    changed,    // an option of the module is another one
    taken_away  // the module is listed no more
};

inline std::shared_ptr<const HostOptions> reloaded(const HostOptions& before, std::string_view module, Reload what) {
    auto options = std::make_shared<HostOptions>(before);
    const auto is_it = [module](const HostOptions::ModuleOptions& one) { return one.spec->name == module; };
    if (what == Reload::taken_away) std::erase_if(options->modules, is_it);
    for (HostOptions::ModuleOptions& one : options->modules)
        if (is_it(one)) one.fingerprint += "changed";
    return options;
}

// On all hosts of all shards.
inline void reload(TestServer& server, std::string_view module, Reload what) {
    for (unsigned i = 0; i < server.assembly().shards().count(); ++i) {
        server.loops().at(i).run_here([&shard = server.assembly().shards().at(i), module, what] {
            std::vector<std::shared_ptr<const HostOptions>> hosts;
            for (const std::unique_ptr<Host>& host : shard.hosts()) hosts.push_back(reloaded(host->options(), module, what));
            shard.apply(hosts);
        });
    }
    server.run_until_idle();
}

}  // namespace rookery::test
