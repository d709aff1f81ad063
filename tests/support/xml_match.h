// Compares what came with what a play expects. Attribute order and child order are free; white space around child
// elements is ignored. In expected attribute values and text:
//   {any}    something, not empty       {=id}  something, kept as `id`     {maybe}  alone: anything, or not there at
//   all {id}     what was kept as `id`      {{     a brace                     {none}   alone: the attribute must be
//   missing
// and {...} as a child stands for any further children.
//
// What servers may add or leave out is not checked unless the play writes it: to, from and id of a stanza, xml:lang
// everywhere, <stanza-id/> (all of them, once one is written), <delay/> on presence, and in errors: the text, `by`,
// `code` and the echoed payload.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "xmpp/xml/element.h"

namespace rookery::test {

using Captures = std::map<std::string, std::string, std::less<>>;

enum class MatchMode {
    exact,   // nothing beside what is expected
    subset,  // further attributes and children are fine everywhere
};

// nullopt: it matches, and `captures` has gained what {=id} found. Otherwise why not; `captures` is as before.
std::optional<std::string> find_difference(xml::View expected, xml::View actual, MatchMode mode, Captures& captures);

// One value against one pattern; the captures grow only when it matches.
bool value_matches(std::string_view pattern, std::string_view value, Captures& captures);

// Parses a run of stanzas as they stand in a play: default namespace jabber:client, prefix `stream` bound.
// nullopt with `why` set: not well-formed.
std::optional<std::vector<xml::Element>> parse_stanzas(std::string_view text, std::string* why);

}  // namespace rookery::test
