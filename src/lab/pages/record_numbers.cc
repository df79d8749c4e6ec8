#include "lab/pages/record_numbers.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "lab/pages/catalogue.h"
#include "lab/record/statistics.h"

namespace qkv::lab {
namespace {

class Filler {
 public:
  Filler(const std::string& placeholder, const PageRecords& records, const Numbers& numbers)
      : placeholder_(placeholder), parts_(split_at(placeholder, ":")), records_(records), numbers_(numbers) {}

  std::string text() const {
    const std::string& kind = parts_[0];
    if (kind == "hand") return by_hand();
    if (kind == "seeds" && parts_.size() == 2) return std::to_string(seeds().size());
    if (kind == "mean" && parts_.size() == 5) return number_text(mean(values()), digits());
    if (kind == "percent" && parts_.size() == 5) return number_text(100 * mean(values()), digits());
    if (kind == "range" && parts_.size() == 5) {
      const std::vector<double> all = values();
      const auto [low, high] = std::minmax_element(all.begin(), all.end());
      return interval_text(*low, *high);
    }
    if (kind == "above" && parts_.size() == 5) {
      const std::vector<double> all = values();
      const double bound = std::stod(parts_[4]);
      return fmt::format("{}/{}", std::count_if(all.begin(), all.end(), [&](double x) { return x > bound; }), all.size());
    }
    if (kind == "at" && parts_.size() == 6) return number_text(at(), digits());
    if (parts_.size() == 6) {
      const bool ratio = kind.starts_with("ratio");
      std::vector<double> all = quantities(
          {.value = parts_[4], .arm = parts_[2], .baseline = parts_[3], .kind = ratio ? Claim::Kind::ratio : Claim::Kind::difference},
          records());
      if (all.empty()) wrong("the record has no such runs");
      if (ratio) {
        for (double& value : all) value = std::log(value);
      }
      const double center = mean(all), half = confidence_half_width(all);
      if (kind == "difference") return number_text(center, digits());
      if (kind == "ratio") return number_text(std::exp(center), digits());
      if (kind == "interval") return interval_text(center - half, center + half);
      if (kind == "ratio_interval") return interval_text(std::exp(center - half), std::exp(center + half));
    }
    wrong("there is no such kind");
  }

 private:
  [[noreturn]] void wrong(const std::string& what) const { fail(ErrorCode::internal, "{{{{{}}}}}: {}", placeholder_, what); }

  int digits() const { return std::stoi(parts_.back()); }
  std::string interval_text(double low, double high) const {
    return fmt::format("[{}, {}]", number_text(low, digits()), number_text(high, digits()));
  }

  std::string by_hand() const {
    if (parts_.size() < 3) wrong("a name and the number of digits are missing");
    const auto found = numbers_.find(parts_[1]);
    if (found == numbers_.end()) wrong("nothing of this name is computed");
    if (parts_.size() == 3) return to_tex(found->second, digits());
    const std::vector<std::string> place = split_at(parts_[2], ",");
    const int64_t row = std::stoll(place.at(0)), col = std::stoll(place.at(1));
    if (row >= found->second.rows || col >= found->second.cols) wrong("the matrix is smaller");
    return number_text(found->second.at(row, col), digits());
  }

  const Records& records() const {
    const auto found = records_.find(parts_.at(1));
    if (found == records_.end() || found->second.all().empty()) wrong("the page has no record of this experiment");
    return found->second;
  }
  std::vector<int64_t> seeds() const { return records().seeds({records().all().front().arm}); }
  std::vector<double> values() const {
    std::vector<double> all = records().values(parts_[2], parts_[3], records().seeds({parts_[2]}));
    if (all.empty()) wrong("the record has no such run");
    return all;
  }
  double at() const {
    const double x = std::stod(parts_[4]);
    std::vector<double> all;
    for (const int64_t seed : records().seeds({parts_[2]})) {
      const auto& series = records().find(parts_[2], seed)->outcome.series;
      const auto found = series.find(parts_[3]);
      if (found == series.end() || found->second.empty()) continue;
      const auto distance = [x](const auto& point) { return std::abs(point.first - x); };
      all.push_back(std::ranges::min_element(found->second, {}, distance)->second);
    }
    if (all.empty()) wrong("the record has no such series");
    return mean(all);
  }

  const std::string& placeholder_;
  const std::vector<std::string> parts_;
  const PageRecords& records_;
  const Numbers& numbers_;
};

}  // namespace

std::string number_of(const std::string& placeholder, const PageRecords& records, const Numbers& numbers) {
  return Filler(placeholder, records, numbers).text();
}

bool is_of_record(std::string_view placeholder) { return !placeholder.starts_with("hand:"); }

}  // namespace qkv::lab
