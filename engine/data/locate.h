// Finding the files of a data set in the folders where they may be.
#pragma once

#include <string>
#include <vector>

#include "engine/data/dataset.h"

namespace cleave {

// Where the files of one split are and what they may be called.
struct FilePlaces {
  const char* set;                              // the set's name, for messages
  std::vector<std::string> folders;             // names its own folder goes by
  std::vector<std::string> not_folders;         // folders of other sets whose files bear the same names
  std::vector<std::vector<std::string>> files;  // per wanted file the names it may have, the usual one first
  const char* advice;                           // what to do when nothing is found
};

// Returns one existing file for each of `places.files`, all from one folder. Tried in order: `path` when given, else
// each entry of `search`; of each its sub-folders `places.folders`, then itself. Throws UserError with all the places
// looked at.
std::vector<std::string> locate_files(const DatasetRequest& request, const FilePlaces& places);

}  // namespace cleave
