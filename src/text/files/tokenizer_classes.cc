#include "text/files/tokenizer_classes.h"

#include <algorithm>
#include <utility>

namespace qkv {
namespace {

constexpr std::string_view kBackend = "TokenizersBackend";

// From transformers 5.24, models/auto/tokenization_auto.py: model types whose tokenizer.json is read unchanged.
constexpr std::string_view kAsTheyStand[] = {"EvollaModel",
                                             "arctic",
                                             "aria",
                                             "beam",
                                             "bigbird_pegasus",
                                             "camembertv2-base",
                                             "canary",
                                             "chatlm",
                                             "cohere_asr",
                                             "ernie4_5",
                                             "ernie4_5_moe",
                                             "flex_olmo",
                                             "fuyu",
                                             "glm",
                                             "glm4",
                                             "glm4_moe",
                                             "glm4_moe_lite",
                                             "glm4v",
                                             "glm4v_moe",
                                             "glm_image",
                                             "glmasr",
                                             "got_ocr2",
                                             "gpt_bigcode",
                                             "gradium_phonon_tts",
                                             "granite",
                                             "granitemoe",
                                             "granitemoehybrid",
                                             "granitemoeshared",
                                             "h2ovl_chat",
                                             "hyperclovax",
                                             "hyperclovax_vlm",
                                             "internlm2",
                                             "internlm3",
                                             "iquestcoder",
                                             "jamba",
                                             "kimi_k25",
                                             "kimi_linear",
                                             "kosmos-2",
                                             "llava",
                                             "llava_next",
                                             "mimo_v2_flash",
                                             "minicpm3",
                                             "minicpm_ocr",
                                             "minicpmv",
                                             "minicpmv4_6",
                                             "minicpmv4_7",
                                             "minimax_m2",
                                             "ministral",
                                             "ministral3",
                                             "mistral",
                                             "mistral3",
                                             "mistral_large4",
                                             "mixtral",
                                             "modernbert",
                                             "modernbert-decoder",
                                             "molmo",
                                             "molmo2",
                                             "nemo_speechlm",
                                             "nemotron",
                                             "nvfp4",
                                             "nystromformer",
                                             "olmo2",
                                             "olmo3",
                                             "olmo_hybrid",
                                             "omniasr",
                                             "opencua",
                                             "openvla",
                                             "paddleocr_vl",
                                             "pegasus_x",
                                             "persimmon",
                                             "phi3",
                                             "phi3_v",
                                             "phimoe",
                                             "pix2struct",
                                             "pixtral",
                                             "pocket_tts",
                                             "smolvlm",
                                             "stablelm",
                                             "step3_vl",
                                             "umt5",
                                             "vipllava",
                                             "voxtral",
                                             "voxtral_realtime",
                                             "xlm-roberta-xl"};

// Model types with a fixed class, whatever the files name.
constexpr std::pair<std::string_view, std::string_view> kAlways[] = {{"qwen2", "Qwen2Tokenizer"}};

// The class of a model type if the files name none.
constexpr std::pair<std::string_view, std::string_view> kOfTypes[] = {{"bert", "BertTokenizer"},
                                                                      {"distilbert", "BertTokenizer"},
                                                                      {"electra", "BertTokenizer"},
                                                                      {"mpnet", "MPNetTokenizer"},
                                                                      {"convbert", "BertTokenizer"},
                                                                      {"mobilebert", "MobileBertTokenizer"},
                                                                      {"gpt2", "GPT2Tokenizer"},
                                                                      {"gpt_neo", "GPT2Tokenizer"},
                                                                      {"gptj", "GPT2Tokenizer"},
                                                                      {"opt", "GPT2Tokenizer"},
                                                                      {"phi", "GPT2Tokenizer"},
                                                                      {"bart", "RobertaTokenizer"},
                                                                      {"roberta", "RobertaTokenizer"},
                                                                      {"qwen3", "Qwen2Tokenizer"},
                                                                      {"gemma", "GemmaTokenizer"},
                                                                      {"gemma2", "GemmaTokenizer"},
                                                                      {"gemma3", "GemmaTokenizer"},
                                                                      {"gemma3_text", "GemmaTokenizer"},
                                                                      {"t5", "T5Tokenizer"},
                                                                      {"mt5", "T5Tokenizer"},
                                                                      {"switch_transformers", "T5Tokenizer"},
                                                                      {"code_llama", "CodeLlamaTokenizer"},
                                                                      {"pegasus", "PegasusTokenizer"}};

}  // namespace

std::string resolved_tokenizer_class(const std::string& named, std::string_view model_type) {
  if (std::find(std::begin(kAsTheyStand), std::end(kAsTheyStand), model_type) != std::end(kAsTheyStand)) return std::string(kBackend);
  for (const auto& [type, name] : kAlways) {
    if (type == model_type) return std::string(name);
  }
  if (!named.empty()) return named;
  for (const auto& [type, name] : kOfTypes) {
    if (type == model_type) return std::string(name);
  }
  return "";
}

}  // namespace qkv
