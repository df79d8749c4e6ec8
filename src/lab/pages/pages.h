// The pages of the lab, in the order of the questions: what each is made of. Their prose is in text/.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "lab/pages/catalogue.h"
#include "lab/pages/chart.h"
#include "lab/pages/matrix.h"

namespace qkv::lab {

// Makes the HTML of a block [[NAME]] of the text.
using BlockMaker = std::function<std::string(const PageText& text, Language language)>;

struct Page {
  std::string name;                      // of its texts and its files
  std::vector<std::string> experiments;  // whose records it shows
  std::optional<ChartSpec> chart;
  std::function<Numbers()> by_hand;  // what its placeholders {{hand:…}} show
  std::map<std::string, BlockMaker> blocks = {};
};

const std::vector<Page>& pages();

}  // namespace qkv::lab
