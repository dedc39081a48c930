#include "graphs/safetensors.h"

#include <gtest/gtest.h>

#include "ops/core/bytes.h"
#include "ops/core/error.h"
#include "tests/support/files.h"

namespace cleave {
namespace {

Bytes file_of(const std::string& header, std::size_t data_bytes) {
  Bytes head(8);
  store_little_endian(std::uint64_t{header.size()}, head.data());
  return head + to_bytes(header) + Bytes(data_bytes);
}

std::string array(const std::string& name, const std::string& shape, std::int64_t begin, std::int64_t end,
                  const std::string& dtype = "U8") {
  return "\"" + name + R"(":{"dtype":")" + dtype + R"(","shape":)" + shape + R"(,"data_offsets":[)" +
         std::to_string(begin) + "," + std::to_string(end) + "]}";
}

// What is wrong with the file, without the words every message begins with.
std::string fault(const Bytes& file) {
  const std::string start = "f: not a sound safetensors file: ";
  const std::string message = error_of<RunError>([&] { parse_safetensors(file, "f"); });
  return message.starts_with(start) ? message.substr(start.size()) : message;
}

std::string header_fault(const std::string& header, std::size_t data_bytes = 8) {
  return fault(file_of(header, data_bytes));
}

TEST(Safetensors, ArraysStandInTheOrderOfTheirBytes) {
  const Bytes bytes = file_of("{" + array("b", "[2]", 4, 6) + "," + array("a", "[2,2]", 0, 4) + "," +
                                  array("none", "[0,7]", 4, 4) + "," + array("one", "[]", 6, 7) + "}",
                              7);
  const SafeFile file = parse_safetensors(bytes, "f");
  ASSERT_EQ(file.arrays.size(), 4U);
  EXPECT_EQ(file.arrays[0].name, "a");
  EXPECT_EQ(file.arrays[0].shape, (Shape{2, 2}));
  EXPECT_EQ(file.arrays[1].name, "none");
  EXPECT_EQ(file.arrays[2].bytes.size(), 2U);
  EXPECT_EQ(file.arrays[3].shape, Shape{});
}

TEST(Safetensors, HeadIsReadBackAndFilledToEightBytes) {
  const Bytes data(6);
  SafeFile contents;
  contents.metadata = {{"key", "value"}};
  contents.arrays = {{"b", "U8", {2}, ByteSpan(data).first(2)}, {"a", "F32", {}, ByteSpan(data).first(4)}};
  const Bytes head = safetensors_head(contents);
  EXPECT_EQ(head.size() % 8, 0U);
  const Bytes whole = head + data;
  const SafeFile back = parse_safetensors(whole, "f");
  EXPECT_EQ(back.metadata, contents.metadata);
  ASSERT_EQ(back.arrays.size(), 2U);
  EXPECT_EQ(back.arrays[1].name, "a");
}

TEST(Safetensors, LengthsAreCheckedBeforeAnythingIsRead) {
  EXPECT_EQ(fault(Bytes(7)), "7 bytes are too few");
  EXPECT_EQ(fault(Bytes(8, 0xFF)), "its header has 18446744073709551615 bytes, at most 67108864 are read");
  EXPECT_EQ(fault({200, 0, 0, 0, 0, 0, 0, 0, '{', '}'}), "truncated: a header of 200 bytes in a file of 10");
  EXPECT_EQ(fault(Bytes(8)), "its header does not begin with '{'");
}

TEST(Safetensors, BytesMustBeUsedExactlyOnce) {
  EXPECT_EQ(header_fault("{" + array("a", "[4]", 0, 4) + "," + array("b", "[4]", 3, 7) + "}"),
            "'b' begins at byte 3, the array before it ends at 4");
  EXPECT_EQ(header_fault("{" + array("a", "[4]", 0, 4) + "," + array("b", "[3]", 5, 8) + "}"),
            "'b' begins at byte 5, the array before it ends at 4");
  EXPECT_EQ(header_fault("{" + array("a", "[4]", 0, 4) + "}"), "its last array ends at byte 4 of 8");
  EXPECT_EQ(header_fault("{" + array("a", "[9]", 0, 9) + "}"), "'a' stands at bytes 0 to 9 of 8");
  EXPECT_EQ(header_fault("{" + array("a", "[4]", 8, 4) + "}"), "'a' stands at bytes 8 to 4 of 8");
}

TEST(Safetensors, ShapesMustAgreeWithTheBytesAndNotOverflow) {
  const std::string wrong = "'a' has 8 bytes, which is not what its type and shape need";
  EXPECT_EQ(header_fault("{" + array("a", "[3]", 0, 8, "F32") + "}"), wrong);
  EXPECT_EQ(header_fault("{" + array("a", "[4294967296,4294967296,8]", 0, 8) + "}"), wrong);
  EXPECT_EQ(header_fault("{" + array("a", "[18446744073709551615,0]", 0, 8) + "}"),
            "'a' has the impossible size 18446744073709551615");
}

TEST(Safetensors, NamesStandOnce) {
  EXPECT_EQ(header_fault("{" + array("a", "[4]", 0, 4) + "," + array("a", "[4]", 4, 8) + "}"),
            "its header's 'a' stands there twice");
  EXPECT_EQ(header_fault(R"({"a":{"dtype":"U8","dtype":"U8"}})"), "its header's 'a' has 'dtype' twice");
  EXPECT_EQ(header_fault(R"({"__metadata__":{"k":"1","k":"2"}})"), "its header's '__metadata__' has a key twice");
}

TEST(Safetensors, OnlyTheFormatsStructureIsAccepted) {
  for (const char* header :
       {"{", "{}x", R"({"a":1})", R"({"a":{}})", R"({"a":{"dtype":"U8"}})", R"({"a":[{}]})", R"({"a":null})",
        R"({"a":{"dtype":{"x":1}}})", R"({"a":{"shape":[[8]]}})", R"({"a":{"shape":[-8]}})", R"({"a":{"shape":[8.5]}})",
        R"({"a":{"shape":["8"]}})", R"({"a":{"other":[8]}})", R"({"__metadata__":{"k":1}})",
        R"({"__metadata__":["k"]})", R"({"__metadata__":"k"})", R"({"a":{"shape":[1e999]}})",
        R"({"a":{"dtype":["U8"]}})", "{\"\xff\":{}}"})
    EXPECT_NE(header_fault(header), "nothing thrown") << header;
}

TEST(Safetensors, UnknownTypesAndHostileNamesAreShownEscaped) {
  EXPECT_EQ(header_fault("{" + array("a", "[8]", 0, 8, "Q7") + "}"), "'a' has the unknown type 'Q7'");
  EXPECT_EQ(header_fault("{" + array(R"(\u001b[2J)", "[8]", 0, 8, "Q7") + "}"), "'\\x1b[2J' has the unknown type 'Q7'");
}

TEST(Safetensors, DeepNestingIsRefusedAtOnce) {
  std::string deep = R"({"a":{"shape":)";
  deep += std::string(1'000'000, '[');
  EXPECT_EQ(header_fault(deep), "its header's 'a' holds a list where the format has none");
}

}  // namespace
}  // namespace cleave
