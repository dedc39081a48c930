#include "graphs/model_reader.h"

#include <gtest/gtest.h>

#include "engine/cli/command.h"
#include "graphs/doc_text.h"
#include "graphs/graph_text.h"
#include "tests/support/files.h"
#include "tests/support/models.h"

namespace cleave {

namespace {

constexpr const char* kModel =
    "version: 1\nnetwork:\n  input: {vector: 4}\n  loss: {mse: {reduce: sum}}\n  layers: [{dense: {units: 2}}]\n";

TEST(Includes, AreMergedKeyByKey) {
  const TestFolder folder;
  folder.write("b.yaml", to_bytes("version: 1\nname: b\ntraining: {epochs: 7}\n"));
  folder.write("a.yaml", to_bytes(std::string(kModel) + "name: a\ninclude: [b.yaml]\ntraining: {batch: 16}\n"));
  const Model model = load_model(folder.path("a.yaml"), cleave_language());
  EXPECT_EQ(model.reading.spec.name, "a");
  EXPECT_EQ(model.reading.spec.training.epochs, 7);
  EXPECT_EQ(model.reading.spec.training.batch, 16);
}

TEST(Includes, AreRelativeToTheFileThatNamesThem) {
  const TestFolder folder;
  folder.write("parts/c.yaml", to_bytes("version: 1\ntraining: {epochs: 9}\n"));
  folder.write("parts/b.yaml", to_bytes("version: 1\ninclude: c.yaml\n"));
  folder.write("a.yaml", to_bytes(std::string(kModel) + "include: parts/b.yaml\n"));
  EXPECT_EQ(load_model(folder.path("a.yaml"), cleave_language()).reading.spec.training.epochs, 9);
}

TEST(Set, ChangesAValueAndRecordsIt) {
  const Model model = model_of(kModel, {"training.epochs=5", "network.layers.0.dense.units=3"});
  EXPECT_EQ(model.reading.spec.training.epochs, 5);
  EXPECT_EQ(model.graph.nodes[1].type.shape, Shape{3});
  EXPECT_EQ(find_path(model.reading.doc, "training.epochs")->origin, "--set training.epochs=5");
}

TEST(Set, TheLastOneWins) {
  EXPECT_EQ(model_of(kModel, {"training.epochs=5", "training.epochs=6"}).reading.spec.training.epochs, 6);
}

TEST(Set, MistakesPointIntoTheArgument) {
  const std::vector<Diagnostic> found = mistakes_in(kModel, {"trainin.epochs=5"});
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].pos, (SourcePos{"--set trainin.epochs", 1, 1, 7}));
  EXPECT_EQ(found[0].suggestion, "training");
  EXPECT_EQ(mistakes_in(kModel, {"training.epochs=x"})[0].pos, (SourcePos{"--set training.epochs", 1, 17, 1}));
  EXPECT_EQ(mistakes_in(kModel, {"network.layers.5.dense.units=3"}).size(), 1U);
}

TEST(Set, NeedsAPathAndAValue) {
  for (const char* bad : {"training.epochs", "=3", "training.epochs=", "a b=3", "\x01=2"})
    EXPECT_THROW(model_of(kModel, {bad}), UserError) << bad;
}

TEST(Presets, FillWhatIsNotGiven) {
  const ModelSpec spec = model_of(std::string(kModel) + "training: {preset: as_published, batch: 64}\n").reading.spec;
  EXPECT_EQ(spec.training.batch, 64);
  EXPECT_EQ(spec.training.epochs, 5);
  EXPECT_EQ(spec.training.lambda, 100000);
}

TEST(Defaults, AreInPlaceAndMarked) {
  const Model model = model_of(kModel);
  EXPECT_EQ(model.reading.spec.inference.in_flight, 4);
  EXPECT_EQ(find_path(model.reading.doc, "inference.in_flight")->origin, "default");
  EXPECT_EQ(model.reading.spec.name, "test");
}

TEST(ShowSpec, PassesCheckAndShowsTheSameAgain) {
  for (const std::filesystem::path& file : all_model_files()) {
    const std::string once = doc_to_yaml(load_model(file.string(), cleave_language()).reading.doc, false);
    EXPECT_EQ(doc_to_yaml(model_of(once).reading.doc, false), once) << file;
  }
}

TEST(ShowSpec, OriginsAreComments) {
  for (const std::filesystem::path& file : all_model_files()) {
    const DocNode doc = load_model(file.string(), cleave_language()).reading.doc;
    EXPECT_EQ(doc_to_yaml(model_of(doc_to_yaml(doc, true)).reading.doc, false), doc_to_yaml(doc, false)) << file;
  }
}

TEST(ShowSpec, TextsAreQuotedWhereYamlWouldMisread) {
  for (const char* name :
       {"null", "~", "a: b", "a #b", "- a", "&a", "*a", "'", "\"", "\\", "{", "a,b", "!x", "<<", "%"}) {
    const std::string quoted =
        std::string("description: ") + (std::string(name) == "'" ? "\"'\"" : "'" + std::string(name) + "'");
    const std::string once = doc_to_yaml(model_of(kModel + quoted + "\n").reading.doc, false);
    EXPECT_EQ(model_of(once).reading.spec.description, name) << once;
  }
}

TEST(ShowSpec, IsAsRecorded) {
  const std::string text = text_of(std::filesystem::path(CLEAVE_SOURCE_DIR) / "tests/models/hybrid.yaml");
  const std::string shown = doc_to_yaml(model_of(text).reading.doc, false);
  EXPECT_EQ(shown, golden("hybrid_spec.txt", shown));
}

TEST(ShowGraph, IsAsRecorded) {
  const std::string text = text_of(std::filesystem::path(CLEAVE_SOURCE_DIR) / "tests/models/hybrid.yaml");
  const std::string shown = to_text(model_of(text).graph);
  EXPECT_EQ(shown, golden("hybrid_graph.txt", shown));
}

}  // namespace

}  // namespace cleave
