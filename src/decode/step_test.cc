#include "decode/step.h"

#include <gtest/gtest.h>

#include <map>
#include <optional>

#include "base/error.h"
#include "base/philox.h"
#include "decode/generator.h"
#include "nn/uniform_config.h"

namespace qkv {
namespace {

constexpr int kVocabulary = 40;

UniformConfig base_config(Kind kind) {
  UniformConfig config;
  config.kind = kind;
  config.vocab_size = kVocabulary;
  config.hidden_size = 32;
  config.encoder_layers = kind == Kind::decoder_only ? 0 : 2;
  config.decoder_layers = 2;
  config.num_attention_heads = 4;
  config.num_key_value_heads = 2;
  config.encoder_ffn_dim = config.decoder_ffn_dim = 48;
  config.norm_position = NormPlace::pre;
  config.max_position_embeddings = 256;
  config.initializer_range = 0.3f;
  config.eos_token_ids = {1};
  return config;
}

struct Case {
  const char* name;
  TransformerConfig config;
};

std::vector<Case> cases() {
  UniformConfig rope = base_config(Kind::decoder_only), alibi = rope, t5 = base_config(Kind::encoder_decoder), marian = t5;
  rope.position = Position::rope;
  alibi.position = Position::alibi;
  t5.position = Position::t5;
  TransformerConfig dynamic = rope;
  for (LayerConfig& layer : dynamic.decoder) {
    layer.attention.rope->scaling = RopeScaling::dynamic;
    layer.attention.rope->factor = 2;
    layer.attention.rope->original_max_positions = 20;
  }
  return {{"rope", rope}, {"alibi", alibi}, {"dynamic rope", dynamic}, {"t5", t5}, {"sinusoidal", marian}};
}

// Input of a sequence: the tokens of each of its steps, and its source.
struct Script {
  size_t source = 0;
  std::vector<std::vector<int32_t>> runs;
  bool operator<(const Script& other) const { return std::tie(source, runs) < std::tie(other.source, other.runs); }
};

class Networks {
 public:
  Networks(const TransformerConfig& config, DType dtype) : store(3, true), network(config, store), random_(5) {
    context.dtype = dtype;
    for (const int32_t length : {3, 70, 17}) sources_.push_back(tokens(length));
  }

  std::vector<int32_t> tokens(int64_t count) {
    std::vector<int32_t> ids;
    for (int64_t i = 0; i < count; ++i) ids.push_back(static_cast<int32_t>(2 + random_.below(kVocabulary - 2)));
    return ids;
  }
  uint64_t below(uint64_t count) { return random_.below(count); }

  KvCache::Table source(Step& step, size_t index) {
    if (!network.config().has_encoder()) return {};
    const std::vector<int32_t>& ids = sources_[index];
    const Segments segments = Segments::of_lengths(std::vector<int32_t>{static_cast<int32_t>(ids.size())});
    return std::move(step.add_sources(network.encode({ids, segments}, context), segments).front());
  }

  // The last logits of the sequence, computed alone.
  const std::vector<float>& alone(const Script& script) {
    const auto [found, added] = alone_.try_emplace(script);
    if (!added) return found->second;
    Step step(network, context);
    std::optional<Sequence> sequence;
    for (const std::vector<int32_t>& run : script.runs) {
      if (!sequence) {
        sequence = step.join(run, {}, {}, source(step, script.source));
      } else {
        for (const int32_t id : run) sequence->append(id);
      }
      found->second = step.run(std::vector{&*sequence}).to_vector();
    }
    return found->second;
  }

  ParameterStore store;
  Transformer network;
  ForwardContext context;

 private:
  RandomStream random_;
  std::vector<std::vector<int32_t>> sources_;
  std::map<Script, std::vector<float>> alone_;
};

struct Member {
  Sequence sequence;
  Script script;
};

// Randomly, sequences join, read prompts of up to 90 tokens beside others that read one token, fork, change places and leave.
void run_at_random(Networks& networks, int steps) {
  Step step(networks.network, networks.context);
  std::vector<Member> members;
  for (int i = 0; i < steps; ++i) {
    if (members.empty() || (members.size() < 8 && networks.below(3) == 0)) {
      const Script script{networks.below(3), {networks.tokens(static_cast<int64_t>(1 + networks.below(90)))}};
      members.push_back({step.join(script.runs.front(), {}, {}, networks.source(step, script.source)), script});
    }
    if (members.size() > 1 && networks.below(4) == 0) {
      std::swap(members.front(), members[networks.below(members.size())]);
      if (networks.below(2) == 0) members.pop_back();
    }
    std::vector<Sequence*> batch;
    std::vector<const Script*> scripts;
    for (Member& each : members) {
      if (each.sequence.unread_tokens() == 0) {
        if (networks.below(4) == 0) continue;  // skips this step
        each.script.runs.push_back(networks.tokens(networks.below(5) == 0 ? 3 : 1));
        for (const int32_t id : each.script.runs.back()) each.sequence.append(id);
      }
      batch.push_back(&each.sequence);
      scripts.push_back(&each.script);
    }
    if (batch.empty()) continue;
    const Tensor logits = step.run(batch);
    for (size_t row = 0; row < batch.size(); ++row) {
      ASSERT_EQ(logits.row_range(static_cast<int64_t>(row), 1).to_vector(), networks.alone(*scripts[row])) << "step " << i;
    }
    if (members.size() < 8 && networks.below(3) == 0) {
      const Member& parent = members[networks.below(members.size())];
      members.push_back({step.fork(parent.sequence), parent.script});
    }
  }
  members.clear();
  EXPECT_EQ(step.cache().free_blocks(), step.cache().blocks());
  EXPECT_EQ(step.source_cache().free_blocks(), step.source_cache().blocks());
}

TEST(Step, ASequenceDependsNeitherOnItsNeighboursNorOnWhenItJoined) {
  for (const Case& each : cases()) {
    for (const DType dtype : {DType::f32, DType::bf16}) {
      SCOPED_TRACE(fmt::format("{}, {}", each.name, name_of(dtype)));
      Networks networks(each.config, dtype);
      ASSERT_NO_FATAL_FAILURE(run_at_random(networks, 60));
    }
  }
}

// Texts sampled together, each joining two steps after the previous one, equal those that generate() samples one by one.
TEST(Step, TextsDrawnTogetherAreThoseDrawnAlone) {
  for (const Case& each : cases()) {
    if (each.config.kind != Kind::decoder_only) continue;
    SCOPED_TRACE(each.name);
    Networks networks(each.config, DType::f32);
    const TransformerConfig& config = networks.network.config();
    constexpr size_t kTexts = 6, kNew = 30;
    std::vector<GeneratedTokens> expected;
    std::vector<std::vector<int32_t>> prompts;
    for (size_t i = 0; i < kTexts; ++i) {
      prompts.push_back(networks.tokens(static_cast<int64_t>(1 + 20 * i)));
      GenerateOptions options{.seed = 7, .sample = static_cast<uint32_t>(i), .max_new_tokens = kNew};
      expected.push_back(generate(networks.network, prompts[i], options));
    }
    Step step(networks.network, networks.context);
    std::vector<Sequence> sequences;
    for (size_t i = 0; i < 2 * kTexts + kNew; ++i) {
      if (i % 2 == 0 && i / 2 < kTexts) {
        const StopRules stop{config.eos_token_ids, prompts[i / 2].size() + kNew};
        sequences.push_back(step.join(prompts[i / 2], stop, {.seed = 7, .sample = static_cast<uint32_t>(i / 2)}));
      }
      std::vector<Sequence*> batch = pointers_to(sequences);
      std::erase_if(batch, [](const Sequence* one) { return one->end() != SequenceEnd::running; });
      if (batch.empty()) continue;
      const Tensor logits = step.run(batch);
      for (size_t row = 0; row < batch.size(); ++row) {
        const Tensor mine = logits.row_range(static_cast<int64_t>(row), 1);
        batch[row]->append(draw_token({mine.host<float>(), kVocabulary}, {}, batch[row]->draw()));
      }
    }
    for (size_t i = 0; i < kTexts; ++i) {
      const auto& ids = sequences[i].tokens();
      std::vector<int32_t> text(ids.begin() + std::ssize(prompts[i]), ids.end());
      if (sequences[i].end() == SequenceEnd::end_token) text.pop_back();
      EXPECT_EQ(text, expected[i].ids) << "text " << i;
    }
  }
}

TEST(Step, ARestartedSequenceReadsItsLastTokensAgain) {
  Networks networks(cases().front().config, DType::f32);
  Step step(networks.network, networks.context);
  const std::vector<int32_t> ids = networks.tokens(40);
  Sequence sequence = step.join({ids.begin(), ids.end() - 1});
  step.run(std::vector{&sequence});
  sequence.append(ids.back());
  step.restart(sequence, 15);
  EXPECT_EQ(sequence.unread_tokens(), 15u);
  const std::vector<float> again = step.run(std::vector{&sequence}).to_vector();
  EXPECT_EQ(again, networks.alone({0, {{ids.end() - 15, ids.end()}}}));
  EXPECT_EQ(sequence.tokens(), ids);
}

TEST(Step, SequencesThatCannotGoOnAreRefused) {
  Networks networks(cases().front().config, DType::f32), both(cases().back().config, DType::f32);
  Step step(networks.network, networks.context), with_source(both.network, both.context);
  EXPECT_THROW(step.join({}), Error);
  EXPECT_THROW(with_source.join({2}), Error) << "it has no source";
  EXPECT_THROW(step.add_sources({}, {}), Error);
  Sequence sequence = step.join({2, 3});
  step.run(std::vector{&sequence});
  EXPECT_THROW(step.run(std::vector{&sequence}), Error) << "nothing is left to read";
  EXPECT_THROW(step.restart(sequence, 0), Error);
  EXPECT_THROW(step.restart(sequence, 3), Error);
}

}  // namespace
}  // namespace qkv
