#include "base/record.h"

#include <gtest/gtest.h>

namespace rookery {
namespace {

enum Tag : RecordTag { count = 1, name = 2, inner = 3, large = 300, unknown = 999 };

TEST(Record, GivesBackWhatWasWritten) {
    RecordWriter part;
    part.text(name, "part");
    RecordWriter writer;
    writer.number(count, 0);
    writer.number(large, ~std::uint64_t{0});
    writer.text(name, std::string_view("with\0nul", 8));
    writer.record(inner, part);
    writer.record(inner, part);
    RecordReader reader(writer.bytes());
    EXPECT_TRUE(reader.has(count));
    EXPECT_EQ(reader.number(count, 7), 0u);
    EXPECT_EQ(reader.number(large), ~std::uint64_t{0});
    EXPECT_EQ(reader.text(name), std::string_view("with\0nul", 8));
    EXPECT_EQ(reader.records(inner).size(), 2u);
    EXPECT_EQ(reader.record(inner).text(name), "part");
    EXPECT_TRUE(reader.ok());
}

TEST(Record, MissingFieldsHaveADefaultAndUnknownOnesAreSkipped) {
    RecordWriter writer;
    writer.text(unknown, "of a later release");
    writer.number(count, 3);
    RecordReader reader(writer.bytes());
    EXPECT_EQ(reader.number(count), 3u);
    EXPECT_EQ(reader.number(large, 5), 5u);
    EXPECT_EQ(reader.text(name), "");
    EXPECT_FALSE(reader.flag(inner));
    EXPECT_TRUE(reader.ok());
}

TEST(Record, CutShortIsNoRecord) {
    RecordWriter writer;
    writer.text(name, "abc");
    writer.number(large, 1'000'000);
    const std::string_view whole = writer.bytes();
    const std::size_t first_field = 5;
    for (std::size_t size = 1; size < whole.size(); ++size)
        EXPECT_EQ(RecordReader(whole.substr(0, size)).ok(), size == first_field) << size;
}

TEST(Record, LengthsAndTagsPastAllMeasureAreNoRecord) {
    EXPECT_FALSE(RecordReader(std::string_view("\x01\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 11)).ok());
    EXPECT_FALSE(RecordReader(std::string_view("\x01\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 12)).ok());
    EXPECT_FALSE(RecordReader(std::string_view("\xff\xff\xff\xff\x7f\x00", 6)).ok());
}

TEST(Record, AFieldThatCannotBeANumberFailsTheRecord) {
    RecordWriter writer;
    writer.text(count, "nine bytes");
    RecordReader reader(writer.bytes());
    EXPECT_TRUE(reader.ok());
    EXPECT_EQ(reader.number(count, 4), 4u);
    EXPECT_FALSE(reader.ok());
}

TEST(Record, ANumberPastItsBoundFailsTheRecord) {
    RecordWriter writer;
    writer.number(count, 3);
    RecordReader reader(writer.bytes());
    EXPECT_EQ(reader.number_up_to(count, 3), 3u);
    EXPECT_TRUE(reader.ok());
    EXPECT_EQ(reader.number_up_to(count, 2), 0u);
    EXPECT_FALSE(reader.ok());
}

TEST(Record, ABrokenPartFailsTheWhole) {
    RecordWriter writer;
    writer.text(inner, "\x01\x05");
    RecordReader reader(writer.bytes());
    EXPECT_FALSE(reader.record(inner).ok());
    EXPECT_FALSE(reader.ok());
}

}  // namespace
}  // namespace rookery
