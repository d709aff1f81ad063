// Records: what one program tells another of the same machine in a live upgrade, which may be of another release: fields
// of a tag, a length and that many bytes, in any order. A reader takes the tags it knows and skips the others, so a field
// may be added at any time; a tag is never used again for something else. Nothing here is trusted: lengths are checked
// first, and a field that cannot be what is asked for makes the whole record fail.
//
// Secrets pass through records, so their memory is wiped when it is given back.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace rookery {

void wipe_bytes(void* bytes, std::size_t count);

template <class T>
struct WipingAllocator {
    using value_type = T;
    WipingAllocator() = default;
    template <class Other>
    WipingAllocator(const WipingAllocator<Other>&) {}
    T* allocate(std::size_t count) { return std::allocator<T>().allocate(count); }
    void deallocate(T* place, std::size_t count) {
        wipe_bytes(place, count * sizeof(T));
        std::allocator<T>().deallocate(place, count);
    }
    friend bool operator==(const WipingAllocator&, const WipingAllocator&) { return true; }
};

// Wiped when it goes, also where it grows. (Up to 15 bytes it keeps in itself and does not wipe: no secret is so short.)
using WipedString = std::basic_string<char, std::char_traits<char>, WipingAllocator<char>>;

using RecordTag = std::uint32_t;

class RecordWriter {
public:
    void number(RecordTag tag, std::uint64_t value);
    void text(RecordTag tag, std::string_view bytes);
    void record(RecordTag tag, const RecordWriter& inner) { text(tag, inner.bytes()); }

    bool empty() const { return bytes_.empty(); }
    std::string_view bytes() const { return bytes_; }
    WipedString take() { return std::exchange(bytes_, {}); }

private:
    void varint(std::uint64_t value);

    WipedString bytes_;
};

// Views of the bytes, which stay the caller's. A field that is there twice: the first counts, but for texts() and
// records().
class RecordReader {
public:
    RecordReader() = default;  // of an empty record
    explicit RecordReader(std::string_view bytes);

    // False: the bytes are no record, or a field that was asked for is not what it should be. Ask when all is read.
    bool ok() const { return ok_; }
    // For who finds a value that cannot be.
    void fail() { ok_ = false; }

    bool has(RecordTag tag) const { return find(tag) != nullptr; }
    // Missing ones are `otherwise`, or empty.
    std::uint64_t number(RecordTag tag, std::uint64_t otherwise = 0);
    // Past `most`: fails.
    std::uint64_t number_up_to(RecordTag tag, std::uint64_t most);
    bool flag(RecordTag tag) { return number_up_to(tag, 1) != 0; }
    std::string_view text(RecordTag tag) const;
    RecordReader record(RecordTag tag);
    std::vector<std::string_view> texts(RecordTag tag) const;
    std::vector<RecordReader> records(RecordTag tag);

private:
    struct Field {
        RecordTag tag;
        std::string_view bytes;
    };
    const Field* find(RecordTag tag) const;
    RecordReader inner(std::string_view bytes);

    std::vector<Field> fields_;
    bool ok_ = true;
};

}  // namespace rookery
