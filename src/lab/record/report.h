// The report of a directory of records: README.md and a page NAME.md for each experiment, report.html with all of them, NAME/FIGURE.svg,
// and conclusions.json.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "lab/record/document.h"
#include "lab/record/experiment.h"

namespace qkv::lab {

// The page of one experiment; its pictures are drawn into `directory`/NAME/ where `pictures` says so.
Document page_of(const Experiment& experiment, const Records& records, const std::filesystem::path& directory, bool pictures);

// Returns how many experiments have records. Throws Error(bad_input) where none has. Without gnuplot there are no pictures, and `warn` is
// told so.
int write_report(const std::filesystem::path& directory, const std::function<void(const std::string&)>& warn);

}  // namespace qkv::lab
