// Any bytes as a text, through tokenizers of every kind: ids of the vocabulary, the same ids with offsets and without, and the same text
// back where nothing is lost.
#include <filesystem>
#include <vector>

#include "base/files.h"
#include "base/utf8.h"
#include "formats/json.h"
#include "fuzz/fuzz.h"

namespace qkv {
namespace {

struct Candidate {
  Tokenizer tokenizer;
  bool lossless;
};

// The tokenizers of the golden tests.
std::vector<Candidate> load_all() {
  std::vector<Candidate> all;
  for (const auto& entry : std::filesystem::directory_iterator(QKV_SOURCE_DIR "/tests/goldens/tokenizer/pipelines")) {
    const nlohmann::json tokenizer = nlohmann::json::parse(read_file(entry.path()))["tokenizer"];
    const std::string name = entry.path().stem().string();
    all.push_back({TokenizerAccess::from_json(tokenizer.dump(), "", name), name == "gpt2" || name == "bytes" || name == "byte_pairs"});
  }
  if (all.empty()) std::abort();
  return all;
}

}  // namespace
}  // namespace qkv

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const std::vector<qkv::Candidate> all = qkv::load_all();
  if (size == 0) return 0;
  const qkv::Candidate& chosen = all[data[0] % all.size()];
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  qkv::refuse_or_run([&] {
    const std::vector<int32_t> ids = chosen.tokenizer.encode(text, false);
    qkv::expect_valid(chosen.tokenizer, ids);
    if (ids != chosen.tokenizer.encode_with_offsets(text, {.add_special_tokens = false}).ids) std::abort();
    qkv::expect_valid(chosen.tokenizer, chosen.tokenizer.encode_sampled(text, {.dropout = 0.3}, 1));
    if (chosen.lossless && qkv::is_valid_utf8(text) && chosen.tokenizer.decode(ids, false) != text) std::abort();
  });
  return 0;
}
