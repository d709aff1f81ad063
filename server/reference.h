// What is generated from the declarations: the commented example in conf/, the manual of modules and verbs in docs/.
#pragma once

#include <iosfwd>
#include <string>

#include "core/command.h"

namespace rookery {

// Writes conf/rookery.yml and docs/modules.md below `folder`. The exit code.
int generate_reference(const std::string& folder, const CommandTable& commands);

// The order in which modules see stanzas, for each hook of the configured modules. The exit code.
int explain_hooks(const std::string& config, const std::string& data, std::ostream& out);

}  // namespace rookery
