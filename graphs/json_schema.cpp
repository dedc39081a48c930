#include "graphs/json_schema.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "graphs/scalars.h"

namespace cleave {

namespace {

using Json = nlohmann::ordered_json;

Json words_of(const char* words) {
  Json list = Json::array();
  std::string_view rest = words;
  while (!rest.empty()) {
    const std::size_t end = rest.find('|');
    list.push_back(std::string(rest.substr(0, end)));
    rest = end == std::string_view::npos ? "" : rest.substr(end + 1);
  }
  return {{"enum", list}};
}

Json with_range(Json schema, const FieldDef& field) {
  if (std::isfinite(field.min)) schema["minimum"] = field.min;
  if (std::isfinite(field.max)) schema["maximum"] = field.max;
  return schema;
}

Json list_of(Json items) { return {{"type", "array"}, {"items", std::move(items)}}; }
Json reference(const std::string& name) { return {{"$ref", "#/definitions/" + name}}; }
Json any_of(std::vector<Json> schemas) { return {{"anyOf", std::move(schemas)}}; }

class SchemaWriter {
 public:
  explicit SchemaWriter(const Language& language) : language_(language) {}

  Json write() {
    Json root = {{"$schema", "http://json-schema.org/draft-07/schema#"}, {"title", "cleave model, version 1"}};
    root.update(map_schema(language_tree()));
    root["patternProperties"] = {{"^x-", Json::object()}};
    Json& definitions = root["definitions"];
    definitions["layers"] = any_of({list_of(reference("layer")), map_schema(part_tree())});
    definitions["layer"] = layer_schema();
    for (const char* catalog : {"priors", "proposals", "selectors", "losses", "datasets", "presets"})
      definitions[catalog] = law_schema(catalog);
    return root;
  }

 private:
  Json map_schema(const FieldTree& tree) {
    Json schema = {{"type", "object"}, {"additionalProperties", false}};
    Json properties = Json::object();
    Json required = Json::array();
    for (const FieldTree& next : tree.children) {
      if (next.key == "*") {
        schema["additionalProperties"] = value_schema(next);
        continue;
      }
      properties[std::string(next.key)] = value_schema(next);
      if (next.field->required) required.push_back(std::string(next.key));
    }
    schema["properties"] = properties;
    if (!required.empty()) schema["required"] = required;
    return schema;
  }

  Json value_schema(const FieldTree& tree) {
    const FieldDef& field = *tree.field;
    Json schema = kind_schema(tree);
    if (field.words != nullptr && field.kind != Kind::word) schema = any_of({schema, words_of(field.words)});
    schema["description"] = field.doc;
    if (field.fallback != nullptr && field.kind != Kind::record) schema["default"] = field.fallback;
    return schema;
  }

  Json kind_schema(const FieldTree& tree) {
    const FieldDef& field = *tree.field;
    switch (field.kind) {
      case Kind::integer: return with_range({{"type", "integer"}}, field);
      case Kind::real: return with_range({{"type", "number"}}, field);
      case Kind::boolean: return {{"type", "boolean"}};
      case Kind::text: return {{"type", Json::array({"string", "number", "boolean"})}};
      case Kind::word: return words_of(field.words);
      case Kind::quantity: return {{"type", "string"}, {"pattern", pattern_of(field)}};
      case Kind::integers: return list_of(with_range({{"type", "integer"}}, field));
      case Kind::reals: return list_of(with_range({{"type", "number"}}, field));
      case Kind::texts: return any_of({{{"type", "string"}}, list_of({{"type", "string"}})});
      case Kind::record:
      case Kind::table: return map_schema(tree);
      case Kind::records: return tree.key == "branches" ? list_of(reference("layers")) : list_of(map_schema(tree));
      case Kind::law: return reference(field.catalog);
      case Kind::layers: return reference("layers");
      case Kind::any: return Json::object();
    }
    return Json::object();
  }

  Json law_params(const LawDef& law) {
    const FieldTree tree = field_tree(law.fields);
    Json params = map_schema(tree);
    params["description"] = law.doc;
    if (law.shorthand == nullptr) return params;
    return any_of({params, value_schema(*tree.child(law.shorthand))});
  }

  Json law_schema(const std::string& catalog) {
    Json names = Json::array();
    Json properties = Json::object();
    for (const LawDef& law : language_.laws(catalog)) {
      properties[law.name] = law_params(law);
      const bool bare =
          std::none_of(law.fields.begin(), law.fields.end(), [](const FieldDef& f) { return f.required; });
      if (bare) names.push_back(law.name);
    }
    const Json one = {{"type", "object"},
                      {"properties", properties},
                      {"additionalProperties", false},
                      {"minProperties", 1},
                      {"maxProperties", 1}};
    const Json bare = {{"enum", names}};
    std::vector<Json> forms;
    if (!names.empty()) forms.push_back(bare);
    forms.push_back(one);
    if (catalog == "selectors") {
      Json by_op = Json::object();
      for (const OpDef& op : language_.ops) by_op[op.name] = reference("selectors");
      forms.push_back({{"type", "object"}, {"properties", by_op}, {"additionalProperties", false}});
    }
    return any_of(forms);
  }

  void add_op(const char* name, const char* doc, std::span<const FieldDef> fields, Json& names, Json& properties) {
    Json params = map_schema(field_tree(fields));
    const bool bare = !params.contains("required");
    if (bare) {
      names.push_back(name);
      params["type"] = Json::array({"object", "null"});
    }
    params["description"] = doc;
    properties[name] = params;
  }

  Json layer_schema() {
    Json names = Json::array();
    Json properties = Json::object();
    for (const OpDef& op : language_.ops) add_op(op.name, op.doc, op.fields, names, properties);
    for (const BlockDef& block : block_catalog()) add_op(block.name, block.doc, block.fields, names, properties);
    Json ops = Json::array();  // one of them is needed
    for (const auto& [name, schema] : properties.items()) ops.push_back({{"required", Json::array({name})}});
    const FieldTree keys = layer_tree();
    for (const FieldTree& key : keys.children) properties[std::string(key.key)] = value_schema(key);
    return any_of({{{"enum", names}},
                   {{"type", "object"}, {"properties", properties}, {"additionalProperties", false}, {"oneOf", ops}}});
  }

  const Language& language_;
};

std::string kind_text(const FieldDef& field) {
  std::string words = field.words == nullptr ? "" : field.words;
  const auto with_words = [&](const std::string& kind) { return words.empty() ? kind : kind + " or " + words; };
  switch (field.kind) {
    case Kind::integer: return with_words("whole number");
    case Kind::real: return with_words("number");
    case Kind::boolean: return "true or false";
    case Kind::text: return "text";
    case Kind::word: return words;
    case Kind::quantity: return with_words(fmt::format("quantity, e.g. {}", example_of(field.unit)));
    case Kind::integers: return "list of whole numbers";
    case Kind::reals: return "list of numbers";
    case Kind::texts: return "list of texts";
    case Kind::record: return with_words("map");
    case Kind::records: return "list of maps";
    case Kind::table: return "map by name";
    case Kind::law: return fmt::format("one of the {}", field.catalog);
    case Kind::layers: return "list of layers";
    case Kind::any: return "any";
  }
  return "";
}

void write_rows(const FieldTree& tree, const std::string& path, std::string& text) {
  for (const FieldTree& next : tree.children) {
    const std::string name = path.empty() ? std::string(next.key) : fmt::format("{}.{}", path, next.key);
    std::string words = kind_text(*next.field);
    for (std::size_t at = 0; (at = words.find('|', at)) != std::string::npos; at += 2) words.replace(at, 1, "\\|");
    const bool has_default = next.field->fallback != nullptr && next.field->kind != Kind::record;
    text += fmt::format("| `{}` | {} | {} | {} |\n", name, words,
                        next.field->required ? "required"
                        : has_default        ? next.field->fallback
                                             : "",
                        next.field->doc);
    write_rows(next, name, text);
  }
}

constexpr const char* kHead = "| key | kind | default | what |\n|---|---|---|---|\n";

void write_named(const char* name, const char* doc, std::span<const FieldDef> fields, std::string& text) {
  text += fmt::format("\n**{}**: {}\n", name, doc);
  if (fields.empty()) return;
  text += fmt::format("\n{}", kHead);
  write_rows(field_tree(fields), "", text);
}

}  // namespace

std::string json_schema(const Language& language) { return SchemaWriter(language).write().dump(2) + "\n"; }

std::string language_reference(const Language& language) {
  std::string text = fmt::format("# The model language, version 1\n\n## Keys\n\n{}", kHead);
  write_rows(language_tree(), "", text);
  text += fmt::format("\n## Keys of a layer, beside its op\n\n{}", kHead);
  write_rows(layer_tree(), "", text);
  text += fmt::format("\n## Keys of a body, head or branch written as a map\n\n{}", kHead);
  write_rows(part_tree(), "", text);
  text += "\n## Ops\n";
  for (const OpDef& op : language.ops) write_named(op.name, op.doc, op.fields, text);
  for (const BlockDef& block : block_catalog()) write_named(block.name, block.doc, block.fields, text);
  for (const char* catalog : {"priors", "proposals", "selectors", "losses", "datasets", "presets"}) {
    text += fmt::format("\n## The {}\n", catalog);
    for (const LawDef& law : language.laws(catalog)) write_named(law.name, law.doc, law.fields, text);
  }
  return text;
}

}  // namespace cleave
