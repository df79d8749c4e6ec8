// The measurements of one run of an experiment: a separate JSON file, so that a lab's record can be made in parts.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace qkv::lab {

using Series = std::vector<std::pair<double, double>>;  // (x, y), in the order of x

// The numbers of one (arm, seed). Names that end with "_seconds" or "_per_second" are timings, and only these may differ between two runs
// with the same seed.
struct Outcome {
  std::map<std::string, double> values;
  std::map<std::string, Series> series;
};

struct Record {
  std::string experiment, arm;
  int64_t seed = 0;
  double effort = 1;                        // share of the full training
  std::map<std::string, std::string> data;  // real texts used for training, each with a hash of its content
  std::string commit, isa;                  // of the program that made it
  int threads = 1;                          // used by this run
  double seconds = 0;                       // duration
  Outcome outcome;
};

std::string to_json(const Record& record);
// Throws Error(bad_input) that names `path` if the text is no record.
Record parse_record(const std::string& text, const std::filesystem::path& path);

// DIR/EXPERIMENT/ARM.SEED.json
std::filesystem::path record_path(const std::filesystem::path& directory, std::string_view experiment, std::string_view arm, int64_t seed);

// The records of one experiment, for all its arms.
class Records {
 public:
  Records() = default;
  explicit Records(std::vector<Record> records) : records_(std::move(records)) {}
  // Reads all records in DIR/EXPERIMENT/; none if there is no such directory.
  static Records read(const std::filesystem::path& directory, std::string_view experiment);

  const std::vector<Record>& all() const { return records_; }
  const Record* find(std::string_view arm, int64_t seed) const;
  // Seeds for which each of `arms` has a record, ascending: the pairs of a paired test.
  std::vector<int64_t> seeds(const std::vector<std::string>& arms) const;
  // A value of these runs, in the order of the seeds. Throws Error(bad_input) if a run lacks it.
  std::vector<double> values(std::string_view arm, const std::string& value, const std::vector<int64_t>& seeds) const;

 private:
  std::vector<Record> records_;
};

}  // namespace qkv::lab
