// A directory of its own for a test, removed with everything in it. In memory when there is room: tests sync a lot, and
// prove what a sync must do by other means (tests/storage/faulty_vfs.h).
#pragma once

#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <stdexcept>
#include <string>

namespace rookery {

class TempDir {
public:
    TempDir() {
        std::string name = (parent() / "rookery-test-XXXXXX").string();
        if (!::mkdtemp(name.data())) throw std::runtime_error("cannot make " + name);
        path_ = name;
    }
    ~TempDir() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }
    TempDir(const TempDir&) = delete;
    TempDir& operator=(const TempDir&) = delete;

    const std::filesystem::path& path() const { return path_; }
    std::string file(const std::string& name) const { return (path_ / name).string(); }

private:
    static std::filesystem::path parent() {
        const std::filesystem::path memory = "/dev/shm";
        std::error_code missing;
        const std::filesystem::space_info space = std::filesystem::space(memory, missing);
        constexpr std::uintmax_t enough = 1u << 30;
        const bool fits = !missing && space.available > enough && ::access(memory.c_str(), W_OK) == 0;
        return fits ? memory : std::filesystem::temp_directory_path();
    }

    std::filesystem::path path_;
};

}  // namespace rookery
