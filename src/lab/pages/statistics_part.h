// The folded part of a page: settings, tables of all arms and comparisons, corpora, command and origin of the record.
#pragma once

#include <string>

#include "lab/pages/pages.h"

namespace qkv::lab {

// `settings`: HTML of the page's own words about them.
std::string statistics_html(const Page& page, const PageRecords& records, const std::string& settings, Language language);

}  // namespace qkv::lab
