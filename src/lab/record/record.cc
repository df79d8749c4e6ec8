#include "lab/record/record.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "base/error.h"
#include "base/files.h"
#include "formats/json.h"

namespace qkv::lab {
namespace {

using Json = nlohmann::ordered_json;

// JSON has no infinity: a diverged training measures null.
Json number(double value) { return std::isfinite(value) ? Json(value) : Json(nullptr); }
double to_number(const Json& json) { return json.is_null() ? std::numeric_limits<double>::quiet_NaN() : json.get<double>(); }

}  // namespace

std::string to_json(const Record& record) {
  Json values = Json::object(), series = Json::object();
  for (const auto& [name, value] : record.outcome.values) values[name] = number(value);
  for (const auto& [name, points] : record.outcome.series) {
    Json& list = series[name] = Json::array();
    for (const auto& [x, y] : points) list.push_back({number(x), number(y)});
  }
  const Json json{{"experiment", record.experiment},
                  {"arm", record.arm},
                  {"seed", record.seed},
                  {"effort", record.effort},
                  {"data", record.data},
                  {"commit", record.commit},
                  {"isa", record.isa},
                  {"threads", record.threads},
                  {"seconds", std::round(record.seconds * 100) / 100},
                  {"values", values},
                  {"series", series}};
  return json.dump(1) + "\n";
}

Record parse_record(const std::string& text, const std::filesystem::path& path) {
  try {
    const Json json = Json::parse(text);
    Record record;
    record.experiment = json.at("experiment");
    record.arm = json.at("arm");
    record.seed = json.at("seed");
    record.effort = json.at("effort");
    record.data = json.at("data").get<std::map<std::string, std::string>>();
    record.commit = json.at("commit");
    record.isa = json.at("isa");
    record.threads = json.at("threads");
    record.seconds = json.at("seconds");
    for (const auto& [name, value] : json.at("values").items()) record.outcome.values[name] = to_number(value);
    for (const auto& [name, points] : json.at("series").items()) {
      Series& series = record.outcome.series[name];
      for (const Json& point : points) series.emplace_back(to_number(point.at(0)), to_number(point.at(1)));
    }
    return record;
  } catch (const nlohmann::json::exception& error) {
    fail(ErrorCode::bad_input, "{} is no record of the lab: {}; remove it, and qkv lab run makes it again", path.string(), error.what());
  }
}

std::filesystem::path record_path(const std::filesystem::path& directory, std::string_view experiment, std::string_view arm, int64_t seed) {
  return directory / experiment / fmt::format("{}.{}.json", arm, seed);
}

Records Records::read(const std::filesystem::path& directory, std::string_view experiment) {
  std::vector<Record> records;
  std::error_code error;
  std::vector<std::filesystem::path> paths;
  for (const auto& entry : std::filesystem::directory_iterator(directory / experiment, error)) {
    if (entry.path().extension() == ".json") paths.push_back(entry.path());
  }
  std::sort(paths.begin(), paths.end());
  for (const std::filesystem::path& path : paths) records.push_back(parse_record(read_file(path), path));
  return Records(std::move(records));
}

const Record* Records::find(std::string_view arm, int64_t seed) const {
  const auto found = std::find_if(records_.begin(), records_.end(), [&](const Record& r) { return r.arm == arm && r.seed == seed; });
  return found == records_.end() ? nullptr : &*found;
}

std::vector<int64_t> Records::seeds(const std::vector<std::string>& arms) const {
  std::set<int64_t> seeds;
  for (const Record& record : records_) seeds.insert(record.seed);
  std::vector<int64_t> complete;
  for (const int64_t seed : seeds) {
    if (std::all_of(arms.begin(), arms.end(), [&](const std::string& arm) { return find(arm, seed) != nullptr; })) complete.push_back(seed);
  }
  return complete;
}

std::vector<double> Records::values(std::string_view arm, const std::string& value, const std::vector<int64_t>& seeds) const {
  std::vector<double> values;
  for (const int64_t seed : seeds) {
    const Record* record = find(arm, seed);
    const auto found = record ? record->outcome.values.find(value) : std::map<std::string, double>::const_iterator{};
    if (!record || found == record->outcome.values.end()) {
      fail(ErrorCode::bad_input, "the record of {} with seed {} lacks \"{}\"; another version of qkv made it: remove it and run it again",
           arm, seed, value);
    }
    values.push_back(found->second);
  }
  return values;
}

}  // namespace qkv::lab
