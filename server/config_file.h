// A configuration file as one map: included files merged in, macros and keywords replaced, repeated keys found.
// ejabberd's include_config_file, define_macro and define_keyword; nothing here knows what the options mean.
//
//   include_config_file: more.yml | [a.yml, b.yml] | {a.yml: {allow_only: [acl], disallow: [listen]}}
//       relative to the file that includes it. An option may stand in one file only, but maps of named things (acl,
//       access_rules, shaper, shaper_rules, modules, host_config, append_host_config, macros) add up.
//   define_macro: {PORT: 5222}      a value that is exactly PORT becomes 5222, of any kind; @PORT@ inside a text too
//   define_keyword: {NAME: text}    @NAME@ inside a text becomes the text
//   @HOSTNAME@, @VERSION@, @SEMVER@ are there from the start; @HOST@ is left to the option of a host.
//   ROOKERY_MACRO_X (or EJABBERD_MACRO_X) in the environment overrides macro or keyword X.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/config_value.h"
#include "base/result.h"

namespace rookery {

inline constexpr std::size_t max_config_files = 64;
inline constexpr int max_macro_depth = 16;  // macros in macros

// The world outside, replaceable in tests.
struct ConfigWorld {
    std::function<Result<std::string>(const std::string& path)>
        read_file;  // refuses what is larger than max_config_bytes
    std::function<std::optional<std::string>(const std::string& name)> environment;
    std::string hostname;
    std::string version;

    static ConfigWorld real();
};

// nullopt: `problems` says why. A faulty included file is reported together with what else is wrong.
std::optional<ConfigValue> load_config_file(const std::string& path, const ConfigWorld& world,
                                            ConfigProblems& problems);

// Replaces @HOST@ in all texts below.
void replace_host(ConfigValue& value, std::string_view host);

// Canonical text: equal values, equal texts, whatever their places and quotes.
std::string config_fingerprint(const ConfigValue& value);

}  // namespace rookery
