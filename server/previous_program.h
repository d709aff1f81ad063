// The program that served before, kept in the data folder for `rookery upgrade --back`.
#pragma once

#include <string>

#include "base/result.h"

namespace rookery {

std::string previous_program(const std::string& data);

// Copies the program of this process there under another name; then it takes the place, or goes.
Result<void> copy_own_program(const std::string& data);
Result<void> make_it_the_previous_program(const std::string& data);
void remove_copy_of_own_program(const std::string& data);

}  // namespace rookery
