// Chat templates against transformers' apply_chat_template (tools/golden/chat.py), and where they are found.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <ctime>
#include <functional>

#include "base/error.h"
#include "base/files.h"
#include "base/temporary_directory.h"
#include "base/text_source.h"
#include "formats/gguf_writer.h"
#include "formats/json.h"
#include "qkv/chat.h"

namespace qkv {
namespace {

using Json = nlohmann::ordered_json;
using testing::ElementsAre;
using testing::HasSubstr;

const std::filesystem::path kGoldens = std::filesystem::path(QKV_SOURCE_DIR) / "tests/goldens/chat";

std::string error_of(const std::function<void()>& run) {
  try {
    run();
    return "";
  } catch (const Error& error) {
    return error.what();
  }
}

ChatOptions options_of(const Json& each) {
  ChatOptions options{.now = 1'750'075'384};
  const Json given = each.value("options", Json::object());
  options.add_generation_prompt = given.value("add_generation_prompt", true);
  options.continue_final_message = given.value("continue_final_message", false);
  if (each.contains("tools")) options.tools = each["tools"].dump();
  if (each.contains("documents")) options.documents = each["documents"].dump();
  if (each.contains("variables")) options.variables = each["variables"].dump();
  return options;
}

class ChatTemplates : public testing::Test {
 protected:
  void SetUp() override {
    setenv("TZ", "UTC", 1);
    tzset();
    write("tokenizer_config.json", R"({"bos_token": "<s>", "eos_token": {"content": "</s>"}, "unk_token": "<unk>"})");
  }
  void write(const std::string& name, std::string_view content) { directory_.write(name, content); }
  std::string rendered(const ChatOptions& options = {}) {
    return ChatTemplate::load(directory_.path()).render(R"([{"role": "user", "content": "hi"}])", options).text;
  }

  TemporaryDirectory directory_;
};

TEST_F(ChatTemplates, EveryFamilyRendersAsTransformersDoes) {
  const std::vector<std::filesystem::path> files = {kGoldens / "families.json.gz"};
  const Json families = Json::parse(TextSource::open(files).text()), cases = Json::parse(read_file(kGoldens / "conversations.json"));
  EXPECT_GE(families.size(), 27u);
  for (const auto& [family, expected] : families.items()) {
    const ChatTemplate chat = ChatTemplate::load(directory_.path(), kGoldens / "templates" / (family + ".jinja"));
    ASSERT_EQ(chat.fault("default"), std::nullopt);
    ASSERT_EQ(expected.size(), cases.size());
    for (size_t i = 0; i < cases.size(); ++i) {
      std::string text;
      const std::string error = error_of([&] { text = chat.render(cases[i]["messages"].dump(), options_of(cases[i])).text; });
      EXPECT_EQ(error.empty(), !expected[i].is_null()) << family << ", conversation " << i << ": " << error;
      EXPECT_EQ(text, expected[i].is_string() ? expected[i].get<std::string>() : "") << family << ", conversation " << i;
    }
  }
}

TEST_F(ChatTemplates, AreFoundWhereTransformersFindsThem) {
  EXPECT_THAT(error_of([&] { rendered(); }), HasSubstr("has no chat template"));
  write("tokenizer_config.json", R"({"chat_template": "{{ bos_token }}config", "bos_token": "<s>"})");
  EXPECT_EQ(rendered(), "<s>config");
  write("tokenizer_config.json", R"({"chat_template": [{"name": "default", "template": "plain"}, {"name": "tool_use", "template": "tools"},
                                     {"name": "rag", "template": "{{ documents[0].text }}"}]})");
  EXPECT_EQ(rendered(), "plain");
  EXPECT_EQ(rendered({.tools = "[]"}), "tools");
  EXPECT_EQ(rendered({.documents = R"([{"text": "found"}])", .template_name = "rag"}), "found");
  EXPECT_THAT(error_of([&] { rendered({.template_name = "other"}); }), HasSubstr("it has: default, rag, tool_use"));
  write("chat_template.jinja", "file");
  EXPECT_EQ(rendered(), "file");
  std::filesystem::create_directory(directory_ / "chat_templates");
  write("chat_templates/extra.jinja", "extra");
  EXPECT_THAT(ChatTemplate::load(directory_.path()).names(), ElementsAre("default", "extra"));
  EXPECT_EQ(rendered({.template_name = "extra"}), "extra");
}

TEST_F(ChatTemplates, OfGgufFilesHaveTheirTokens) {
  const auto file = directory_.write("model.gguf", GgufWriter()
                                                       .string("tokenizer.chat_template", "{{ bos_token }}|{{ eos_token }}")
                                                       .strings("tokenizer.chat_templates", {"tool_use"})
                                                       .string("tokenizer.chat_template.tool_use", "tools")
                                                       .strings("tokenizer.ggml.tokens", {"<unk>", "<s>", "</s>"})
                                                       .integer("tokenizer.ggml.bos_token_id", 1)
                                                       .integer("tokenizer.ggml.eos_token_id", 2)
                                                       .build());
  const ChatTemplate chat = ChatTemplate::load(file);
  EXPECT_EQ(chat.render(ChatTemplate::conversation("hi")).text, "<s>|</s>");
  EXPECT_THAT(chat.names(), ElementsAre("default", "tool_use"));
}

TEST_F(ChatTemplates, AFaultyTemplateIsNamedAndOthersCanBeUsed) {
  write("tokenizer_config.json", R"({"chat_template": [{"name": "default", "template": "\n{% block x %}{% endblock %}"},
                                     {"name": "good", "template": "good"}]})");
  const ChatTemplate chat = ChatTemplate::load(directory_.path());
  EXPECT_THAT(*chat.fault("default"), HasSubstr("tokenizer_config.json, line 2: the tag {% block %} is not supported"));
  EXPECT_EQ(chat.fault("good"), std::nullopt);
  EXPECT_THAT(error_of([&] { rendered(); }), HasSubstr("{% block %}"));
  EXPECT_EQ(rendered({.template_name = "good"}), "good");
}

TEST_F(ChatTemplates, MessagesThatAreNoneAreRefused) {
  write("chat_template.jinja", "{{ messages | tojson }}{{ tools | tojson }}");
  const ChatTemplate chat = ChatTemplate::load(directory_.path());
  const auto error = [&](std::string_view messages, const ChatOptions& options = {}) {
    return error_of([&] { chat.render(messages, options); });
  };
  EXPECT_THAT(error("[]"), HasSubstr("is empty"));
  EXPECT_THAT(error("[1]"), HasSubstr("message 1 is no JSON object"));
  EXPECT_THAT(error("{}"), HasSubstr("without \"messages\""));
  EXPECT_THAT(error("[{\"role\": "), HasSubstr("the messages: not valid JSON at line 1"));
  EXPECT_THAT(error("[{}]", {.tools = "{}"}), HasSubstr("tools must be a JSON array"));
  EXPECT_THAT(error("[{}]", {.variables = "[]"}), HasSubstr("variables must be a JSON object"));
  EXPECT_THAT(error("[{}]", {.add_generation_prompt = false, .continue_final_message = true}), HasSubstr("no \"content\""));
  EXPECT_THAT(error("[{}]", {.continue_final_message = true}), HasSubstr("exclude each other"));
  EXPECT_EQ(chat.render(R"({"messages": [{"role": "user", "content": null, "thinking": "t"}], "tools": [{}]})").text,
            R"([{"thinking": "t", "role": "user", "reasoning_content": "t"}][{}])");
  EXPECT_EQ(chat.render(ChatTemplate::conversation("\"q\"", "s")).text,
            R"([{"role": "system", "content": "s"}, {"role": "user", "content": "\"q\""}]null)");
}

}  // namespace
}  // namespace qkv
