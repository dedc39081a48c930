#include "ops/core/params.h"

#include <type_traits>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace cleave {

void Params::set(std::string name, ParamValue value) {
  for (auto& [known, old] : values_)
    if (known == name) {
      old = std::move(value);
      return;
    }
  values_.emplace_back(std::move(name), std::move(value));
}

const ParamValue* Params::get(std::string_view name) const {
  for (const auto& [known, value] : values_)
    if (known == name) return &value;
  return nullptr;
}

std::int64_t Params::integer(std::string_view name, std::int64_t fallback) const {
  const ParamValue* value = get(name);
  const auto* number = value == nullptr ? nullptr : std::get_if<std::int64_t>(value);
  return number == nullptr ? fallback : *number;
}

double Params::real(std::string_view name, double fallback) const {
  const ParamValue* value = get(name);
  if (value == nullptr) return fallback;
  if (const auto* number = std::get_if<double>(value)) return *number;
  if (const auto* number = std::get_if<std::int64_t>(value)) return static_cast<double>(*number);
  return fallback;
}

bool Params::boolean(std::string_view name, bool fallback) const {
  const ParamValue* value = get(name);
  const auto* flag = value == nullptr ? nullptr : std::get_if<bool>(value);
  return flag == nullptr ? fallback : *flag;
}

std::string Params::text(std::string_view name, std::string fallback) const {
  const ParamValue* value = get(name);
  const auto* string = value == nullptr ? nullptr : std::get_if<std::string>(value);
  return string == nullptr ? std::move(fallback) : *string;
}

std::vector<std::int64_t> Params::integers(std::string_view name) const {
  const ParamValue* value = get(name);
  const auto* list = value == nullptr ? nullptr : std::get_if<std::vector<std::int64_t>>(value);
  return list == nullptr ? std::vector<std::int64_t>{} : *list;
}

std::string to_text(const ParamValue& value) {
  return std::visit(
      [](const auto& v) -> std::string {
        using T = std::decay_t<decltype(v)>;
        if constexpr (std::is_same_v<T, std::string>) return v;
        else if constexpr (std::is_same_v<T, std::vector<std::int64_t>> || std::is_same_v<T, std::vector<double>>)
          return fmt::format("[{}]", fmt::join(v, ", "));
        else return fmt::format("{}", v);
      },
      value);
}

std::string to_text(const Params& params) {
  std::string text;
  for (const auto& [name, value] : params.all())
    text += fmt::format("{}{}: {}", text.empty() ? "" : ", ", name, to_text(value));
  return text;
}

std::string to_text(const Law& law) {
  return law.params.all().empty() ? law.name : fmt::format("{}: {{{}}}", law.name, to_text(law.params));
}

}  // namespace cleave
