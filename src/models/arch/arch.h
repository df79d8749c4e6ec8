// One function per class of transformers, or per family whose classes differ in their heads; each family has its own file.
#pragma once

#include "models/architecture.h"

namespace qkv {

Architecture marian();
Architecture pegasus();
std::vector<Architecture> t5_family();
std::vector<Architecture> mt5_family();
std::vector<Architecture> umt5_family();
std::vector<Architecture> bart_family();
std::vector<Architecture> mbart_family();
Architecture m2m100();
Architecture gpt2();
Architecture llama();
Architecture mistral();
Architecture qwen2();
Architecture qwen3();
Architecture ministral();
Architecture gemma();
Architecture gemma2();
Architecture gemma3();
Architecture phi3();
Architecture smollm3();
Architecture granite();
Architecture hunyuan();
Architecture olmo2();
Architecture olmo3();
Architecture gpt_neox();
Architecture phi();
Architecture gptj();
Architecture opt();
Architecture starcoder2();
Architecture gpt_bigcode();
Architecture falcon();
Architecture mpt();
Architecture bloom();
Architecture stablelm();
Architecture cohere2();
Architecture exaone4();
Architecture glm4();
Architecture apertus();
Architecture ministral3();
Architecture mistral3_vl();
Architecture gemma3_vl();
std::vector<Architecture> bert_family();
std::vector<Architecture> roberta_family();
std::vector<Architecture> distilbert_family();
std::vector<Architecture> electra_family();
std::vector<Architecture> mpnet_family();
std::vector<Architecture> albert_family();
std::vector<Architecture> modernbert_family();
std::vector<Architecture> eurobert_family();
std::vector<Architecture> nomic_bert_family();
std::vector<Architecture> gte_family();
std::vector<Architecture> jina_embeddings_v3_family();
std::vector<Architecture> jina_bert_family();
std::vector<Architecture> deberta_v2_family();
std::vector<Architecture> gemma3_encoder_family();
Architecture own();

}  // namespace qkv
