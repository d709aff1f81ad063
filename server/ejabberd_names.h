// Names that ejabberd's configuration has and this server does not provide: a file written for ejabberd is met with a
// warning that says what to do instead, not with "unknown option".
#pragma once

#include <optional>
#include <string_view>
#include <vector>

namespace rookery {

// The hint for a name, e.g. "accounts are kept in the server's own database". nullopt: ejabberd has no such name either
// (or we provide it).
std::optional<std::string_view> ejabberd_option_hint(std::string_view top_level_option);
std::optional<std::string_view> ejabberd_module_hint(std::string_view module);
std::optional<std::string_view> ejabberd_listener_hint(std::string_view module);
// Options that nearly every module of ejabberd's has: db_type, use_cache, ...
std::optional<std::string_view> ejabberd_common_module_option_hint(std::string_view option);

}  // namespace rookery
