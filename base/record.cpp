#include "base/record.h"

#include <openssl/crypto.h>

#include <algorithm>
#include <limits>
#include <optional>

namespace rookery {
namespace {

constexpr unsigned bits_of_byte = 7;  // of a varint
constexpr std::size_t max_varint_bytes = 10;
constexpr std::size_t max_number_bytes = 8;

// Takes it off the front. Nullopt: cut short, or longer than it may be.
std::optional<std::uint64_t> take_varint(std::string_view& bytes) {
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < std::min(bytes.size(), max_varint_bytes); ++i) {
        const auto byte = static_cast<unsigned char>(bytes[i]);
        if (i == max_varint_bytes - 1 && byte > 1) return std::nullopt;
        value |= std::uint64_t{byte & 0x7fu} << (bits_of_byte * i);
        if (byte & 0x80u) continue;
        bytes.remove_prefix(i + 1);
        return value;
    }
    return std::nullopt;
}

}  // namespace

void wipe_bytes(void* bytes, std::size_t count) { OPENSSL_cleanse(bytes, count); }

void RecordWriter::varint(std::uint64_t value) {
    for (; value > 0x7f; value >>= bits_of_byte) bytes_ += static_cast<char>(value | 0x80);
    bytes_ += static_cast<char>(value);
}

void RecordWriter::number(RecordTag tag, std::uint64_t value) {
    std::string bytes;
    for (; value > 0; value >>= 8) bytes += static_cast<char>(value & 0xff);
    text(tag, bytes);
}

void RecordWriter::text(RecordTag tag, std::string_view bytes) {
    varint(tag);
    varint(bytes.size());
    bytes_ += bytes;
}

RecordReader::RecordReader(std::string_view bytes) {
    while (!bytes.empty()) {
        const auto tag = take_varint(bytes);
        const auto length = tag ? take_varint(bytes) : std::nullopt;
        ok_ = length && *length <= bytes.size() && *tag <= std::numeric_limits<RecordTag>::max();
        if (!ok_) {
            fields_.clear();
            return;
        }
        fields_.push_back({static_cast<RecordTag>(*tag), bytes.substr(0, static_cast<std::size_t>(*length))});
        bytes.remove_prefix(static_cast<std::size_t>(*length));
    }
}

const RecordReader::Field* RecordReader::find(RecordTag tag) const {
    const auto at = std::ranges::find(fields_, tag, &Field::tag);
    return at == fields_.end() ? nullptr : &*at;
}

std::uint64_t RecordReader::number(RecordTag tag, std::uint64_t otherwise) {
    const Field* field = find(tag);
    if (!field) return otherwise;
    if (field->bytes.size() > max_number_bytes) ok_ = false;
    if (!ok_) return otherwise;
    std::uint64_t value = 0;
    for (std::size_t i = field->bytes.size(); i-- > 0;) value = value << 8 | static_cast<unsigned char>(field->bytes[i]);
    return value;
}

std::uint64_t RecordReader::number_up_to(RecordTag tag, std::uint64_t most) {
    const std::uint64_t value = number(tag);
    if (value <= most) return value;
    ok_ = false;
    return 0;
}

std::string_view RecordReader::text(RecordTag tag) const {
    const Field* field = find(tag);
    return field ? field->bytes : std::string_view();
}

RecordReader RecordReader::inner(std::string_view bytes) {
    RecordReader reader(bytes);
    ok_ = ok_ && reader.ok();
    return reader;
}

RecordReader RecordReader::record(RecordTag tag) { return inner(text(tag)); }

std::vector<std::string_view> RecordReader::texts(RecordTag tag) const {
    std::vector<std::string_view> all;
    for (const Field& field : fields_)
        if (field.tag == tag) all.push_back(field.bytes);
    return all;
}

std::vector<RecordReader> RecordReader::records(RecordTag tag) {
    std::vector<RecordReader> all;
    for (const std::string_view bytes : texts(tag)) all.push_back(inner(bytes));
    return all;
}

}  // namespace rookery
