// PRECIS (RFC 8264) profiles of RFC 8265 and, for names that only older software accepts, the stringprep
// profiles of RFC 3920, all on ICU. Input is any bytes; nullopt: refused. At most max_bytes, before and after.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace rookery::precis {

inline constexpr std::size_t max_bytes = 1'023;

std::optional<std::string> username_case_mapped(std::string_view text);  // RFC 8265 3.3
std::optional<std::string> opaque_string(std::string_view text);         // RFC 8265 4.2: passwords, resources

// Code points that Unicode 3.2 did not know are refused by RFC 3920; what strangers already use may have them.
enum class Unassigned { refuse, allow };
std::optional<std::string> nodeprep(std::string_view text, Unassigned unassigned);
std::optional<std::string> resourceprep(std::string_view text, Unassigned unassigned);

// All letters belong to one script, or to scripts that are one writing system (Japanese, Korean, Bopomofo): the
// single-script level of UTS 39. False for bad UTF-8.
bool is_single_script(std::string_view text);

}  // namespace rookery::precis
