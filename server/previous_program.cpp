#include "server/previous_program.h"

#include <filesystem>
#include <system_error>

namespace rookery {
namespace {

namespace fs = std::filesystem;

std::string fresh_copy(const std::string& data) { return previous_program(data) + ".new"; }

Result<void> done(const std::error_code& error, const std::string& path) {
    if (!error) return {};
    return Error(ErrorCode::unavailable, "cannot keep this program as '" + path + "' for the way back: " + error.message());
}

}  // namespace

std::string previous_program(const std::string& data) { return data + "/previous-program"; }

// Also where the file has been replaced or removed meanwhile.
Result<void> copy_own_program(const std::string& data) {
    std::error_code error;
    fs::copy_file("/proc/self/exe", fresh_copy(data), fs::copy_options::overwrite_existing, error);
    constexpr auto mode = fs::perms::owner_all;
    if (!error) fs::permissions(fresh_copy(data), mode, error);
    return done(error, fresh_copy(data));
}

void remove_copy_of_own_program(const std::string& data) {
    std::error_code ignored;
    fs::remove(fresh_copy(data), ignored);
}

Result<void> make_it_the_previous_program(const std::string& data) {
    std::error_code error;
    fs::rename(fresh_copy(data), previous_program(data), error);
    return done(error, previous_program(data));
}

}  // namespace rookery
