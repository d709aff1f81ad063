// What `rookery queues` shows a person: the answer of the verb, with units, aligned, and what is idle folded into a line.
#pragma once

#include <string>

#include "base/value.h"

namespace rookery {

// `rows`: the worst first, as the verb answers.
std::string queue_table(const Value& rows);

}  // namespace rookery
