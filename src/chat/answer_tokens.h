// Tokenizes conversations for fine-tuning, as the chat template writes them, and marks the tokens of the assistant's answers.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "qkv/chat.h"
#include "qkv/tokenizer.h"

namespace qkv {

struct AnswerTokens {
  std::vector<int32_t> ids;
  std::vector<uint8_t> is_answer;  // 1 for a token with a part of an answer
};

// `conversation` is what ChatTemplate::render takes. Answers are what the template marks with {% generation %}, or else what it adds for
// each message of the assistant to the text that it makes of the messages before, with the beginning of an answer: what a model would have
// to write. Templates that show earlier answers otherwise than the last one (without their thoughts, say) give a sequence for each of
// these. Throws qkv::Error as render does, and (bad_input) if there is no answer, or if an answer does not begin as the template begins
// one.
std::vector<AnswerTokens> tokenize_answers(const ChatTemplate& chat, const Tokenizer& tokenizer, std::string_view conversation);

}  // namespace qkv
