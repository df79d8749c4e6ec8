#include "predict/option_table.h"

namespace qkv {

using namespace option_kinds;

namespace {

// A list with commas between its items.
template <typename Options>
TableOption<Options> words(const Entry& entry, std::vector<std::string> Options::*field) {
  TableOption<Options> option = start<Options>(entry, OptionType::text, "WORDS");
  option.fault = [](const std::string& text) {
    const bool gap = text.empty() || text.front() == ',' || text.back() == ',' || text.find(",,") != std::string::npos;
    return gap ? fmt::format("\"{}\" has an empty word", text) : std::string();
  };
  option.assign = [=](Options& options, const std::string& text, const std::string&) {
    options.*field = {};
    for (size_t at = 0; at <= text.size();) {
      const size_t end = std::min(text.find(',', at), text.size());
      (options.*field).push_back(text.substr(at, end - at));
      at = end + 1;
    }
  };
  option.get = [=](const Options& options) { return fmt::format("{}", fmt::join(options.*field, ",")); };
  return option;
}

}  // namespace

std::span<const TableOption<ClassifyOptions>> classify_option_table() {
  using O = ClassifyOptions;
  static const std::vector<TableOption<O>> table = {
      choice({"scores",
              "What is printed of the model's outputs: probabilities of labels of which one holds, a probability of each label, or the "
              "outputs "
              "(default: as the model says)",
              false, nullptr, "HOW"},
             &O::scores,
             {{"automatic", ScoreFunction::automatic},
              {"softmax", ScoreFunction::softmax},
              {"sigmoid", ScoreFunction::sigmoid},
              {"none", ScoreFunction::none}}),
      integer({"batch-tokens", "Tokens computed at once"}, &O::batch_tokens, 1),
  };
  return table;
}

std::span<const TableOption<ChooseOptions>> choose_option_table() {
  static const std::vector<TableOption<ChooseOptions>> table = {
      integer({"batch-tokens", "Tokens computed at once"}, &ChooseOptions::batch_tokens, 1),
  };
  return table;
}

std::span<const TableOption<TagOptions>> tag_option_table() {
  using O = TagOptions;
  static const std::vector<TableOption<O>> table = {
      choice(
          {"aggregation",
           "How labels of tokens become entities: token by token; neighbours joined; or each word as its first token, by the mean of its "
           "tokens, or as its surest token",
           false, nullptr, "HOW"},
          &O::aggregation,
          {{"none", Aggregation::none},
           {"simple", Aggregation::simple},
           {"first", Aggregation::first},
           {"average", Aggregation::average},
           {"max", Aggregation::max}}),
      flag({"outside", "Also what has the label O, which belongs to no entity"}, &O::outside),
      integer({"stride",
               "Lines longer than the model takes are read in windows, each of which repeats N tokens of the one before (default: 128, at "
               "most half a window)"},
              &O::stride, 0),
      integer({"batch-tokens", "Tokens computed at once"}, &O::batch_tokens, 1),
  };
  return table;
}

std::span<const TableOption<AnswerOptions>> answer_option_table() {
  using O = AnswerOptions;
  static const std::vector<TableOption<O>> table = {
      integer({"top-k", "Answers to each question, the best first"}, &O::top_k, 1),
      integer({"max-answer-tokens", "Tokens of the longest answer"}, &O::max_answer_tokens, 1),
      flag({"no-answer", "Also say, with a score, that the text holds no answer, as models of SQuAD 2.0 learn it"}, &O::no_answer),
      flag({"split-words", "Answers may begin and end inside words"}, &O::split_words),
      integer({"window", "Tokens that are read at once: question and part of the text; at most what the model takes"}, &O::window, 1),
      integer({"stride", "Tokens of the text that a window repeats from the one before it (default: 128, at most half a window)"},
              &O::stride, 0),
      integer({"batch-tokens", "Tokens computed at once"}, &O::batch_tokens, 1),
  };
  return table;
}

std::span<const TableOption<FillMaskOptions>> fill_mask_option_table() {
  using O = FillMaskOptions;
  static const std::vector<TableOption<O>> table = {
      integer({"top-k", "Tokens for each mask, the likeliest first"}, &O::top_k, 1),
      words({"targets", "Choose among these words, with commas between them, instead of all tokens", false, nullptr, "WORDS"}, &O::targets),
      integer({"batch-tokens", "Tokens computed at once"}, &O::batch_tokens, 1),
  };
  return table;
}

}  // namespace qkv
