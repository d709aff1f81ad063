// An element packed into few bytes, to be kept for long and rarely read: the presence of each session. Interned names
// take one or two bytes, so it is of this process only: never stored, never sent.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "xmpp/xml/element.h"

namespace rookery::xml {

// `instead`: as for write().
std::string pack(View view, std::span<const RootAttribute> instead = {});
// REQUIRES: what pack() gave.
Element unpack(std::string_view packed);

}  // namespace rookery::xml
