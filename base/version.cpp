#include "base/version.h"

namespace rookery {

std::string_view version() { return ROOKERY_VERSION; }

}  // namespace rookery
