// Records of a live upgrade, as a broken or foreign program might send them.
#include <cstdint>
#include <cstdlib>

#include "base/record.h"

namespace {

void read_all(rookery::RecordReader& reader, unsigned depth) {
    for (rookery::RecordTag tag = 0; tag < 16; ++tag) {
        (void)reader.number(tag);
        (void)reader.flag(tag);
        (void)reader.text(tag);
        if (depth == 0) continue;
        for (rookery::RecordReader& inner : reader.records(tag)) read_all(inner, depth - 1);
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    rookery::RecordReader reader({reinterpret_cast<const char*>(data), size});
    const bool whole = reader.ok();
    read_all(reader, 3);
    if (!whole && reader.ok()) std::abort();  // once failed, it stays so
    return 0;
}
