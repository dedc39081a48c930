#include "graphs/json_schema.h"

#include <algorithm>
#include <array>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <valijson/adapters/nlohmann_json_adapter.hpp>
#include <valijson/schema.hpp>
#include <valijson/schema_parser.hpp>
#include <valijson/validator.hpp>

#include "engine/cli/command.h"
#include "engine/mcmc/defaults.h"
#include "graphs/doc_text.h"
#include "graphs/scalars.h"
#include "tests/support/models.h"

namespace cleave {

namespace {

using Json = nlohmann::json;
using Adapter = valijson::adapters::NlohmannJsonAdapter;

// A document as it is written, before the language has seen it.
Json json_of(const std::string& text) {
  Sources sources;
  sources.add("t", text);
  Diagnostics found(sources);
  const DocNode doc = parse_yaml("t", text, found);
  found.throw_if_any();
  return Json::parse(doc_to_json(doc));
}

class JsonSchema : public testing::Test {
 protected:
  JsonSchema() {
    const Json text = Json::parse(json_schema(cleave_language()));
    const Adapter adapter(text);
    valijson::SchemaParser(valijson::SchemaParser::kDraft7).populateSchema(adapter, schema_);
  }

  bool accepts(const std::string& text) const {
    const Json document = json_of(text);
    const Adapter adapter(document);
    return valijson::Validator().validate(schema_, adapter, nullptr);
  }

  valijson::Schema schema_;
};

// Mistakes that a schema can see, by the start of the file's name.
constexpr std::array kVisible = {
    "unknown_key",      "unknown_word",
    "unknown_op",       "unknown_prior",
    "unknown_loss",     "unknown_dataset",
    "unknown_preset",   "memory_",
    "bandwidth_",       "latency_",
    "battery_",         "compute_",
    "power_",           "checkpoint_",
    "number_with_",     "number_too_",
    "number_in_",       "number_negative",
    "number_for_",      "real_in",
    "real_without",     "list_for_",
    "map_for_l",        "map_for_a_l",
    "map_for_m",        "word_",
    "null_v",           "null_number",
    "version_",         "bias_",
    "loss_without",     "loss_with_t",
    "network_without",  "module_without_name",
    "temperature_w",    "override_w",
    "parameters_of",    "port_",
    "cores_",           "kernel_zero",
    "units_zero",       "seed_",
    "limit_zero",       "quantized_",
    "unknown_selector", "unknown_proposal",
    "unknown_algo",     "layer_without_op",
    "threshold_above",  "rate_",
    "reserve_in",       "prior_in_a_list",
    "empty_prior",      "list_in_layers",
    "top_level_",       "share_w",
    "unit_on_a_plain",  "parameter_beside",
    "image_of_size",    "limit_in_bytes",
};
// Exceptions: what a schema leaves to `check`.
constexpr std::array kHidden = {
    "number_whole_but_written_real", "version_with_point",         "unknown_key_beside_layers",
    "unknown_op_in_select",          "power_compute_below_idle",   "power_idle_below_standby",
    "battery_without_power",         "battery_without_idle_power", "battery_in_an_anchor_without_power"};

bool is_visible(const std::string& name) {
  if (std::any_of(kHidden.begin(), kHidden.end(), [&](const char* hidden) { return name == hidden; })) return false;
  return std::any_of(kVisible.begin(), kVisible.end(), [&](const char* start) { return name.starts_with(start); });
}

TEST_F(JsonSchema, AcceptsEveryModel) {
  ASSERT_FALSE(all_model_files().empty());
  for (const std::filesystem::path& file : all_model_files()) EXPECT_TRUE(accepts(text_of(file))) << file;
}

TEST_F(JsonSchema, RejectsWhatASchemaCanSee) {
  int seen = 0;
  for (const auto& entry : std::filesystem::directory_iterator(CLEAVE_SOURCE_DIR "/tests/errors")) {
    if (entry.path().extension() != ".yaml" || !is_visible(entry.path().stem().string())) continue;
    EXPECT_FALSE(accepts(text_of(entry.path()))) << entry.path().stem();
    ++seen;
  }
  EXPECT_GT(seen, 120);
}

// Calls `visit` with every row of the language: the table, what stands on layers, ops, blocks and laws.
void visit_rows(const FieldTree& tree, const std::function<void(const FieldDef&, bool)>& visit) {
  for (const FieldTree& next : tree.children) {
    ASSERT_NE(next.field, nullptr) << next.key;
    visit(*next.field, next.children.empty());
    visit_rows(next, visit);
  }
}

void visit_language(const std::function<void(const FieldDef&, bool)>& visit) {
  const Language language = cleave_language();
  for (const FieldTree& tree : {language_tree(), layer_tree(), part_tree()}) visit_rows(tree, visit);
  for (const OpDef& op : language.ops) visit_rows(field_tree(op.fields), visit);
  for (const BlockDef& block : block_catalog()) visit_rows(field_tree(block.fields), visit);
  for (const char* catalog : {"priors", "proposals", "selectors", "losses", "datasets", "presets"})
    for (const LawDef& law : language.laws(catalog)) visit_rows(field_tree(law.fields), visit);
}

TEST(Table, EveryRowIsDocumentedAndOrdered) {
  visit_language([](const FieldDef& field, bool) {
    EXPECT_GT(std::string(field.doc).size(), 2U) << field.name;
    EXPECT_LE(field.min, field.max) << field.name;
    EXPECT_EQ(field.kind == Kind::law, field.catalog != nullptr) << field.name;
  });
}

TEST(Table, EveryDefaultIsOfItsKind) {
  visit_language([](const FieldDef& field, bool) {
    if (field.fallback == nullptr || field.kind == Kind::record) return;
    EXPECT_FALSE(field.required) << field.name << " has a default it never needs";
    const ScalarResult result = read_scalar(field.fallback, false, field, field.name);
    EXPECT_TRUE(std::holds_alternative<ParamValue>(result)) << field.name << ": " << field.fallback;
  });
}

TEST(Table, QuantitiesAndOnlyTheyHaveAUnit) {
  visit_language([](const FieldDef& field, bool) {
    EXPECT_EQ(field.kind == Kind::quantity, field.unit != Unit::none) << field.name;
  });
}

TEST(Table, TrainingDefaultsAreThoseOfTheChain) {
  const TrainSpec spec =
      model_of("version: 1\nnetwork:\n  input: {vector: 2}\n  layers: [relu]\n").reading.spec.training;
  EXPECT_EQ(spec.batch, kBatch);
  EXPECT_EQ(spec.pick_body, kPickBody);
  EXPECT_EQ(spec.pick_head, kPickHead);
  EXPECT_EQ(spec.steps, 0);  // auto: the trainer takes kStepsPerBatch
}

TEST(Reference, NamesEveryRow) {
  const std::string page = language_reference(cleave_language());
  visit_language(
      [&](const FieldDef& field, bool) { EXPECT_NE(page.find(field.doc), std::string::npos) << field.name; });
}

}  // namespace

}  // namespace cleave
