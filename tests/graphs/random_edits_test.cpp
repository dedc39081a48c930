// Damaged models: whatever a slip of the finger makes of a file, reading it ends in a model or in mistakes with places.
#include <algorithm>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "tests/support/models.h"

namespace cleave {

namespace {

struct Edit {
  int kind = 0;  // delete, insert, replace
  std::size_t at = 0;
  char byte = 0;
};

Edit random_edit(std::size_t size) {
  const std::string signs = "abz019 -:,[]{}&*#'\"\n\t|>?!%@`<.\\~\x01\xC3\xFF";
  return {*rc::gen::inRange(0, 3), *rc::gen::inRange<std::size_t>(0, std::max<std::size_t>(size, 1)),
          *rc::gen::elementOf(signs)};
}

void change(const Edit& edit, std::string& text) {
  const std::size_t at = std::min(edit.at, text.size());
  if (edit.kind == 1) text.insert(at, 1, edit.byte);
  else if (at < text.size() && edit.kind == 0) text.erase(at, 1);
  else if (at < text.size()) text[at] = edit.byte;
}

bool place_exists(const SourcePos& pos, const std::string& text) {
  const auto lines = 1 + std::count(text.begin(), text.end(), '\n');
  return pos.line >= 0 && pos.line <= lines && pos.length >= 1 && (pos.line == 0 || pos.col >= 1);
}

// Reads the text; every mistake must have a place in it.
void expect_model_or_mistakes(const std::string& text) {
  for (const Diagnostic& mistake : mistakes_in(text)) {
    RC_ASSERT(!mistake.message.empty());
    if (mistake.pos.file == "test.yaml") RC_ASSERT(place_exists(mistake.pos, text));
  }
}

RC_GTEST_PROP(RandomEdits, GiveAModelOrMistakesWithPlaces, ()) {
  const std::vector<std::filesystem::path> files = all_model_files();
  std::string text = text_of(*rc::gen::elementOf(files));
  const int edits = *rc::gen::inRange(1, 6);
  for (int i = 0; i < edits; ++i) change(random_edit(text.size()), text);
  expect_model_or_mistakes(text);
}

TEST(RandomEdits, EveryCutLeavesAModelOrMistakes) {
  const std::string text = text_of(std::filesystem::path(CLEAVE_SOURCE_DIR) / "tests/models/everything.yaml");
  for (std::size_t end = 0; end < text.size(); end += 7)
    for (const Diagnostic& mistake : mistakes_in(text.substr(0, end)))
      EXPECT_TRUE(place_exists(mistake.pos, text)) << end << ": " << mistake.message;
}

}  // namespace

}  // namespace cleave
