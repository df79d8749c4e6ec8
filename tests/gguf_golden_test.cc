// Compares models in GGUF files with directories of the same weights, in both directions: equal logits and equal tensors, bit for bit.
// tools/golden/gguf_files.py wrote the files with the package `gguf`.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <tuple>

#include "base/files.h"
#include "base/temporary_directory.h"
#include "io/gguf_file.h"
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

// The type that a golden's name ends with.
WeightType type_of(const std::string& golden) {
  constexpr std::pair<std::string_view, WeightType> kTypes[] = {{"_f32", WeightType::f32},
                                                                {"_f16", WeightType::f16},
                                                                {"_bf16", WeightType::bf16},
                                                                {"_q8_0", WeightType::q8_0},
                                                                {"_q4_0", WeightType::q4_0}};
  const auto found = std::find_if(std::begin(kTypes), std::end(kTypes), [&](const auto& each) { return golden.ends_with(each.first); });
  return found->second;
}

// Names, types, shapes and bytes of the tensors in a file.
std::map<std::string, std::tuple<std::string, Shape, std::string>> tensors_of(const std::filesystem::path& file) {
  const MappedFile mapped(file);
  std::map<std::string, std::tuple<std::string, Shape, std::string>> tensors;
  for (const auto& [name, tensor] : gguf_entries(GgufMetadata(mapped.text(), file.string()))) {
    tensors[name] = {tensor.dtype, tensor.shape, std::string(tensor.data, static_cast<size_t>(tensor.bytes))};
  }
  return tensors;
}

// Weights that were quantized once give the same blocks again.
TEST_P(GgufModelGolden, WrittenTensorsAreThoseOfThePackage) {
  const TemporaryDirectory temporary;
  convert_model(directory(), temporary / "a.gguf", {.dtype = type_of(GetParam())});
  const auto ours = tensors_of(temporary / "a.gguf"), theirs = tensors_of(file());
  for (const auto& [name, tensor] : theirs) {
    ASSERT_TRUE(ours.contains(name)) << name;
    EXPECT_EQ(std::get<0>(ours.at(name)), std::get<0>(tensor)) << name;
    EXPECT_EQ(std::get<1>(ours.at(name)), std::get<1>(tensor)) << name;
    EXPECT_TRUE(std::get<2>(ours.at(name)) == std::get<2>(tensor)) << name;
  }
  EXPECT_EQ(ours.size(), theirs.size());
  EXPECT_EQ(outputs(*load_model(temporary / "a.gguf")), outputs(*load_model(directory())));
}

TEST_P(GgufModelGolden, FileWrittenFromAFileIsTheSame) {
  const TemporaryDirectory temporary;
  convert_model(file(), temporary / "a.gguf", {.dtype = type_of(GetParam())});
  EXPECT_TRUE(tensors_of(temporary / "a.gguf") == tensors_of(file()));
}

std::string refusal(const std::filesystem::path& from, const std::filesystem::path& to, WeightType type = WeightType::file) {
  try {
    convert_model(from, to, {.dtype = type});
  } catch (const Error& error) {
    return error.what();
  }
  return "(no error)";
}

TEST(GgufModel, SettingsWithoutAKeyAreNamed) {
  const TemporaryDirectory temporary;
  const std::filesystem::path models = kGoldens.parent_path();
  const auto changed = [&](const std::string& golden, const std::string& before, const std::string& after) {
    const std::filesystem::path directory = temporary / "changed";
    std::filesystem::remove_all(directory);
    std::filesystem::copy(kGoldens / golden, directory);
    std::string config = read_file(directory / "config.json");
    config.replace(config.find(before), before.size(), after);
    write_file_atomically(directory / "config.json", config);
    return refusal(directory, temporary / "a.gguf");
  };
  EXPECT_EQ(changed("llama_f32", "\"silu\"", "\"gelu\""),
            "the architecture \"llama\" of GGUF does not say all of this model: \"hidden_act\" is \"gelu\", but would be read as \"silu\"");
  EXPECT_EQ(changed("gemma2_bf16", "\"query_pre_attn_scalar\": 6", "\"query_pre_attn_scalar\": 7"),
            "the architecture \"gemma2\" of GGUF does not say all of this model: \"query_pre_attn_scalar\" is 7, but would be read as 6");
  EXPECT_TRUE(
      refusal(models / "marian_files", temporary / "a.gguf").starts_with("no architecture of GGUF that qkv writes has this network"));
  EXPECT_TRUE(std::filesystem::is_empty(temporary.path()) || !std::filesystem::exists(temporary / "a.gguf"));
}

TEST(GgufModel, WhatIsForFilesAloneIsRefusedOfDirectories) {
  const TemporaryDirectory temporary;
  EXPECT_EQ(refusal(kGoldens / "llama_f32", temporary / "new", WeightType::q8_0),
            "dtype: quantized types are written into a file NAME.gguf only");
  write_file_atomically(temporary / "old.gguf", "x");
  EXPECT_TRUE(refusal(kGoldens / "llama_f32", temporary / "old.gguf").ends_with("old.gguf exists already; name a new file"));
  EXPECT_EQ(read_file(temporary / "old.gguf"), "x");
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

// Every few bytes of what precedes the weights are changed in turn: the file is refused in one line, or opens.
TEST(GgufModel, DamagedFilesAreRefusedInOneLine) {
  const TemporaryDirectory temporary;
  for (const auto& [golden, step] : {std::pair("llama3_f32", 3), std::pair("falcon_grouped_f32", 7), std::pair("olmo3_f32", 11)}) {
    const std::string whole = read_file(kGoldens / fmt::format("{}.gguf", golden));
    const size_t header = whole.find("output_norm.weight") + 50;  // keys and the list of tensors
    ASSERT_LT(header, whole.size());
    for (size_t at = 0; at < header; at += static_cast<size_t>(step)) {
      std::string changed = whole;
      changed[at] = static_cast<char>(changed[at] ^ (at % 2 == 0 ? 0xFF : 1 << at % 8));
      write_file_atomically(temporary / "a.gguf", changed);
      try {
        load_model(temporary / "a.gguf");
      } catch (const Error& error) {
        EXPECT_EQ(std::string(error.what()).find('\n'), std::string::npos) << golden << " " << at;
        EXPECT_NE(error.code(), ErrorCode::internal) << golden << " " << at << ": " << error.what();
      }
    }
  }
}

}  // namespace
}  // namespace qkv
