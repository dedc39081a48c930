#include "graphs/yaml_reader.h"

#include <gtest/gtest.h>

#include "tests/support/files.h"

namespace cleave {

namespace {

struct Parsed {
  Sources sources;
  DocNode doc;
  std::string error;  // of the first mistake
};

Parsed parse(const std::string& text) {
  Parsed parsed;
  parsed.sources.add("t", text);
  Diagnostics found(parsed.sources);
  try {
    parsed.doc = parse_yaml("t", text, found);
    found.throw_if_any();
  } catch (const ModelError& error) {
    parsed.error = error.diagnostics().front().message;
  }
  return parsed;
}

std::string nested(int depth) {
  return std::string(static_cast<std::size_t>(depth), '[') + std::string(static_cast<std::size_t>(depth), ']');
}

TEST(YamlReader, OwnKeysWinOverMergedOnes) {
  const Parsed parsed = parse("a: &a {x: 1, y: 2}\nb: {<<: *a, x: 3}\n");
  const DocNode& b = *parsed.doc.find("b");
  EXPECT_EQ(b.find("x")->scalar, "3");
  EXPECT_EQ(b.find("y")->scalar, "2");
  EXPECT_EQ(b.entries.size(), 2U);
}

TEST(YamlReader, EarlierMapsOfAMergeListWin) {
  const Parsed parsed = parse("a: &a {x: 1}\nb: &b {x: 2, y: 2}\nc: {<<: [*a, *b]}\n");
  EXPECT_EQ(parsed.doc.find("c")->find("x")->scalar, "1");
  EXPECT_EQ(parsed.doc.find("c")->find("y")->scalar, "2");
}

TEST(YamlReader, MergesAreTransitive) {
  const Parsed parsed = parse("a: &a {x: 1}\nb: &b {<<: *a, y: 2}\nc: {<<: *b}\n");
  EXPECT_EQ(parsed.doc.find("c")->find("x")->scalar, "1");
}

TEST(YamlReader, MergedValuesKeepTheirPlace) {
  const Parsed parsed = parse("a: &a\n  x: 1\nb: {<<: *a}\n");
  const DocEntry& x = parsed.doc.find("b")->entries.front();
  EXPECT_EQ(x.key_pos, (SourcePos{"t", 2, 3, 1}));
  EXPECT_EQ(x.value.pos, (SourcePos{"t", 2, 6, 1}));
  EXPECT_TRUE(x.merged);
}

TEST(YamlReader, PlacesCountBytesAndQuotes) {
  const Parsed parsed = parse("n: \"a\\tb\"\nm: 'c'\n");
  EXPECT_EQ(parsed.doc.find("n")->scalar, "a\tb");
  EXPECT_EQ(parsed.doc.find("n")->pos, (SourcePos{"t", 1, 4, 6}));
  EXPECT_EQ(parsed.doc.find("m")->pos, (SourcePos{"t", 2, 4, 3}));
  EXPECT_TRUE(parsed.doc.find("m")->quoted);
}

TEST(YamlReader, DuplicatesAreFoundAtEveryDepth) {
  EXPECT_EQ(parse("a: 1\na: 2\n").error, "the key 'a' stands twice");
  EXPECT_EQ(parse("a: [{b: {c: 1, c: 2}}]\n").error, "the key 'c' stands twice");
  EXPECT_EQ(parse("a: {b: 1}\nc: {b: 1}\n").error, "");
}

TEST(YamlReader, DepthIsLimited) {
  EXPECT_EQ(parse("a: " + nested(kMaxDepth - 1)).error, "");
  EXPECT_EQ(parse("a: " + nested(kMaxDepth)).error, "nested deeper than 32 levels");
  EXPECT_EQ(parse(nested(200'000)).error, "nested deeper than 32 levels");
}

TEST(YamlReader, AliasesCountAsWhatTheyStandFor) {
  const std::string ten = "[0, 0, 0, 0, 0, 0, 0, 0, 0, 0]";
  const std::string a = "a: &a " + ten + "\n", b = "b: &b [*a, *a, *a, *a, *a, *a, *a, *a, *a, *a]\n";
  const std::string c = "c: &c [*b, *b, *b, *b, *b, *b, *b, *b, *b, *b]\n";
  EXPECT_EQ(parse(a + b + c).error, "");
  const std::string bomb = "d: [*c, *c, *c, *c, *c, *c, *c, *c, *c, *c, *c, *c, *c, *c, *c, *c, *c, *c, *c, *c]\n";
  EXPECT_NE(parse(a + b + c + bomb + "e: [*c, *c, *c, *c, *c, *c, *c, *c, *c, *c, *c, *c, *c, *c, *c, *c, *c]\n").error,
            "");
}

TEST(YamlReader, NamesAndScalarsAreLimited) {
  EXPECT_EQ(parse(std::string(kMaxNameLength, 'a') + ": 1").error, "");
  EXPECT_NE(parse(std::string(kMaxNameLength + 1, 'a') + ": 1").error, "");
  EXPECT_EQ(parse("a: " + std::string(kMaxScalarBytes, 'x')).error, "");
  EXPECT_NE(parse("a: " + std::string(kMaxScalarBytes + 1, 'x')).error, "");
}

TEST(YamlReader, Utf8IsCheckedStrictly) {
  EXPECT_EQ(parse("a: \xC3\xA9\xE2\x82\xAC\xF0\x9F\x8C\xB1").error, "");
  for (const char* bad : {"\xC0\x80", "\xE0\x80\x80", "\xED\xA0\x80", "\xF5\x80\x80\x80", "\x80", "\xC3"})
    EXPECT_NE(parse(std::string("a: ") + bad).error.find("is not UTF-8"), std::string::npos);
}

TEST(YamlReader, EmptyTextIsANullDocument) {
  EXPECT_TRUE(parse("# only a comment\n").doc.is_null());
  EXPECT_EQ(parse("# only a comment\n").doc.pos.line, 0);
}

}  // namespace

}  // namespace cleave
