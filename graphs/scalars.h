// Strict scalars: the text of one value -> a number, a quantity, a word. Shared by the reader and by `--set`.
#pragma once

#include <string>
#include <string_view>
#include <variant>

#include "ops/core/params.h"

namespace cleave {

// Why a text is not what was wanted, and the text that would be (may be empty).
struct ScalarFault {
  std::string message;     // "memory needs a unit"
  std::string hint;        // "write 2GiB or 2GB"
  std::string suggestion;  // "2GiB"
};

using ScalarResult = std::variant<ParamValue, ScalarFault>;

// Reads `text` as the kind of `field`, which must be a scalar kind. Numbers are decimal and finite, booleans `true` or
// `false`, quantities a number with a unit of the field's kind, converted to its base unit (bytes, bit/s, seconds,
// watts, joules, operations per second, a share of 1); the field's range is checked. `name` is what messages call it.
ScalarResult read_scalar(std::string_view text, bool quoted, const FieldDef& field, const std::string& name);

// Returns the units a field of this kind may have, "2GiB"-like examples first, for messages and the reference page.
std::string example_of(Unit unit);
// Returns the regular expression (ECMA 262) of the quantities a field takes, with the sign it allows and without zero
// where it must be more, for the JSON Schema.
std::string pattern_of(const FieldDef& field);

}  // namespace cleave
