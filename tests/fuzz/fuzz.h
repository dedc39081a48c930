// What the fuzz targets share.
#pragma once

#include "ops/core/error.h"

namespace cleave {

// Runs a reader on hostile bytes: the errors it promises are fine, everything else is a finding.
template <class Read>
void expect_only_promised_errors(const Read& read) {
  try {
    read();
  } catch (const UserError&) {  // the promised outcome for input that does not fit
  } catch (const RunError&) {   // the promised outcome for damaged input
  }
}

}  // namespace cleave
