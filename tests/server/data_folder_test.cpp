#include "server/data_folder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "tests/support/temp_dir.h"

namespace rookery {
namespace {

using testing::HasSubstr;

class DataFolder : public testing::Test {
protected:
    std::string data() const { return folder_.path(); }
    static unsigned mode_of(const std::string& path) {
        struct stat info {};
        return ::stat(path.c_str(), &info) == 0 ? info.st_mode & 0777 : 0;
    }

    TempDir folder_;
};

TEST_F(DataFolder, KeepsItsSecret) {
    const Result<std::string> made = fake_secret(data());
    ASSERT_TRUE(made.ok());
    EXPECT_EQ(*fake_secret(data()), *made);
    EXPECT_EQ(mode_of(folder_.file("secret")), 0600u);
    std::ofstream(folder_.file("secret")) << "short";
    EXPECT_THAT(fake_secret(data()).error().message, HasSubstr("damaged"));
}

// Made anew, they would show a stranger which accounts are not there.
TEST_F(DataFolder, MakesNothingAnewThatCannotBeRead) {
    for (const char* name : {"secret", "key-history"}) std::filesystem::create_symlink(name, folder_.file(name));
    EXPECT_THAT(fake_secret(data()).error().message, HasSubstr("cannot read"));
    EXPECT_THAT(key_history(data()).error().message, HasSubstr("cannot read"));
    EXPECT_FALSE(add_to_key_history(data(), KeyForm()).ok());
    EXPECT_TRUE(std::filesystem::is_symlink(folder_.file("key-history")));
    std::filesystem::remove(folder_.file("secret"));
    std::filesystem::create_directory(folder_.file("secret"));
    EXPECT_THAT(fake_secret(data()).error().message, HasSubstr("cannot read"));
}

TEST_F(DataFolder, KeepsTheLatestFormsOfKeys) {
    EXPECT_TRUE(key_history(data())->empty());
    for (int i = 1; i <= 20; ++i) ASSERT_TRUE(add_to_key_history(data(), KeyForm{HashAlgorithm::sha1, 4'000 + i}).ok());
    ASSERT_TRUE(add_to_key_history(data(), KeyForm{HashAlgorithm::sha1, 4'020}).ok());
    const Result<std::vector<KeyForm>> history = key_history(data());
    ASSERT_EQ(history->size(), max_key_forms);
    EXPECT_EQ(history->front(), (KeyForm{HashAlgorithm::sha1, 4'005}));
    EXPECT_EQ(history->back(), (KeyForm{HashAlgorithm::sha1, 4'020}));
    EXPECT_EQ(mode_of(folder_.file("key-history")), 0600u);
    EXPECT_EQ(std::distance(std::filesystem::directory_iterator(data()), {}), 1) << "something is left behind";
}

TEST_F(DataFolder, RefusesAHistoryThatIsDamaged) {
    for (const char* text : {"sha256\n", "sha3 5000\n", "sha256 0\n", "sha256 99999999999\n", "5000 sha256\n"}) {
        std::ofstream(folder_.file("key-history")) << text;
        EXPECT_THAT(key_history(data()).error().message, HasSubstr("key-history' is damaged; remove it")) << text;
        EXPECT_FALSE(add_to_key_history(data(), KeyForm()).ok());
    }
}

}  // namespace
}  // namespace rookery
