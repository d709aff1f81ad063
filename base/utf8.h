// UTF-8 text cut and counted by characters. Pure; the text is valid (base/bytes.h: is_valid_utf8), or what comes out is not
// either.
#pragma once

#include <cstddef>
#include <string_view>

namespace rookery {

// Else it is a further byte of one.
inline bool begins_character(char byte) { return (static_cast<unsigned char>(byte) & 0xC0) != 0x80; }

// The beginning, at most so many bytes, not cut within a character.
inline std::string_view beginning(std::string_view text, std::size_t bytes) {
    if (text.size() <= bytes) return text;
    while (bytes > 0 && !begins_character(text[bytes])) --bytes;
    return text.substr(0, bytes);
}

}  // namespace rookery
