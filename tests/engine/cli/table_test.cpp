#include "engine/cli/table.h"

#include <gtest/gtest.h>

namespace cleave {
namespace {

const Table kTable{{"module", "λ", "what"}, {{"m1", "100", "cold, so cold"}, {"m22", "7", "-"}}};

TEST(TableText, NumbersStandRightAndWordsLeft) {
  EXPECT_EQ(to_text(kTable, "text"),
            "module    λ  what\n"
            "m1      100  cold, so cold\n"
            "m22       7  -\n");
}

TEST(TableText, CsvQuotesWhatHoldsAComma) {
  EXPECT_EQ(to_text(kTable, "csv"), "module,λ,what\nm1,100,\"cold, so cold\"\nm22,7,-\n");
}

TEST(TableText, MarkdownSaysTheAlignment) {
  EXPECT_EQ(to_text(kTable, "md"),
            "| module |   λ | what          |\n"
            "|--------|----:|---------------|\n"
            "| m1     | 100 | cold, so cold |\n"
            "| m22    |   7 | -             |\n");
}

}  // namespace
}  // namespace cleave
