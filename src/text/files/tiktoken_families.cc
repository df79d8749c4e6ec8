#include "text/files/tiktoken_families.h"

#include <fmt/ranges.h>

#include <algorithm>

#include "base/log.h"
#include "base/option_error.h"
#include "text/unicode/split_patterns.h"

namespace qkv {
namespace {

using Special = std::vector<std::pair<std::string, int32_t>>;
using Names = std::initializer_list<std::string_view>;

void append(Special& special, int32_t& id, Names names) {
  for (const std::string_view name : names) special.emplace_back(name, id++);
}
// BEFORE first BEHIND, BEFORE first+1 BEHIND, …
void append_numbered(Special& special, int32_t& id, std::string_view before, int first, int count, std::string_view behind = "|>") {
  for (int i = first; i < first + count; ++i) special.emplace_back(fmt::format("{}{}{}", before, i, behind), id++);
}

Special gpt2(int32_t) { return {{"<|endoftext|>", 50256}}; }
Special p50k_edit(int32_t) {
  return {{"<|endoftext|>", 50256}, {"<|fim_prefix|>", 50281}, {"<|fim_middle|>", 50282}, {"<|fim_suffix|>", 50283}};
}
Special cl100k(int32_t) {
  return {{"<|endoftext|>", 100257},
          {"<|fim_prefix|>", 100258},
          {"<|fim_middle|>", 100259},
          {"<|fim_suffix|>", 100260},
          {"<|endofprompt|>", 100276}};
}
Special o200k(int32_t) { return {{"<|endoftext|>", 199999}, {"<|endofprompt|>", 200018}}; }
Special o200k_harmony(int32_t) {
  return {{"<|startoftext|>", 199998}, {"<|endoftext|>", 199999},  {"<|return|>", 200002}, {"<|constrain|>", 200003},
          {"<|channel|>", 200005},     {"<|start|>", 200006},      {"<|end|>", 200007},    {"<|message|>", 200008},
          {"<|call|>", 200012},        {"<|endofprompt|>", 200018}};
}

Special phi3_small(int32_t) {
  Special special = {{"<|dummy_id_2|>", 100256}};
  int32_t id = 100257;
  append(special, id, {"<|endoftext|>", "<|fim_prefix|>", "<|fim_middle|>", "<|fim_suffix|>", "<|system|>", "<|user|>", "<|assistant|>"});
  append(special, id, {"<|dummy_id_0|>", "<|dummy_id_1|>", "<|end|>"});
  append_numbered(special, id, "<|dummy_id_", 3, 9);
  append(special, id, {"<|endofprompt|>"});
  append_numbered(special, id, "<|dummy_id_", 12, 75);
  return special;
}

Special arcade100k(int32_t) {
  Special special;
  int32_t id = 100257;
  append(special, id, {"<|endoftext|>", "<|fim_prefix|>", "<|fim_middle|>", "<|fim_suffix|>", "<|fim_pad|>", "<gh_stars>", "<filename>"});
  append(special, id, {"<issue_start>", "<issue_comment>", "<issue_closed>", "<jupyter_start>", "<jupyter_text>", "<jupyter_code>"});
  append(special, id, {"<jupyter_output>", "<empty_output>", "<commit_before>", "<commit_msg>", "<commit_after>", "<reponame>"});
  append(special, id, {"<|endofprompt|>", "<|im_start|>", "<|im_end|>", "<|pause|>"});
  append_numbered(special, id, "<|reg", 0, 8);
  append(special, id, {"<|extra0|>"});
  return special;
}

// The names that transformers uses since Llama 3.1.
Special llama3(int32_t id) {
  Special special;
  append(special, id, {"<|begin_of_text|>", "<|end_of_text|>", "<|reserved_special_token_0|>", "<|reserved_special_token_1|>"});
  append(special, id, {"<|finetune_right_pad_id|>", "<|reserved_special_token_2|>", "<|start_header_id|>", "<|end_header_id|>"});
  append(special, id, {"<|eom_id|>", "<|eot_id|>", "<|python_tag|>"});
  append_numbered(special, id, "<|reserved_special_token_", 3, 245);
  return special;
}

Special llama4(int32_t id) {
  Special special;
  append(special, id, {"<|begin_of_text|>", "<|end_of_text|>", "<|fim_prefix|>", "<|fim_middle|>", "<|fim_suffix|>"});
  append(special, id, {"<|header_start|>", "<|header_end|>", "<|eom|>", "<|eot|>", "<|step|>"});
  append_numbered(special, id, "<|text_post_train_reserved_special_token_", 0, 6);
  append(special, id, {"<|python_start|>", "<|python_end|>", "<|finetune_right_pad|>"});
  append_numbered(special, id, "<|text_post_train_reserved_special_token_", 6, 61);
  append(special, id, {"<|image_start|>", "<|image_end|>"});
  append_numbered(special, id, "<|vision_reserved_special_token_", 0, 2);
  append(special, id, {"<|tile_x_separator|>", "<|tile_y_separator|>"});
  append_numbered(special, id, "<|vision_reserved_special_token_", 2, 4);
  append(special, id, {"<|image|>", "<|vision_reserved_special_token_6|>", "<|patch|>"});
  append_numbered(special, id, "<|vision_reserved_special_token_", 7, 1041);
  return special;
}

Special qwen(int32_t id) {
  Special special;
  append(special, id, {"<|endoftext|>", "<|im_start|>", "<|im_end|>"});
  append_numbered(special, id, "<|extra_", 0, 205);
  return special;
}

Special qwen35(int32_t id) {
  Special special;
  append(special, id, {"<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|object_ref_start|>", "<|object_ref_end|>", "<|box_start|>"});
  append(special, id, {"<|box_end|>", "<|quad_start|>", "<|quad_end|>", "<|vision_start|>", "<|vision_end|>", "<|vision_pad|>"});
  append(special, id, {"<|image_pad|>", "<|video_pad|>", "<tool_call>", "</tool_call>", "<|fim_prefix|>", "<|fim_middle|>"});
  append(special, id, {"<|fim_suffix|>", "<|fim_pad|>", "<|repo_name|>", "<|file_sep|>", "<tool_response>", "</tool_response>"});
  append(special, id, {"<think>", "</think>", "<|audio_start|>", "<|audio_end|>", "<tts_pad>", "<tts_text_bos>", "<tts_text_eod>"});
  append(special, id, {"<tts_text_bos_single>", "<|audio_pad|>"});
  return special;
}

Special hunyuan(int32_t id) {
  Special special;
  append(special, id, {"<|endoftext|>", "<|startoftext|>", "<|bos|>", "<|eos|>", "<|pad|>"});
  append_numbered(special, id, "<|extra_", 0, 205);
  return special;
}

Special glm4(int32_t id) {
  Special special;
  append(special, id, {"<|endoftext|>", "[MASK]", "[gMASK]", "[sMASK]", "<sop>", "<eop>", "<|system|>", "<|user|>", "<|assistant|>"});
  append(special, id, {"<|observation|>", "<|begin_of_image|>", "<|end_of_image|>", "<|begin_of_video|>", "<|end_of_video|>"});
  return special;
}

// Ids that tokenizer_config.json does not name are reserved.
Special kimi(int32_t id) {
  Special special;
  append(special, id, {"[BOS]", "[EOS]"});
  append_numbered(special, id, "<|reserved_token_", id, 256);
  return special;
}

// Whisper's second and third versions. v3 has one more language, which only its tokenizer.json tells.
Special whisper(int32_t id) {
  Special special;
  append(special, id, {"<|endoftext|>", "<|startoftranscript|>"});
  for (const char* language :
       {"en", "zh", "de", "es", "ru", "ko", "fr", "ja", "pt", "tr", "pl", "ca", "nl", "ar",  "sv", "it", "id", "hi", "fi", "vi",
        "he", "uk", "el", "ms", "cs", "ro", "da", "hu", "ta", "no", "th", "ur", "hr", "bg",  "lt", "la", "mi", "ml", "cy", "sk",
        "te", "fa", "lv", "bn", "sr", "az", "sl", "kn", "et", "mk", "br", "eu", "is", "hy",  "ne", "mn", "bs", "kk", "sq", "sw",
        "gl", "mr", "pa", "si", "km", "sn", "yo", "so", "af", "oc", "ka", "be", "tg", "sd",  "gu", "am", "yi", "lo", "uz", "fo",
        "ht", "ps", "tk", "nn", "mt", "sa", "lb", "my", "bo", "tl", "mg", "as", "tt", "haw", "ln", "ha", "ba", "jw", "su"}) {
    special.emplace_back(fmt::format("<|{}|>", language), id++);
  }
  append(special, id, {"<|translate|>", "<|transcribe|>", "<|startoflm|>", "<|startofprev|>", "<|nospeech|>", "<|notimestamps|>"});
  for (int i = 0; i <= 1500; ++i) special.emplace_back(fmt::format("<|{}.{:02}|>", i / 50, i % 50 * 2), id++);
  return special;
}

const std::vector<TiktokenFamily>& families() {
  using namespace patterns;
  static const std::vector<TiktokenFamily> all = {
      {"gpt2", kGpt2, 50256, {}, {"gpt2", "r50k"}, false, gpt2},
      {"p50k_base", kGpt2, 50281, {}, {"p50k"}, false, gpt2},
      {"p50k_edit", kGpt2, 0, {}, {}, false, p50k_edit},
      {"whisper", kGpt2, 50257, {}, {"multilingual"}, false, whisper},
      {"cl100k_base", kCl100k, 100256, {}, {"cl100k"}, false, cl100k},
      {"phi3small", kCl100k, 0, {"Phi3SmallTokenizer"}, {}, false, phi3_small},
      {"arcade100k", kQwen2, 0, {"Arcade100kTokenizer"}, {"arcade100k"}, true, arcade100k},
      {"o200k_base", kO200k, 199998, {}, {"o200k"}, false, o200k},
      {"o200k_harmony", kO200k, 0, {}, {"harmony"}, false, o200k_harmony},
      {"llama3", kLlama3, 128000, {}, {}, false, llama3},
      {"llama4", kO200k, 200000, {}, {}, false, llama4},
      {"qwen", kQwen2, 151643, {"QWenTokenizer"}, {"qwen"}, true, qwen},
      {"qwen3.5", kQwen35, 248044, {"QWenTokenizer"}, {"qwen3_5", "qwen3_6", "qwen3.5", "qwen3.6"}, true, qwen35},
      {"hunyuan", kQwen2, 127957, {"HYTokenizer", "HunYuanTokenizer"}, {"hy.tiktoken"}, true, hunyuan},
      {"glm4", kLlama3, 151329, {"ChatGLM4Tokenizer"}, {}, false, glm4},
      {"kimi_k2", kKimiK2, 163584, {"TikTokenTokenizer"}, {}, false, kimi},
  };
  return all;
}

bool holds(const std::vector<std::string_view>& list, std::string_view value) {
  return std::find(list.begin(), list.end(), value) != list.end();
}

const TiktokenFamily* family_by_name(std::string_view name) {
  for (const TiktokenFamily& family : families()) {
    if (family.name == name) return &family;
  }
  return nullptr;
}

// Finds the family by the class beside the file, and by the number of ranks if several have that class; without a known class by the number
// alone.
const TiktokenFamily* certain_family(size_t ranks, const std::string& tokenizer_class) {
  const TiktokenFamily *by_class = nullptr, *by_ranks = nullptr;
  for (const TiktokenFamily& family : families()) {
    const bool is_class = !tokenizer_class.empty() && holds(family.classes, tokenizer_class);
    if (is_class && (!by_class || family.ranks == ranks)) by_class = &family;
    if (family.ranks == ranks) by_ranks = &family;
  }
  return by_class ? by_class : by_ranks;
}

// The family with the longest match of its names in the file's name.
const TiktokenFamily* family_of_file(const std::string& file) {
  const std::string name = file.substr(file.find_last_of('/') + 1);
  const TiktokenFamily* found = nullptr;
  size_t longest = 0;
  for (const TiktokenFamily& family : families()) {
    for (const std::string_view part : family.file_names) {
      if (part.size() > longest && name.find(part) != std::string::npos) found = &family, longest = part.size();
    }
  }
  return found;
}

TiktokenChoice choice_of(const TiktokenFamily& family, size_t ranks) {
  TiktokenChoice choice{std::string(family.pattern), family.nfc, {}};
  if (family.special) choice.special = family.special(static_cast<int32_t>(ranks));
  return choice;
}

TiktokenChoice choose_without_wish(size_t ranks, const TokenizerConfig& config, const std::string& file, bool tell) {
  if (const TiktokenFamily* family = certain_family(ranks, config.tokenizer_class())) return choice_of(*family, ranks);
  if (const TiktokenFamily* family = family_of_file(file)) {
    if (tell) {
      log_warning("{}: has {} ranks, unlike {}'s files, but is taken for one by its name; `tiktoken_pattern` names another", file, ranks,
                  family->name);
    }
    return choice_of(*family, ranks);
  }
  if (tell) {
    log_warning(
        "{}: has {} ranks, as no tokenizer that qkv knows; texts are cut by Llama 3's pattern, and there are no special tokens but "
        "those of tokenizer_config.json; `tiktoken_pattern` names another",
        file, ranks);
  }
  return {std::string(patterns::kLlama3), false, {}};
}

}  // namespace

TiktokenChoice choose_tiktoken_family(size_t ranks, const TokenizerConfig& config, const std::string& file, const std::string& wanted) {
  if (wanted.empty()) return choose_without_wish(ranks, config, file, true);
  if (const TiktokenFamily* family = family_by_name(wanted)) return choice_of(*family, ranks);
  const bool like_a_name =
      wanted.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-") == std::string::npos;
  if (like_a_name) {
    std::vector<std::string_view> names;
    for (const TiktokenFamily& family : families()) names.push_back(family.name);
    fail_option(ErrorCode::invalid_argument, "`tiktoken_pattern` {} is neither a regular expression nor one of {}", shortened(wanted),
                fmt::join(names, ", "));
  }
  TiktokenChoice choice = choose_without_wish(ranks, config, file, false);
  choice.pattern = wanted;
  return choice;
}

}  // namespace qkv
