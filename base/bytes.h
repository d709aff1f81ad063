// Bytes as text and back. Decoders are strict: what encode would not write is refused.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace rookery {

// Binary strings travel as std::string / std::string_view throughout.
std::string base64_encode(std::string_view bytes);
// RFC 4648 section 4: padding required, no white space, no stray bits. Linear, no exceptions.
std::optional<std::string> base64_decode(std::string_view text);

std::string hex_encode(std::string_view bytes);  // lower case
std::optional<std::string> hex_decode(std::string_view text);

bool is_valid_utf8(std::string_view bytes);  // no overlong forms, surrogates or values past U+10FFFF
bool is_xml_text(std::string_view bytes);    // UTF-8 of characters that an XML document can hold (XML 1.0, 2.2)

}  // namespace rookery
