#include "ops/kernels/isa.h"

#include <algorithm>
#include <cstdlib>
#include <string>

#include <gtest/gtest.h>

#include "ops/core/error.h"
#include "ops/kernels/sparse_kernels.h"
#include "ops/kernels/train_kernels.h"

namespace cleave {
namespace {

// CLEAVE_ISA for one test; chosen_isa() has looked at it before.
class IsaVariable : public testing::Test {
 protected:
  IsaVariable() { chosen_isa(); }
  ~IsaVariable() override { unsetenv("CLEAVE_ISA"); }

  std::string refusal(const char* value) {
    setenv("CLEAVE_ISA", value, 1);
    try {
      check_chosen_isa();
    } catch (const UserError& error) {
      return error.what();
    }
    return "";
  }
};

TEST(Isa, EverySupportedSetHasTables) {
  for (const Isa isa : supported_isas()) {
    EXPECT_STREQ(train_kernels_for(to_text(isa))->isa_name, to_text(isa));
    EXPECT_STREQ(sparse_kernels_for(to_text(isa))->isa_name, to_text(isa));
    EXPECT_EQ(isa_of(to_text(isa)), isa);
  }
}

TEST(Isa, SetsOfOtherProcessorsHaveNone) {
  for (const Isa isa : {Isa::avx2, Isa::avx512, Isa::neon})
    EXPECT_EQ(train_kernels_for(to_text(isa)) == nullptr, !is_supported(isa));
  EXPECT_EQ(train_kernels_for("sse"), nullptr);
}

TEST(Isa, TheChosenOneIsSupported) { EXPECT_TRUE(is_supported(chosen_isa())); }

TEST_F(IsaVariable, MayNameWhatIsSupportedOrNothing) {
  EXPECT_EQ(refusal(""), "");
  for (const Isa isa : supported_isas()) EXPECT_EQ(refusal(to_text(isa)), "");
}

TEST_F(IsaVariable, RefusesUnknownNamesAndSaysWhatIsRight) {
  EXPECT_NE(refusal("avx521").find("CLEAVE_ISA=avx521: no such instruction set, did you mean 'avx512'?"),
            std::string::npos);
  EXPECT_NE(refusal("fast").find("can run baseline"), std::string::npos);
}

TEST_F(IsaVariable, RefusesSetsOfOtherProcessors) {
  const char* foreign = is_supported(Isa::neon) ? "avx2" : "neon";
  EXPECT_NE(refusal(foreign).find("have no such instructions; they can run baseline"), std::string::npos);
}

}  // namespace
}  // namespace cleave
