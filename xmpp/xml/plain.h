// The usual stanza, read without expat: all in one piece, no prefixes, declarations, CDATA or character numbers. Nearly all
// are like that, and expat takes half of the CPU time of a message (ARCHITECTURE.md, "Two readers of one language").
//
// It takes only what expat would take, and makes of it what StreamParser would; everything else, and everything that is
// wrong, it leaves alone, and expat is the judge. tests/fuzz/xml_parser.cpp holds both against each other.
#pragma once

#include <cstddef>
#include <string_view>

#include "xmpp/xml/element.h"
#include "xmpp/xml/stream_parser.h"

namespace rookery::xml {

// The size of the stanza at the start of `input`, which `builder` now has whole. 0: it is not plain, passes a limit or is not
// all there; `builder` is as it was. REQUIRES: a stream with the usual header stands between two stanzas; `builder` is empty.
std::size_t read_plain(std::string_view input, const ParserLimits& limits, ElementBuilder& builder);

}  // namespace rookery::xml
