#include "embed/sentence_files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "base/files.h"
#include "base/temporary_directory.h"

namespace qkv {
namespace {

using testing::HasSubstr;

// The files of a model with a pooling and a Dense layer, one of which a test replaces.
class SentenceFiles : public testing::Test {
 protected:
  void SetUp() override {
    write("modules.json", modules("\"1_Pooling\"", "sentence_transformers.models.Dense"));
    write("1_Pooling/config.json", R"({"word_embedding_dimension": 16, "pooling_mode_cls_token": true})");
    write("2/config.json",
          R"({"in_features": 16, "out_features": 4, "bias": true, "activation_function": "torch.nn.modules.activation.Tanh"})");
    write("sentence_bert_config.json", R"({"max_seq_length": 12, "do_lower_case": false})");
    write("config_sentence_transformers.json", R"({"prompts": {"query": "q: "}, "similarity_fn_name": "dot"})");
  }
  static std::string modules(const std::string& pooling_path, const std::string& last) {
    return R"([{"type": "sentence_transformers.models.Transformer", "path": ""},
               {"type": "sentence_transformers.models.Pooling", "path": )" +
           pooling_path + R"(}, {"type": ")" + last + R"(", "path": "2"}])";
  }
  void write(const std::string& name, const std::string& text) {
    std::filesystem::create_directories((directory_ / name).parent_path());
    write_file_atomically(directory_ / name, text);
  }
  std::string error() {
    try {
      read_sentence_files(directory_ / ".");
    } catch (const Error& error) {
      EXPECT_THAT(error.what(), testing::Not(HasSubstr("\n")));
      return error.what();
    }
    return "no error";
  }

  TemporaryDirectory directory_;
};

// As llama.cpp's programs make vectors of it.
TEST(SentenceFilesOfGguf, NameTheirPoolingAndNormalize) {
  const SentenceDescription found = read_sentence_files(std::filesystem::path(QKV_SOURCE_DIR) / "tests/goldens/gguf/bert_f32.gguf");
  ASSERT_TRUE(found.pooling);
  EXPECT_THAT(found.pooling->modes, testing::ElementsAre(PoolingMode::mean));
  ASSERT_EQ(found.modules.size(), 1u);
  EXPECT_TRUE(std::holds_alternative<NormalizeModule>(found.modules[0]));
}

TEST_F(SentenceFiles, SayHowTextsBecomeVectors) {
  const SentenceDescription found = read_sentence_files(directory_ / ".");
  EXPECT_THAT(found.pooling->modes, testing::ElementsAre(PoolingMode::cls));
  EXPECT_EQ(found.max_tokens, 12);
  EXPECT_EQ(found.similarity, Similarity::dot);
  ASSERT_EQ(found.modules.size(), 1u);
  EXPECT_EQ(std::get<DenseModule>(found.modules[0]).out, 4);
  EXPECT_EQ(found.prompts, (std::vector<std::pair<std::string, std::string>>{{"query", "q: "}}));
}

TEST_F(SentenceFiles, PathsThatLeaveTheDirectoryAreRefused) {
  for (const char* path : {"\"../1_Pooling\"", "\"/etc\"", "\"1_Pooling/../../x\""}) {
    write("modules.json", modules(path, "sentence_transformers.models.Normalize"));
    EXPECT_THAT(error(), HasSubstr("which leaves the directory of the model")) << path;
  }
}

TEST_F(SentenceFiles, UnknownModulesAreRefusedByName) {
  for (const char* type : {"sentence_transformers.models.CNN", "custom_st.Dense", "Normalize"}) {
    write("modules.json", modules("\"1_Pooling\"", type));
    EXPECT_THAT(error(), testing::AllOf(HasSubstr(std::string("\"") + type + "\""), HasSubstr("is not supported")));
  }
  write("modules.json", R"([{"type": "sentence_transformers.models.StaticEmbedding", "path": ""}])");
  EXPECT_THAT(error(), HasSubstr("StaticEmbedding"));
}

TEST_F(SentenceFiles, AMissingPoolingIsRefused) {
  write("modules.json", R"([{"type": "sentence_transformers.models.Transformer", "path": ""}])");
  EXPECT_THAT(error(), HasSubstr("names no Pooling module"));
  write("modules.json", R"([{"type": "sentence_transformers.models.Transformer", "path": ""},
                            {"type": "sentence_transformers.models.Dense", "path": "2"}])");
  EXPECT_THAT(error(), HasSubstr("Dense stands before a Pooling"));
  write("modules.json", modules("\"nowhere\"", "sentence_transformers.models.Dense"));
  EXPECT_THAT(error(), HasSubstr("nowhere/config.json"));
}

TEST_F(SentenceFiles, SettingsThatAreNotSupportedAreRefusedByName) {
  const auto refused = [&](const char* file, const char* text, const char* what) {
    const std::string before = read_file(directory_ / file);
    write(file, text);
    EXPECT_THAT(error(), testing::AllOf(HasSubstr(file), HasSubstr(what)));
    write(file, before);
  };
  refused("1_Pooling/config.json", R"({"pooling_mode": "median"})", "median");
  refused("1_Pooling/config.json", R"({"pooling_mode_first": true})", "pooling_mode_first");
  refused("1_Pooling/config.json", R"({"pooling_mode": []})", "is empty");
  refused("2/config.json", R"({"in_features": 16, "out_features": 4, "activation_function": "torch.nn.modules.activation.PReLU"})",
          "PReLU");
  refused("2/config.json", R"({"in_features": 16, "out_features": 4, "use_residual": true})", "use_residual");
  refused("2/config.json", R"({"in_features": 0, "out_features": 4})", "in_features");
  refused("sentence_bert_config.json", R"({"max_seq_length": 0})", "max_seq_length");
  refused("sentence_bert_config.json", R"({"query_length": 3})", "query_length");
  refused("sentence_bert_config.json", R"({"model_args": {"is_causal": false}})", "is_causal");
  refused("config_sentence_transformers.json", R"({"model_type": "SparseEncoder"})", "SparseEncoder");
  refused("config_sentence_transformers.json", R"({"similarity_fn_name": "maxsim"})", "maxsim");
  refused("config_sentence_transformers.json", R"({"prompts": {"a": "x"}, "default_prompt_name": "b"})", "\"b\"");
  refused("modules.json", R"({"0": 1})", "must be an array");
  refused("modules.json", "[]", "the first module is missing");
}

}  // namespace
}  // namespace qkv
