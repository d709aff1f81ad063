#pragma once

#include <string_view>

namespace rookery {

std::string_view version();  // of the program, "0.1.0": the one in CMakeLists.txt

}  // namespace rookery
