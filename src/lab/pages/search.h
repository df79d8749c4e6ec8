// The search over all pages of a language, which index.html answers.
#pragma once

#include <span>
#include <string>

#include "lab/pages/catalogue.h"

namespace qkv::lab {

struct SearchedPage {
  std::string name, title, html;
};
// The texts of the pages as an element <script type="application/json">.
std::string search_data(std::span<const SearchedPage> pages, Language language);
std::string search_script();

// The words of a page, without tags, formulas and drawings.
std::string plain_text(std::string_view html);

}  // namespace qkv::lab
