// The command line's verbs: arguments by position as the table declares them, results as a table or as JSON.
#pragma once

#include <string>
#include <vector>

#include "core/command.h"

namespace rookery {

// Positional arguments to named ones. A missing secret is asked for on the terminal. invalid: usage is the message.
Result<Value> named_arguments(const Command& command, const std::vector<std::string>& given);

// "rookery register USER HOST PASSWORD": what one types.
std::string usage(const Command& command);
// What to tell somebody who gave `verb` a word it does not know; `options`: what it knows, with their dashes.
std::string unknown_argument(const std::string& verb, const std::string& word, const std::vector<std::string>& options);
// All verbs by group, one line each.
std::string command_overview(const CommandTable& table);

// Strings as they are, lists one item a line, lists of objects as columns, objects as `name: value` lines.
std::string to_table(const Value& value);

// As it may stand on a terminal: without control characters.
std::string shown(const Value& value);

// In place of what a terminal shows now, no more than fits. Where standard output is none: as it is, and an empty line.
std::string on_screen(const std::string& text);
// The first `rows` lines, each cut to `columns` characters.
std::string cut_to(const std::string& text, std::size_t rows, std::size_t columns);

}  // namespace rookery
