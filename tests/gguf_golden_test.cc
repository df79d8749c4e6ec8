// Compares models in GGUF files with directories of the same weights: equal logits, bit for bit. tools/golden/gguf_files.py wrote the
// files.
#include <gtest/gtest.h>

#include "base/files.h"
#include "base/temporary_directory.h"
#include "models/model_directory.h"
#include "qkv/convert.h"
#include "tests/golden_folders.h"

namespace qkv {
namespace {

const std::filesystem::path kGoldens = std::filesystem::path(QKV_SOURCE_DIR) / "tests/goldens/gguf";

class GgufModelGolden : public testing::TestWithParam<std::string> {
 protected:
  std::filesystem::path directory() const { return kGoldens / GetParam(); }
  std::filesystem::path file() const { return kGoldens / (GetParam() + ".gguf"); }
};

INSTANTIATE_TEST_SUITE_P(Goldens, GgufModelGolden, testing::ValuesIn(folders_of(kGoldens)), [](const auto& info) { return info.param; });

// Logits of a decoder, hidden states of an encoder.
std::vector<float> outputs(const Model& model) {
  TokenBatch batch{{3, 7, 1, 18, 0, 5, 5, 2, 11, 9, 4, 17, 6, 12, 12, 13}, Segments::of_lengths(std::vector<int32_t>{12, 1, 3})};
  ForwardContext context;
  context.dtype = activation_type(model);
  const bool decoder = model.config.has_decoder();
  if (!decoder) return model.network.encode(batch, context).to_vector();
  return model.network.logits(model.network.decode(batch, {}, {}, context)).to_vector();
}

TEST_P(GgufModelGolden, OutputsAreThoseOfTheDirectory) {
  EXPECT_EQ(outputs(*load_model(file())), outputs(*load_model(directory())));
  EXPECT_EQ(outputs(*load_model(file(), InferenceType::file)), outputs(*load_model(directory(), InferenceType::file)));
}

TEST_P(GgufModelGolden, SavedAsTheSameClassWithTheSameWeights) {
  const TemporaryDirectory temporary;
  save_model(*load_model(file()), temporary / "saved");
  const ModelDirectory before(directory()), after(temporary / "saved");
  EXPECT_EQ(after.architecture().class_name, before.architecture().class_name);
  EXPECT_EQ(outputs(*load_model(temporary / "saved")), outputs(*load_model(directory())));
}

TEST_P(GgufModelGolden, ConvertedHasTheSameOutputs) {
  const TemporaryDirectory temporary;
  convert_model(file(), temporary / "converted");
  EXPECT_EQ(outputs(*load_model(temporary / "converted")), outputs(*load_model(directory())));
}

TEST(GgufModel, DirectoryWithOneFileIsThatFile) {
  const TemporaryDirectory temporary;
  write_file_atomically(temporary / "model.gguf", read_file(kGoldens / "llama_q8_0.gguf"));
  EXPECT_EQ(outputs(*load_model(temporary.path())), outputs(*load_model(kGoldens / "llama_q8_0")));
  write_file_atomically(temporary / "other.gguf", read_file(kGoldens / "llama_q4_0.gguf"));
  try {
    load_model(temporary.path());
    FAIL();
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("has several models; name one of model.gguf, other.gguf"), std::string::npos) << error.what();
  }
}

// Every third byte of what precedes the weights is changed in turn: the file is refused in one line, or opens.
TEST(GgufModel, DamagedFilesAreRefusedInOneLine) {
  const TemporaryDirectory temporary;
  const std::string whole = read_file(kGoldens / "llama3_f32.gguf");
  const size_t header = 1300;  // keys and the list of tensors
  ASSERT_NE(whole.substr(0, header).find("output_norm.weight"), std::string::npos);
  for (size_t at = 0; at < header; at += 3) {
    std::string changed = whole;
    changed[at] = static_cast<char>(changed[at] ^ (at % 2 == 0 ? 0xFF : 1 << at % 8));
    write_file_atomically(temporary / "a.gguf", changed);
    try {
      load_model(temporary / "a.gguf");
    } catch (const Error& error) {
      EXPECT_EQ(std::string(error.what()).find('\n'), std::string::npos) << at;
      EXPECT_NE(error.code(), ErrorCode::internal) << at << ": " << error.what();
    }
  }
}

}  // namespace
}  // namespace qkv
