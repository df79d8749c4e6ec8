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

// The page of one experiment; if `pictures`, its pictures are drawn into `directory`/NAME/.
Document page_of(const Experiment& experiment, const Records& records, const std::filesystem::path& directory, bool pictures);

// Returns the number of experiments with records. Throws Error(bad_input) if there is none. Without gnuplot there are no pictures, and
// `warn` is called.
int write_report(const std::filesystem::path& directory, const std::function<void(const std::string&)>& warn);

}  // namespace qkv::lab
