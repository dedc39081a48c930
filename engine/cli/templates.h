// Templates: models that run as they are, to start from; a catalog.
#pragma once

#include <span>

namespace cleave {

struct TemplateDef {
  const char* name;
  const char* doc;   // one line
  const char* next;  // a command to try, `{}` stands for the file
  const char* text;  // the file
};

std::span<const TemplateDef> template_catalog();

}  // namespace cleave
