// Runs a fuzz target (fuzz/) without libFuzzer: on its seeds and on a fixed number of random changes of them, the same in each run. That is
// quick enough for every build and sanitizer; scripts/fuzz looks longer, guided by coverage.
//   fuzz_replay TARGET FOLDER     FOLDER/TARGET holds the seeds (fuzz/seeds.py)
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <functional>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "base/files.h"

#define QKV_FUZZ_TARGET(name) extern "C" int fuzz_##name(const uint8_t* data, size_t size);
#include "fuzz_targets.inc"
#undef QKV_FUZZ_TARGET

namespace qkv {
namespace {

struct Target {
  std::string_view name;
  int (*run)(const uint8_t* data, size_t size);
};

constexpr Target kTargets[] = {
#define QKV_FUZZ_TARGET(name) {#name, fuzz_##name},
#include "fuzz_targets.inc"
#undef QKV_FUZZ_TARGET
};

constexpr int kChangedInputs = 1000;
constexpr size_t kLongest = 32768;

// One change of those that readers stumble over: a byte, a number's size, a part that is missing or there twice, an early end.
void change(std::string& input, std::mt19937_64& random) {
  const auto below = [&](size_t end) { return static_cast<size_t>(random() % std::max<size_t>(end, 1)); };
  const size_t at = below(input.size());
  const size_t length = std::min(input.size() - at, size_t{1} << below(8));
  switch (below(6)) {
    case 0: input.resize(at); break;
    case 1: input.erase(at, length); break;
    case 2: input.insert(below(input.size() + 1), input.substr(at, length)); break;
    case 3: input.insert(at, 1, static_cast<char>(random())); break;
    case 4: std::fill_n(input.begin() + static_cast<ptrdiff_t>(at), std::min<size_t>(length, 8), below(2) == 0 ? '\xff' : '\0'); break;
    default:
      if (!input.empty()) input[at] = static_cast<char>(below(2) == 0 ? random() : input[at] ^ (1 << below(8)));
  }
}

int replay(const Target& target, const std::filesystem::path& folder) {
  std::vector<std::string> seeds = {""};
  if (std::filesystem::exists(folder)) {
    for (const auto& entry : std::filesystem::directory_iterator(folder)) seeds.push_back(read_file(entry.path()));
  }
  std::sort(seeds.begin(), seeds.end());  // a directory has no order
  const auto run = [&](const std::string& input) { target.run(reinterpret_cast<const uint8_t*>(input.data()), input.size()); };
  for (const std::string& seed : seeds) run(seed);
  std::mt19937_64 random(1);
  for (int i = 0; i < kChangedInputs; ++i) {
    std::string input = seeds[random() % seeds.size()];
    for (uint64_t changes = 1 + random() % 4; changes > 0; --changes) change(input, random);
    input.resize(std::min(input.size(), kLongest));
    run(input);
  }
  fmt::print("{}: {} seeds, {} changed inputs\n", target.name, seeds.size(), kChangedInputs);
  return 0;
}

}  // namespace
}  // namespace qkv

int main(int argc, char** argv) {
  if (argc == 3) {
    for (const qkv::Target& target : qkv::kTargets) {
      if (target.name == argv[1]) return qkv::replay(target, std::filesystem::path(argv[2]) / argv[1]);
    }
  }
  fmt::print(stderr, "usage: fuzz_replay TARGET FOLDER, with TARGET one of the files fuzz/TARGET.cc\n");
  return 2;
}
