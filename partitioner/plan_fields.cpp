#include "partitioner/plan_fields.h"

#include <array>

#include "graphs/check_doc.h"

namespace cleave {

namespace {

constexpr double kMostBytes = 1125899906842624.0;
constexpr double kMostWork = 9e18;
constexpr const char* kInfinite = "infinite";

constexpr FieldDef need(FieldDef field) {
  field.required = true;
  return field;
}
constexpr FieldDef text(const char* name, const char* doc) { return {name, Kind::text, doc}; }
constexpr FieldDef whole(const char* name, double min, double max, const char* doc) {
  return {name, Kind::integer, doc, nullptr, true, min, max};
}
constexpr FieldDef number(const char* name, const char* doc) {
  return {name, Kind::real, doc, nullptr, true, 0, kInfinity, Unit::none, kInfinite};
}
constexpr FieldDef seconds(const char* name, const char* doc) {
  return {name, Kind::quantity, doc, nullptr, true, 0, kInfinity, Unit::seconds, kInfinite};
}
constexpr FieldDef joules(const char* name, const char* doc) {
  return {name, Kind::quantity, doc, nullptr, true, 0, kInfinity, Unit::joules, kInfinite};
}
constexpr FieldDef bytes(const char* name, const char* doc) {
  return {name, Kind::quantity, doc, nullptr, true, 0, kMostBytes, Unit::bytes};
}
constexpr FieldDef estimate(const char* name) { return {name, Kind::boolean, "true: not measured", "false"}; }

constexpr std::array kRows = {
    whole("version", 1, 1, "version of the language: 1"),
    text("model", "the model's name, for people"),
    need(text("graph", "hash of the network it is a plan of")),
    need(text("objective", "what it was made for")),
    need(text("cost_model", "how its figures come about")),
    whole("batch", 1, 1048576, "samples in a frame"),
    FieldDef{"split", Kind::record, "the split of the head; none if not given"},
    need(text("split.kind", "branches, filters or tiles")),
    whole("split.ways", 2, 64, "shares"),
    need(text("split.to", "the last layer of the head")),
    text("misfit", "why it may not be run"),
    need(FieldDef{"stages", Kind::records, "who does what, shares first"}),
    need(text("stages.device", "who")),
    FieldDef{"stages.share", Kind::integer, "which share of a split head", nullptr, false, 1, 64},
    FieldDef{"stages.nodes", Kind::texts, "what: names, and runs FIRST .. LAST in the graph's order"},
    seconds("stages.compute", "of one frame"),
    estimate("stages.estimate"),
    whole("stages.work", 0, kMostWork, "multiply-adds of one frame"),
    bytes("stages.memory", "needed"),
    bytes("stages.memory_limit", "that the device has for it"),
    joules("stages.joules", "of one frame"),
    need(FieldDef{"cuts", Kind::records, "what travels"}),
    text("cuts.source", "the device that holds the input"),
    text("cuts.from", "the stage's device"),
    need(text("cuts.to", "the stage's device")),
    FieldDef{"cuts.tensors", Kind::texts, "outputs of these nodes", nullptr, true},
    bytes("cuts.bytes", "on the wire, of one frame"),
    seconds("cuts.seconds", "of one frame"),
    estimate("cuts.estimate"),
    seconds("cuts.latency", "of these"),
    need(FieldDef{"score", Kind::record, "what it comes to"}),
    seconds("score.period", "between two frames"),
    seconds("score.latency", "of one frame, end to end"),
    joules("score.joules", "of one frame"),
    number("score.frames", "until the first battery is empty"),
    number("score.frames_per_joule", "of each card's battery"),
    number("score.balance", "shortest over longest stage"),
    whole("score.devices", 0, 64, "that take part"),
    FieldDef{"score.accuracy", Kind::real, "as measured", nullptr, false, 0, 1},
    number("score.value", "of the objective"),
    number("score.bound", "no plan is better"),
    need(FieldDef{"score.optimal", Kind::boolean, "proven"}),
};

}  // namespace

void check_plan_fields(DocNode& doc, Diagnostics& found) { check_fields(doc, kRows, "a plan", found); }

}  // namespace cleave
