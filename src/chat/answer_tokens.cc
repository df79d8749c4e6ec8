#include "chat/answer_tokens.h"

#include <algorithm>
#include <string>

#include "base/error.h"
#include "formats/json.h"

namespace qkv {
namespace {

using nlohmann::ordered_json;

struct MarkedText {
  std::string text;
  std::vector<ByteRange> answers;
};

// The conversation's first messages only.
std::string beginning_of(const ordered_json& conversation, size_t messages) {
  ordered_json copy = conversation;
  ordered_json& list = copy.is_object() ? copy["messages"] : copy;
  list.erase(list.begin() + static_cast<ptrdiff_t>(messages), list.end());
  return copy.dump();
}

bool is_from_assistant(const ordered_json& message) { return message.is_object() && message.value("role", ordered_json()) == "assistant"; }

// The answer of message `i`, in the text that ends with it.
MarkedText answer_at(const ChatTemplate& chat, const ordered_json& conversation, size_t i) {
  const std::string before = chat.render(beginning_of(conversation, i), {.add_generation_prompt = true}).text;
  MarkedText result{.text = chat.render(beginning_of(conversation, i + 1), {.add_generation_prompt = false}).text};
  if (!result.text.starts_with(before)) {
    fail(
        ErrorCode::bad_input,
        "the chat template does not show message {} as it begins an answer of the assistant, so that nothing says where the answer begins; "
        "give a template of your own with {{% generation %}} around answers",
        i + 1);
  }
  result.answers = {{before.size(), result.text.size()}};
  return result;
}

std::vector<MarkedText> mark_answers(const ChatTemplate& chat, std::string_view conversation) {
  const RenderedChat whole = chat.render(conversation, {.add_generation_prompt = false});
  if (!whole.generated.empty()) return {{whole.text, whole.generated}};
  const ordered_json json = ordered_json::parse(conversation);  // render has read it
  const ordered_json& messages = json.is_object() ? json["messages"] : json;
  std::vector<MarkedText> texts = {{whole.text, {}}};
  for (size_t i = 0; i < messages.size(); ++i) {
    if (!is_from_assistant(messages[i])) continue;
    MarkedText one = answer_at(chat, json, i);
    if (whole.text.starts_with(one.text)) {
      texts.front().answers.push_back(one.answers.front());
    } else {
      texts.push_back(std::move(one));
    }
  }
  if (texts.front().answers.empty()) texts.erase(texts.begin());
  return texts;
}

AnswerTokens tokenize(const Tokenizer& tokenizer, const MarkedText& marked) {
  Encoding encoding = tokenizer.encode_with_offsets(marked.text, {.add_special_tokens = false, .special_tokens_as_text = false});
  AnswerTokens tokens{.ids = std::move(encoding.ids)};
  for (const ByteRange& range : encoding.offsets) {
    tokens.is_answer.push_back(std::any_of(marked.answers.begin(), marked.answers.end(), [&](const ByteRange& answer) {
      return range.begin < range.end && range.begin < answer.end && range.end > answer.begin;
    }));
  }
  return tokens;
}

}  // namespace

std::vector<AnswerTokens> tokenize_answers(const ChatTemplate& chat, const Tokenizer& tokenizer, std::string_view conversation) {
  const std::vector<MarkedText> texts = mark_answers(chat, conversation);
  if (texts.empty()) fail(ErrorCode::bad_input, "the conversation has no answer: no message with the role \"assistant\"");
  std::vector<AnswerTokens> result;
  for (const MarkedText& text : texts) result.push_back(tokenize(tokenizer, text));
  return result;
}

}  // namespace qkv
