// Domain names as part of an address (RFC 7622 3.2): host names, IPv4, IPv6 in brackets.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace rookery {

// Lower case, A-labels as U-labels (IDNA 2008 with the mappings of UTS 46, non-transitional), no trailing dot,
// IPv6 in its shortest form. nullopt: not a domain. ASCII names take a path without libidn2.
std::optional<std::string> normal_domain(std::string_view text);

// The form DNS and certificates know: every label ASCII. REQUIRES: a domain in normal form.
std::string ascii_domain(std::string_view normal);

}  // namespace rookery
