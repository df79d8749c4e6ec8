// The report of a directory of records: LANGUAGE/NAME.html for each question, LANGUAGE/index.html, README.md with links to them, and
// conclusions.json.
#pragma once

#include <filesystem>
#include <span>
#include <string>

#include "lab/pages/pages.h"

namespace qkv::lab {

// The body of a page. Sentences about records are left out where the record of one of its experiments is missing.
std::string page_html(const Page& page, const PageRecords& records, Language language);

struct ReportSize {
  int pages = 0;        // in each language
  int experiments = 0;  // with records
};
// Throws Error(bad_input) if the directory holds no finished experiment.
ReportSize write_report(const std::filesystem::path& directory, std::span<const Language> languages);

}  // namespace qkv::lab
