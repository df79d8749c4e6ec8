// The frame of a page: one HTML file that loads nothing from elsewhere.
#pragma once

#include <string>

#include "lab/pages/catalogue.h"

namespace qkv::lab {

struct HtmlPage {
  Language language;
  std::string name;   // of its file, without .html
  std::string title;  // plain text
  std::string body;
  bool switched = false;  // is there the same page in the other language?
  bool full = false;      // as wide as the window allows
  std::string style = "", script = "";
};

// `contents` in the foot: links to all pages.
std::string html_file(const HtmlPage& page, const std::string& contents);

}  // namespace qkv::lab
