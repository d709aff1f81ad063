#include "server/memory_limit.h"

#include <gtest/gtest.h>

#include <fstream>
#include <limits>

#include "tests/support/temp_dir.h"

namespace rookery::test {
namespace {

class MemoryLimit : public testing::Test {
protected:
    void write(const std::string& name, const std::string& text) {
        std::filesystem::create_directories((root / name).parent_path());
        std::ofstream(root / name) << text;
    }
    std::size_t found(const std::string& groups) {
        write("groups", groups);
        return group_memory(root / "groups", root);
    }

    TempDir dir;
    std::filesystem::path root{dir.path()};
};

TEST_F(MemoryLimit, TheLeastOnTheWayUpCounts) {
    write("system.slice/memory.max", "268435456\n");
    write("system.slice/rookery.service/memory.max", "max\n");
    EXPECT_EQ(found("0::/system.slice/rookery.service\n"), 268'435'456u);
    write("system.slice/rookery.service/memory.max", "1000\n");
    EXPECT_EQ(found("0::/system.slice/rookery.service\n"), 1'000u);
}

TEST_F(MemoryLimit, VersionOneHasItsOwnTree) {
    write("memory/docker/x/memory.limit_in_bytes", "5000\n");
    EXPECT_EQ(found("4:cpu:/\n3:memory:/docker/x\n"), 5'000u);
}

TEST_F(MemoryLimit, NoGroupIsNoLimit) {
    EXPECT_EQ(found("0::/\n"), std::numeric_limits<std::size_t>::max());
    EXPECT_EQ(group_memory(root / "missing", root), std::numeric_limits<std::size_t>::max());
    EXPECT_GT(usable_memory(), 1u << 20);
}

}  // namespace
}  // namespace rookery::test
