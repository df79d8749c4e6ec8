// The files of sentence-transformers from a stranger: modules.json, the configuration of a module and that of the whole, parts that a byte
// 0xFF ends.
#include <fstream>

#include "embed/sentence_files.h"
#include "fuzz/model_fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const std::filesystem::path directory = [] {
    std::string name = "/dev/shm/qkv-fuzz-XXXXXX";
    if (::mkdtemp(name.data()) == nullptr) std::abort();
    std::filesystem::create_directory(name + "/1_Pooling");
    std::ofstream(name + "/config.json") << "{}";
    return std::filesystem::path(name);
  }();
  std::string_view input(reinterpret_cast<const char*>(data), size);
  for (const char* file : {"modules.json", "1_Pooling/config.json", "config_sentence_transformers.json", "sentence_bert_config.json"}) {
    std::ofstream(directory / file, std::ios::binary) << qkv::next_part(input);
  }
  qkv::refuse_or_run([&] { qkv::read_sentence_files(directory); });
  return 0;
}
