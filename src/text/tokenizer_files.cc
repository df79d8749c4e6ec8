#include "text/tokenizer_files.h"

#include <algorithm>
#include <optional>
#include <system_error>
#include <vector>

#include "base/error.h"
#include "base/files.h"
#include "base/gguf.h"
#include "text/gguf_vocabulary.h"
#include "text/marian_files.h"
#include "text/sentencepiece_directory.h"
#include "text/sentencepiece_file.h"
#include "text/tiktoken_file.h"
#include "text/tokenizer_config.h"
#include "text/vocab_files.h"

namespace qkv {
namespace {

namespace fs = std::filesystem;

bool is_there(const fs::path& file) {
  std::error_code ignored;
  return fs::is_regular_file(file, ignored);
}

TokenizerFiles read_vocab_and_merges(const fs::path& vocab, const fs::path& merges) {
  if (!is_there(merges)) fail(ErrorCode::io, "{} needs {} beside it, which is not there", vocab.string(), merges.string());
  if (!is_there(vocab)) fail(ErrorCode::io, "{} needs {} beside it, which is not there", merges.string(), vocab.string());
  const TokenizerConfig config(vocab.parent_path());
  const MappedFile vocab_file(vocab), merges_file(merges);
  return {vocab_json_to_json({vocab_file.text(), vocab.string()}, {merges_file.text(), merges.string()}, config), config.text(),
          vocab.string()};
}

bool is_marian(const fs::path& directory) {
  return is_there(directory / "source.spm") && is_there(directory / "vocab.json") && !is_there(directory / "tokenizer.json");
}

TokenizerFiles read_marian(const fs::path& directory) {
  const TokenizerConfig config(directory);
  const MappedFile source(directory / "source.spm"), vocab(directory / "vocab.json");
  if (is_there(directory / "target.spm"))
    check_marian_target(MappedFile(directory / "target.spm").text(), (directory / "target.spm").string());
  return {marian_json_of(source.text(), (directory / "source.spm").string(), vocab.text(), (directory / "vocab.json").string(), config),
          config.text(), (directory / "source.spm").string()};
}

// A file of a kind that its content or its name tells; nothing: a tokenizer.json, or what is none.
std::optional<TokenizerFiles> read_other_kind(const fs::path& file) {
  const std::string name = file.filename().string();
  if (name == "vocab.json" || name == "merges.txt") {
    return read_vocab_and_merges(file.parent_path() / "vocab.json", file.parent_path() / "merges.txt");
  }
  const MappedFile mapped(file);
  const std::string_view content = mapped.text();
  if (GgufMetadata::is_gguf(content)) return TokenizerFiles{gguf_to_json(content, file.string()), "", file.string()};
  const TokenizerConfig config(file.parent_path());
  if (is_tiktoken(content)) return TokenizerFiles{tiktoken_to_json(content, config, file.string()), config.text(), file.string()};
  const std::string extension = file.extension().string();
  if (is_sentencepiece(content) || extension == ".spm" || extension == ".model") {
    return TokenizerFiles{sentencepiece_json_of(content, config, file.string()), config.text(), file.string()};
  }
  if (extension == ".txt") return TokenizerFiles{vocab_txt_to_json({content, file.string()}, config), config.text(), file.string()};
  return std::nullopt;
}

// The file of a directory that stands for its tokenizer.
fs::path file_of_directory(const fs::path& directory) {
  for (const char* name : {"tokenizer.json", "tokenizer.model", "spiece.model", "sentencepiece.bpe.model", "spm.model"}) {
    if (is_there(directory / name)) return directory / name;
  }
  if (is_there(directory / "vocab.json") && is_there(directory / "merges.txt")) return directory / "vocab.json";
  if (is_there(directory / "vocab.txt")) return directory / "vocab.txt";
  for (const char* extension : {".tiktoken", ".model", ".gguf"}) {
    std::vector<fs::path> found;
    std::error_code ignored;
    for (const fs::directory_entry& entry : fs::directory_iterator(directory, ignored)) {
      if (entry.path().extension() == extension) found.push_back(entry.path());
    }
    std::sort(found.begin(), found.end());
    if (!found.empty()) return found.front();
  }
  fail(ErrorCode::io, "{} holds no tokenizer.json or other tokenizer file; name the directory of a tokenizer or a model",
       directory.string());
}

}  // namespace

TokenizerFiles read_tokenizer_files(const fs::path& path) {
  std::error_code ignored;
  const bool directory = fs::is_directory(path, ignored);
  if (directory && is_marian(path)) return read_marian(path);
  const fs::path file = directory ? file_of_directory(path) : path;
  if (file.extension() != ".json" || file.filename() == "vocab.json") {
    if (auto files = read_other_kind(file)) return std::move(*files);
  }
  const fs::path config = file.parent_path() / "tokenizer_config.json";
  return {read_file(file), is_there(config) ? read_file(config) : "", file.string()};
}

}  // namespace qkv
