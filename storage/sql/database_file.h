// The file of a SQLite database, as the file system sees it. These throw std::runtime_error with one line.
#pragma once

#include <string>
#include <utility>

namespace rookery {

class FileDescriptor {
public:
    explicit FileDescriptor(int number) : number_(number) {}
    FileDescriptor(FileDescriptor&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
    FileDescriptor& operator=(FileDescriptor&&) = delete;
    ~FileDescriptor();
    int get() const { return number_; }

private:
    int number_;
};

// "cannot use database PATH: why"
[[noreturn]] void refuse_database(const std::string& path, const std::string& why);

// Made by us and not by SQLite, so that nobody else can read the keys in it. It may exist.
FileDescriptor open_private(const std::string& path, const std::string& database);

// Nobody else uses the database while this is open.
FileDescriptor lock_database_file(const std::string& database);

void sync_file(const std::string& path);
// A new or renamed file is safe only when its directory entry is.
void sync_directory_of(const std::string& path);

}  // namespace rookery
