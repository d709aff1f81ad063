#include "storage/sql/database_file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <stdexcept>

namespace rookery {
namespace {

void sync(const FileDescriptor& opened, const std::string& path) {
    if (opened.get() < 0 || ::fsync(opened.get()) != 0) refuse_database(path, std::strerror(errno));
}

}  // namespace

FileDescriptor::~FileDescriptor() {
    if (number_ >= 0) ::close(number_);
}

void refuse_database(const std::string& path, const std::string& why) {
    throw std::runtime_error("cannot use database " + path + ": " + why);
}

FileDescriptor open_private(const std::string& path, const std::string& database) {
    FileDescriptor file(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
    if (file.get() < 0) refuse_database(database, path + ": " + std::strerror(errno));
    return file;
}

FileDescriptor lock_database_file(const std::string& database) {
    FileDescriptor file = open_private(database + ".lock", database);
    if (::flock(file.get(), LOCK_EX | LOCK_NB) != 0) refuse_database(database, "another process uses it");
    return file;
}

void sync_file(const std::string& path) { sync(FileDescriptor(::open(path.c_str(), O_RDONLY | O_CLOEXEC)), path); }

void sync_directory_of(const std::string& path) {
    std::filesystem::path directory = std::filesystem::path(path).parent_path();
    if (directory.empty()) directory = ".";
    sync(FileDescriptor(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)), path);
}

}  // namespace rookery
