#include "lab/questions/questions.h"

namespace qkv::lab {

const std::vector<Experiment>& experiments() {
  static const std::vector<Experiment> all{
      self_attention(),        //
      score_scale(),           //
      heads(),                 //
      two_looks(),             //
      separate_projections(),  //
      cycle(),                 //
      additive_attention(),    //
      additive_cost(),         //
      quadratic(),             //
      flash_attention(),       //
      kv_heads(),              //
      kv_quality(),            //
      positions(),             //
      residual_norm(),         //
      batch_norm(),            //
      embedding_scale(),       //
      padding(),               //
      feed_forward(),          //
      families(),              //
      context_rates(),         //
      context(),               //
      distance_rates(),        //
      distance(),              //
      sequence_speed(),        //
      tokenizers(),            //
      bert_tokenizer(),        //
      paper_table3(),          //
  };
  return all;
}

}  // namespace qkv::lab
