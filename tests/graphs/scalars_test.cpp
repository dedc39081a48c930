#include "graphs/scalars.h"

#include <cmath>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace cleave {

namespace {

FieldDef field_of(Kind kind, Unit unit = Unit::none) {
  FieldDef field{"x", kind, "a test"};
  field.unit = unit;
  return field;
}

double quantity(const std::string& text, Unit unit) {
  const ScalarResult result = read_scalar(text, false, field_of(Kind::quantity, unit), "x");
  const auto* value = std::get_if<ParamValue>(&result);
  return value == nullptr ? NAN : std::get<double>(*value);
}

// What is suggested for a text with a fault; "fine" for one without.
std::string suggestion(const std::string& text, const FieldDef& field, bool quoted = false) {
  const ScalarResult result = read_scalar(text, quoted, field, "x");
  const auto* fault = std::get_if<ScalarFault>(&result);
  return fault == nullptr ? "fine" : fault->suggestion;
}

bool reads(const std::string& text, const FieldDef& field) { return suggestion(text, field) == "fine"; }

TEST(Scalars, SizesAreExactInBothSystems) {
  EXPECT_EQ(quantity("2GiB", Unit::bytes), 2147483648.0);
  EXPECT_EQ(quantity("2GB", Unit::bytes), 2e9);
  EXPECT_EQ(quantity("400MiB", Unit::bytes), 419430400.0);
  EXPECT_EQ(quantity("0.5kB", Unit::bytes), 500.0);
}

TEST(Scalars, DataRatesAreInBits) {
  EXPECT_EQ(quantity("40Mbit/s", Unit::bits_per_s), 4e7);
  EXPECT_EQ(quantity("40MB/s", Unit::bits_per_s), 3.2e8);
  EXPECT_EQ(quantity("1Gbit/s", Unit::bits_per_s), 1e9);
}

TEST(Scalars, TimesPowersAndEnergiesAreInTheirBaseUnits) {
  EXPECT_DOUBLE_EQ(quantity("2ms", Unit::seconds), 0.002);
  EXPECT_EQ(quantity("5min", Unit::seconds), 300.0);
  EXPECT_DOUBLE_EQ(quantity("500mW", Unit::watts), 0.5);
  EXPECT_EQ(quantity("10Wh", Unit::joules), 36000.0);
}

TEST(Scalars, SpeedsSharesAndRates) {
  EXPECT_EQ(quantity("8GFLOP/s", Unit::flops), 8e9);
  EXPECT_EQ(quantity("60Gop/s", Unit::ops), 6e10);
  EXPECT_DOUBLE_EQ(quantity("80%", Unit::share), 0.8);
  EXPECT_EQ(quantity("30/s", Unit::per_s), 30.0);
}

TEST(Scalars, UnitsAreCaseSensitiveAndOfOneKind) {
  EXPECT_TRUE(std::isnan(quantity("2gib", Unit::bytes)));
  EXPECT_TRUE(std::isnan(quantity("2ms", Unit::bytes)));
  EXPECT_TRUE(std::isnan(quantity("2 GiB", Unit::bytes)));
  EXPECT_TRUE(std::isnan(quantity("2", Unit::bytes)));
}

TEST(Scalars, NumbersAreStrict) {
  for (const char* bad : {"010", "1_000", "0x10", "+1", "1.0", "1e3", "", " 1", "1 ", "--1", "-"})
    EXPECT_FALSE(reads(bad, field_of(Kind::integer))) << bad;
  for (const char* bad : {".5", "5.", ".nan", ".inf", "nan", "inf", "1e999", "00.5", "1e", "0x1p3", "1,5"})
    EXPECT_FALSE(reads(bad, field_of(Kind::real))) << bad;
  for (const char* good : {"0", "-3", "9007199254740993"}) EXPECT_TRUE(reads(good, field_of(Kind::integer))) << good;
  for (const char* good : {"0", "-0.5", "3.16e-4", "1E6", "2"}) EXPECT_TRUE(reads(good, field_of(Kind::real))) << good;
}

TEST(Scalars, BooleansAreTrueAndFalseOnly) {
  for (const char* bad : {"yes", "no", "on", "off", "True", "FALSE", "1", "0", "y"})
    EXPECT_FALSE(reads(bad, field_of(Kind::boolean))) << bad;
  EXPECT_TRUE(reads("true", field_of(Kind::boolean)));
  EXPECT_EQ(suggestion("off", field_of(Kind::boolean)), "false");
}

TEST(Scalars, SuggestsWhatWasMeant) {
  EXPECT_EQ(suggestion("010", field_of(Kind::integer)), "10");
  EXPECT_EQ(suggestion("1_000", field_of(Kind::integer)), "1000");
  EXPECT_EQ(suggestion("0x10", field_of(Kind::integer)), "16");
  EXPECT_EQ(suggestion("3.0", field_of(Kind::integer)), "3");
  EXPECT_EQ(suggestion(".5", field_of(Kind::real)), "0.5");
  EXPECT_EQ(suggestion("512", field_of(Kind::integer), true), "512");
}

TEST(Scalars, SuggestsUnitsAsOthersWriteThem) {
  EXPECT_EQ(suggestion("40Mbps", field_of(Kind::quantity, Unit::bits_per_s)), "40Mbit/s");
  EXPECT_EQ(suggestion("2gb", field_of(Kind::quantity, Unit::bytes)), "2GB");
  EXPECT_EQ(suggestion("2 GiB", field_of(Kind::quantity, Unit::bytes)), "2GiB");
  EXPECT_EQ(suggestion("0.8", field_of(Kind::quantity, Unit::share)), "80%");
  EXPECT_EQ(suggestion("30fps", field_of(Kind::quantity, Unit::per_s)), "30/s");
}

TEST(Scalars, RangesHoldAndSuggestTheirBound) {
  FieldDef field = field_of(Kind::integer);
  field.min = 1;
  field.max = 65535;
  EXPECT_EQ(suggestion("0", field), "1");
  EXPECT_EQ(suggestion("70000", field), "65535");
  EXPECT_EQ(suggestion("99999999999999999999", field), "65535");
}

TEST(Scalars, WordsStandBesideNumbers) {
  FieldDef field = field_of(Kind::integer);
  field.words = "auto";
  EXPECT_TRUE(reads("auto", field));
  EXPECT_TRUE(reads("12", field));
  EXPECT_EQ(suggestion("aut", field), "auto");
}

RC_GTEST_PROP(Scalars, IntegersRoundTrip, (std::int64_t number)) {
  const ScalarResult result = read_scalar(fmt::format("{}", number), false, field_of(Kind::integer), "x");
  RC_ASSERT(std::get<std::int64_t>(std::get<ParamValue>(result)) == number);
}

RC_GTEST_PROP(Scalars, FiniteRealsRoundTrip, (double number)) {
  RC_PRE(std::isfinite(number));
  const ScalarResult result = read_scalar(fmt::format("{}", number), false, field_of(Kind::real), "x");
  RC_ASSERT(std::get<double>(std::get<ParamValue>(result)) == number);
}

RC_GTEST_PROP(Scalars, QuantitiesRoundTrip, (std::uint32_t number)) {
  const std::string text = fmt::format("{}MiB", number);
  RC_ASSERT(quantity(text, Unit::bytes) == static_cast<double>(number) * 1048576.0);
}

RC_GTEST_PROP(Scalars, EverySuggestionIsValid, (std::string text)) {
  for (const Kind kind : {Kind::integer, Kind::real, Kind::boolean, Kind::quantity}) {
    FieldDef field = field_of(kind, Unit::seconds);
    field.min = 0;
    field.max = 50;
    const std::string better = suggestion("1" + text, field);
    if (better != "fine" && !better.empty()) RC_ASSERT(reads(better, field));
  }
}

}  // namespace

}  // namespace cleave
