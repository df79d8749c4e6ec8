#include "text/files/tokenizer_files.h"

#include <algorithm>
#include <optional>
#include <system_error>
#include <utility>
#include <vector>

#include "base/files.h"
#include "base/hub_cache.h"
#include "base/option_error.h"
#include "formats/gguf.h"
#include "text/files/gguf_vocabulary.h"
#include "text/files/marian_files.h"
#include "text/files/rank_tokenizer.h"
#include "text/files/sentencepiece_directory.h"
#include "text/files/sentencepiece_file.h"
#include "text/files/tekken_file.h"
#include "text/files/tiktoken_file.h"
#include "text/files/tokenizer_config.h"
#include "text/files/vocab_files.h"

namespace qkv {
namespace {

namespace fs = std::filesystem;

TokenizerFiles files_of(std::string json, const TokenizerConfig& config, std::string name) {
  return {.json = std::move(json),
          .config = config.text(),
          .name = std::move(name),
          .split_special_tokens = config.flag("split_special_tokens", false)};
}

TokenizerFiles read_vocab_and_merges(const fs::path& vocab, const fs::path& merges) {
  if (!is_file(merges)) fail(ErrorCode::io, "{} needs {} beside it, which is not there", vocab.string(), merges.string());
  if (!is_file(vocab)) fail(ErrorCode::io, "{} needs {} beside it, which is not there", merges.string(), vocab.string());
  const TokenizerConfig config(vocab.parent_path());
  const MappedFile vocab_file(vocab), merges_file(merges);
  return files_of(vocab_json_to_json({vocab_file.text(), vocab.string()}, {merges_file.text(), merges.string()}, config), config,
                  vocab.string());
}

bool is_marian(const fs::path& directory) {
  return is_file(directory / "source.spm") && is_file(directory / "vocab.json") && !is_file(directory / "tokenizer.json");
}

TokenizerFiles read_marian(const fs::path& directory) {
  const TokenizerConfig config(directory);
  const MappedFile source(directory / "source.spm"), vocab(directory / "vocab.json");
  if (is_file(directory / "target.spm"))
    check_marian_target(MappedFile(directory / "target.spm").text(), (directory / "target.spm").string());
  const std::string source_name = (directory / "source.spm").string(), vocab_name = (directory / "vocab.json").string();
  return files_of(marian_json_of(source.text(), source_name, vocab.text(), vocab_name, config), config, source_name);
}

// Reads a file whose kind is recognized by content or name. Nothing if it is a tokenizer.json or unknown.
std::optional<TokenizerFiles> read_other_kind(const fs::path& file, const std::string& tiktoken_pattern) {
  const std::string name = file.filename().string();
  if (name == "vocab.json" || name == "merges.txt") {
    return read_vocab_and_merges(file.parent_path() / "vocab.json", file.parent_path() / "merges.txt");
  }
  const MappedFile mapped(file);
  const std::string_view content = mapped.text();
  if (GgufMetadata::is_gguf(content)) return files_of(gguf_to_json(content, file.string()), {}, file.string());
  const TokenizerConfig config(file.parent_path());
  if (is_tiktoken(content)) {
    TokenizerFiles files = files_of(read_tiktoken(content, config, file.string(), tiktoken_pattern), config.text(), file.string());
    files.split_special_tokens = config.flag("split_special_tokens", false);
    files.takes_pattern = true;
    return files;
  }
  const std::string extension = file.extension().string();
  if (is_sentencepiece(content) || extension == ".spm" || extension == ".model") {
    return files_of(sentencepiece_json_of(content, config, file.string()), config, file.string());
  }
  if (extension == ".txt") return files_of(vocab_txt_to_json({content, file.string()}, config), config, file.string());
  return std::nullopt;
}

// The file that represents the tokenizer in a directory.
fs::path file_of_directory(const fs::path& directory) {
  for (const char* name :
       {"tokenizer.json", "tekken.json", "tokenizer.model", "spiece.model", "sentencepiece.bpe.model", "spm.model", "vocab.spm"}) {
    if (is_file(directory / name)) return directory / name;
  }
  if (is_file(directory / "vocab.json") && is_file(directory / "merges.txt")) return directory / "vocab.json";
  if (is_file(directory / "vocab.txt")) return directory / "vocab.txt";
  const auto first = [&](const auto& fits) {
    std::vector<fs::path> found;
    std::error_code ignored;
    for (const fs::directory_entry& entry : fs::directory_iterator(directory, ignored)) {
      if (fits(entry.path())) found.push_back(entry.path());
    }
    std::sort(found.begin(), found.end());
    return found.empty() ? fs::path() : found.front();
  };
  for (const char* extension : {".tiktoken", ".model", ".gguf"}) {
    if (const fs::path found = first([&](const fs::path& path) { return path.extension() == extension; }); !found.empty()) return found;
  }
  if (is_file(directory / "source.spm")) {
    fail(ErrorCode::io, "{} holds source.spm but no vocab.json, which has the ids of a Marian model; put it beside", directory.string());
  }
  for (const auto& [start, extension] : {std::pair("", ".spm"), std::pair("rwkv_vocab", ".txt")}) {
    const fs::path found =
        first([&](const fs::path& path) { return path.extension() == extension && path.filename().string().starts_with(start); });
    if (!found.empty()) return found;
  }
  if (is_file(directory / "vocab.json")) {
    fail(ErrorCode::unsupported,
         "{} holds vocab.json but no merges.txt: the tokens alone, as of a speech recognizer (Wav2Vec2CTCTokenizer), do not say how a text "
         "is cut; put merges.txt or a tokenizer.json beside it",
         directory.string());
  }
  fail(ErrorCode::io, "{} holds no tokenizer.json or other tokenizer file; name the directory of a tokenizer or a model",
       directory.string());
}

TokenizerFiles read_files(const fs::path& given, const std::string& tiktoken_pattern) {
  const fs::path path = model_directory_at(given);
  std::error_code ignored;
  const bool directory = fs::is_directory(path, ignored);
  if (directory && is_marian(path)) return read_marian(path);
  if (const auto marian = directory ? find_marian(path) : std::nullopt; marian && !is_file(path / "tokenizer.json")) {
    return files_of(marian_json_of(*marian), {}, marian->vocabularies.front().string());
  }
  const fs::path file = directory ? file_of_directory(path) : path;
  if (file.extension() != ".json" || file.filename() == "vocab.json") {
    if (auto files = read_other_kind(file, tiktoken_pattern)) return std::move(*files);
  }
  TokenizerConfig config(file.parent_path());
  std::string text = read_file(file);
  if (is_tekken(text)) {
    TokenizerFiles files = files_of(read_tekken(text, file.string()), config.text(), file.string());
    files.split_special_tokens = config.flag("split_special_tokens", false);
    return files;
  }
  TokenizerFiles files = files_of(std::move(text), config, file.string());
  if (config.exists() || !config.tokenizer_class().empty()) files.beside = std::move(config);
  return files;
}

}  // namespace

TokenizerFiles files_of(RankTokenizer tokenizer, std::string config, std::string name) {
  return {.json = std::move(tokenizer.json),
          .config = std::move(config),
          .name = std::move(name),
          .model = std::move(tokenizer.model),
          .without_model = std::move(tokenizer.without_model)};
}

TokenizerFiles read_tokenizer_files(const fs::path& path, const TokenizerLoadOptions& options) {
  TokenizerFiles files = read_files(path, options.tiktoken_pattern);
  QKV_CHECK_OPTION(options.tiktoken_pattern.empty() || files.takes_pattern,
                   "`tiktoken_pattern` is for tiktoken's rank files; {} is of another kind and says itself how texts are cut", files.name);
  return files;
}

}  // namespace qkv
