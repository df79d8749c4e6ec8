#include "train/options/option_table.h"

#include <algorithm>
#include <utility>

#include "base/error.h"
#include "base/split.h"

namespace qkv {
namespace {

using namespace option_kinds;

using O = TrainOptions;

TrainOption text_option(const Entry& entry, OptionType type, void (*assign)(O&, const std::string& text, const std::string& label),
                        std::string (*get)(const O&)) {
  TrainOption option = start<O>(entry, type, "TEXT");
  option.assign = assign;
  option.get = get;
  option.default_value = get(O{});
  return option;
}

// Files that are read one after another.
TrainOption text_files(const Entry& entry, TextFiles O::*field) {
  TrainOption option = start<O>(entry, OptionType::path, "FILE");
  option.several = true;
  option.fault = [](const std::string& text) {
    const std::vector<std::string> files = split(text, kBetweenFiles);
    return std::find(files.begin(), files.end(), "") == files.end() ? "" : "the name is empty";
  };
  option.assign = [=](O& options, const std::string& text, const std::string&) {
    (options.*field).clear();
    for (const std::string& file : split(text, kBetweenFiles)) (options.*field).emplace_back(file == "-" ? "/dev/stdin" : file);
  };
  option.get = [=](const O& options) {
    std::string text;
    for (const std::filesystem::path& path : options.*field) {
      if (!text.empty()) text += kBetweenFiles;
      text += path.string();
    }
    return text;
  };
  return option;
}

TrainOption column(const Entry& entry, std::string O::*field) {
  TrainOption option = start<O>(entry, OptionType::text, "NAME");
  option.assign = [=](O& options, const std::string& text, const std::string&) { options.*field = text; };
  option.get = [=](const O& options) { return options.*field; };
  return option;
}

// --layers N and --betas A,B are short forms that set two options each.
TrainOption both_layers() {
  TrainOption option = integer({"layers", "Layers of the encoder and of the decoder"}, &O::encoder_layers, 1, 1024);
  option.type = OptionType::composite;
  option.field = "layers";
  option.assign = [assign = option.assign](O& options, const std::string& text, const std::string& label) {
    assign(options, text, label);
    options.decoder_layers = options.encoder_layers;
  };
  option.get = [](const O& o) { return fmt::format("{}+{}", o.encoder_layers, o.decoder_layers); };
  option.default_value = option.get(O{});
  return option;
}

TrainOption betas() {
  return text_option(
      {"betas", "AdamW's decay rates of both moments, --beta1 and --beta2 in one", false, nullptr, "A,B"}, OptionType::composite,
      [](O& options, const std::string& text, const std::string& label) {
        const size_t comma = text.find(',');
        QKV_REQUIRE(comma != std::string::npos, "{}: \"{}\" is not two numbers with a comma between them, 0.9,0.98 say", label, text);
        find_train_option("beta1")->set(options, text.substr(0, comma), label);
        find_train_option("beta2")->set(options, text.substr(comma + 1), label);
      },
      [](const O& o) { return fmt::format("{},{}", o.beta1, o.beta2); });
}

TrainOption preset() {
  return text_option(
      {"preset", "Shape and recipe to start from; what else is given comes on top", false, nullptr,
       "tiny|small|base|char-gpt|bert-mini|classifier|tagger|chooser|chat"},
      OptionType::composite, [](O& options, const std::string& text, const std::string&) { apply_preset(options, text); },
      [](const O& options) { return options.preset; });
}

TrainOption document_separator() {
  return text_option(
      {"document-separator",
       "Of --task lm and mlm: cuts the text into documents, which are learnt one by one (lm: each with <|endoftext|> at its end); \\n is a "
       "line end",
       true},
      OptionType::text,
      [](O& options, const std::string& text, const std::string& label) { options.document_separator = unescape(text, label); },
      [](const O& options) { return escape(options.document_separator); });
}

TrainOption tiktoken_pattern() {
  return text_option(
      {"tiktoken-pattern",
       "How a tiktoken rank file given as --tokenizer cuts texts: a family (gpt2, cl100k_base, llama3, qwen, ...) or a regular expression",
       true, nullptr, "NAME|REGEX"},
      OptionType::text, [](O& options, const std::string& text, const std::string&) { options.tiktoken_pattern = text; },
      [](const O& options) { return options.tiktoken_pattern; });
}

std::vector<TrainOption> data_options() {
  return {
      choice({"task",
              "What is learnt: to translate, (lm) to write on, (mlm) to find hidden tokens, to tell classes apart, (tag) to label words, "
              "(choice) which of several texts goes with another, or (chat) the answers of conversations",
              false},
             &O::task,
             {{"translation", TrainTask::translation},
              {"lm", TrainTask::lm},
              {"mlm", TrainTask::mlm},
              {"classification", TrainTask::classification},
              {"tag", TrainTask::tag},
              {"choice", TrainTask::choice},
              {"chat", TrainTask::chat}}),
      text_files({"source", "Training text, one sentence a line; several files are read one after another", false}, &O::source),
      text_files({"target", "Its translation, line by line", false}, &O::target),
      text_files({"valid-source", "Text to validate on", false}, &O::valid_source),
      text_files({"valid-target", "Its translation", false}, &O::valid_target),
      column({"source-column",
              "Read this column of --source, which is a table (CSV, TSV) or JSON lines; a number counts columns where there is no header"},
             &O::source_column),
      column({"target-column", "The column of --target"}, &O::target_column),
      integer({"valid-split",
               "Of --task translation, classification, tag, choice and chat: validate on N texts of the training files instead of files of "
               "their own",
               true},
              &O::valid_split, 0, INT32_MAX),
      integer(
          {"max-length", "Leave out pairs with more tokens on a side; of --task classification, tag and choice: cut longer texts", true},
          &O::max_length, 2, 65536),
      text_files({"text", "Of --task lm and mlm: the text to learn, as it is", false}, &O::text),
      text_files({"valid-text", "Of --task lm and mlm: text to validate on (default: the end of --text)", false}, &O::valid_text),
      real({"valid-fraction", "Of --task lm and mlm: how much of the end of --text is kept to validate on", false}, &O::valid_fraction, 0,
           1),
      choice({"vocabulary", "Of --task lm: what a token is, where no tokenizer is given; bpe: byte pairs as GPT-2 has them", true},
             &O::vocabulary, {{"char", TextVocabulary::character}, {"byte", TextVocabulary::byte}, {"bpe", TextVocabulary::bpe}}),
      integer(
          {"context",
           "Of --task lm and mlm: tokens of a window, and the model's positions; of --task chat: how much of a conversation is read", true},
          &O::context, 1, 1 << 20),
      document_separator(),
      real({"mask-probability", "Of --task mlm: share of the tokens that are hidden", true}, &O::mask_probability, 0.001, 1),
      flag({"whole-words", "Of --task mlm: hide whole words, not single pieces of them", true}, &O::whole_words),
      text_files(
          {"train-file",
           "Of --task classification: lines of a text, a tab and its label, or tables; of --task tag: a word and its label in each line, "
           "and blank lines between sentences; of --task choice: lines of a text, its choices and the number of the right one, with tabs "
           "between them; of --task chat: JSON lines {\"messages\": [{\"role\": ..., \"content\": ...}, ...]}",
           false},
          &O::train_file),
      text_files({"valid-file", "Of --task classification, tag, choice and chat: such lines to validate on", false}, &O::valid_file),
      column({"text-column", "Of --task lm, mlm and classification: read the texts from this column of CSV, TSV or JSON lines"},
             &O::text_column),
      column({"label-column", "Of --task classification: read the labels from this column"}, &O::label_column),
      flag({"pairs", "Of --task classification: lines of two texts and a label, with tabs between them, or tables with both", true},
           &O::pairs),
      column({"second-column", "Of --task classification --pairs: read the second texts from this column"}, &O::second_column),
      choice({"labels", "Of --task classification: one label for each text, several (or none) with commas between them, or a number", true},
             &O::labels, {{"one", TextLabels::one}, {"several", TextLabels::several}, {"number", TextLabels::number}}),
      file(
          {"init", "Of every task but translation: start from the network and tokenizer of this directory or .gguf", false, nullptr, "DIR"},
          &O::init),
      file({"chat-template", "Of --task chat: a Jinja template in place of the one in --init; it goes along with the model", false},
           &O::chat_template),
      file({"output", "Model directory to make", false, nullptr, "DIR"}, &O::output),
      file({"tokenizer", "Directory of a tokenizer to use instead of training one", false, nullptr, "DIR"}, &O::tokenizer),
      tiktoken_pattern(),
      integer({"vocab-size", "Tokens of the trained tokenizer, exactly (default: what the data fills, up to the preset's size)", true},
              &O::vocab_size, 0, 1 << 24),
      flag({"resume", "Go on from the last checkpoint in --output, with its options; others that are given count from there on", false},
           &O::resume),
      flag({"overwrite", "Replace what an earlier training left in --output", false}, &O::overwrite),
  };
}

std::vector<TrainOption> model_options() {
  return {
      preset(),
      both_layers(),
      integer({"encoder-layers", "Layers of the encoder", true}, &O::encoder_layers, 1, 1024),
      integer({"decoder-layers", "Layers of the decoder", true}, &O::decoder_layers, 1, 1024),
      integer({"hidden-size", "Width of the model", true}, &O::hidden_size, 2, 65536),
      integer({"num-attention-heads", "Heads of each attention; divides --hidden-size", true}, &O::num_attention_heads, 1, 65536),
      integer({"num-key-value-heads", "Heads of keys and values, each for several of queries; 0: as many as these", true},
              &O::num_key_value_heads, 0, 65536),
      integer({"ffn-dim", "Width inside the feed-forward networks", true}, &O::ffn_dim, 1, 1 << 20),
      choice({"activation", "Of the feed-forward networks; swiglu and geglu are gated", true}, &O::activation,
             {{"relu", FeedForwardActivation::relu},
              {"gelu", FeedForwardActivation::gelu},
              {"gelu_tanh", FeedForwardActivation::gelu_tanh},
              {"silu", FeedForwardActivation::silu},
              {"swiglu", FeedForwardActivation::swiglu},
              {"geglu", FeedForwardActivation::geglu}}),
      choice({"norm-position", "Norm after each sub-layer (the paper's) or before it (learns faster)", true}, &O::norm_position,
             {{"post", NormPlacement::post}, {"pre", NormPlacement::pre}}),
      choice({"norm", "LayerNorm or RMSNorm", true}, &O::norm, {{"layer", NormFormula::layer}, {"rms", NormFormula::rms}}),
      choice({"position", "How the network is told where a token stands", true}, &O::position,
             {{"sinusoidal", PositionKind::sinusoidal},
              {"learned", PositionKind::learned},
              {"rope", PositionKind::rope},
              {"alibi", PositionKind::alibi},
              {"t5", PositionKind::t5},
              {"none", PositionKind::none}}),
      integer({"window", "Self-attention sees tokens less than N away; 0: all", true}, &O::window, 0, INT32_MAX),
      choice({"linear-bias", "Biases of linear layers; auto: yes with --norm layer, no with --norm rms", true}, &O::linear_bias,
             {{"auto", Biases::automatic}, {"yes", Biases::yes}, {"no", Biases::no}}),
      flag({"tie-word-embeddings", "The output layer is the embedding (the default), or has weights of its own", true},
           &O::tie_word_embeddings),
      real({"initializer-range", "Weights start normal with this deviation, as GPT-2's; 0: Xavier", true}, &O::initializer_range, 0, 10),
      real({"dropout", "Of embeddings and of each sub-layer's output", true}, &O::dropout, 0, 1),
      real({"attention-dropout", "Of the attention weights", true}, &O::attention_dropout, 0, 1),
      real({"activation-dropout", "Inside the feed-forward networks", true}, &O::activation_dropout, 0, 1),
  };
}

std::vector<TrainOption> optimization_options() {
  return {
      choice({"dtype", "Type of activations; weights and optimizer are f32. auto: the faster one on this processor", true}, &O::dtype,
             {{"auto", TrainPrecision::automatic}, {"f32", TrainPrecision::f32}, {"bf16", TrainPrecision::bf16}}),
      choice({"recompute", "What a step forgets and computes again: less memory, more time, the same weights", false}, &O::recompute,
             {{"none", Recomputation::none}, {"attention", Recomputation::attention}, {"layer", Recomputation::layer}}),
      integer({"seed", "Of initialization, order of batches and dropout", true}, &O::seed, 0),
      integer({"batch-tokens", "Pairs of a batch times its longest side, or tokens of its windows, at most", true}, &O::batch_tokens, 1,
              int64_t{1} << 30),
      integer({"accumulate", "Batches per update", true}, &O::accumulate, 1, 1 << 20),
      integer({"slices",
               "Parts of an update, a power of two, that processes under mpirun divide among them; equal ones give equal weights whatever "
               "the number of processes. 0: 16 under mpirun, else 1",
               true},
              &O::slices, 0, 1024),
      choice({"exchange-dtype",
              "Type of the gradients that processes under mpirun send each other. bf16: half the traffic, but weights that depend on the "
              "number of processes",
              true},
             &O::exchange_dtype, {{"f32", TrainPrecision::f32}, {"bf16", TrainPrecision::bf16}}),
      real({"lr", "Learning rate at its peak", true, "learning_rate"}, &O::learning_rate, 0, 1000),
      choice({"schedule", "How the learning rate falls after the warm-up", true}, &O::schedule,
             {{"inverse-sqrt", LearningRateSchedule::inverse_sqrt},
              {"cosine", LearningRateSchedule::cosine},
              {"constant", LearningRateSchedule::constant}}),
      integer({"warmup-steps", "Updates in which the learning rate rises to its peak", true}, &O::warmup_steps, 0),
      integer({"schedule-steps", "Update at which the cosine reaches --min-lr (default: --max-steps)", true}, &O::schedule_steps, 0),
      real({"min-lr", "The learning rate does not fall below it", true}, &O::min_lr, 0, 1000),
      real({"layer-lr-decay",
            "Learning rate of each layer relative to the one above, for fine-tuning: heads have the full rate, embeddings the lowest. 1: "
            "all "
            "the same; 0: heads alone learn",
            true},
           &O::layer_lr_decay, 0, 1, UpperEnd::inside),
      betas(),
      real({"beta1", "AdamW's decay of the mean of gradients", true}, &O::beta1, 0, 1),
      real({"beta2", "AdamW's decay of the mean of squared gradients", true}, &O::beta2, 0, 1),
      real({"epsilon", "AdamW's epsilon", true}, &O::epsilon, 0, 1),
      real({"weight-decay", "AdamW's weight decay; norms and biases have none", true}, &O::weight_decay, 0),
      real({"clip-norm", "Largest norm of the gradient; 0: any", true}, &O::clip_norm, 0),
      real({"label-smoothing", "As torch.nn.CrossEntropyLoss has it", true}, &O::label_smoothing, 0, 1),
      real({"ema-decay", "Moving average of the weights, which is what is validated and kept; 0: none", true}, &O::ema_decay, 0, 1),
  };
}

// A text that sets an option says that somebody chose it.
void note_given(TrainOption& option) {
  option.assign = [name = option.name, assign = std::move(option.assign)](O& options, const std::string& text, const std::string& label) {
    assign(options, text, label);
    options.given.push_back(name);
  };
}

std::vector<TrainOption> run_options() {
  return {
      integer({"max-steps", "Stop after N updates; 0: no limit", false}, &O::max_steps, 0),
      integer({"max-epochs", "Stop after N passes over the data; 0: no limit", false}, &O::max_epochs, 0),
      real({"max-minutes",
            "Stop after X minutes of wall clock, tokenizer training and validation included; without --max-steps the schedule follows: see "
            "below. 0: no limit",
            false},
           &O::max_minutes, 0),
      integer({"patience", "Stop after N validations in a row without a better one; 0: no limit", false}, &O::patience, 0),
      integer({"validate-every", "Updates between validations", true}, &O::validate_every, 1),
      integer({"valid-beam-size", "Beams of the validation's translations; 1: greedy", true}, &O::valid_beam_size, 1, 64),
      integer({"save-every", "Updates between checkpoints", false}, &O::save_every, 1),
      integer({"keep-checkpoints", "Newest checkpoints to keep", false}, &O::keep_checkpoints, 1),
      integer({"log-every", "Updates between lines of the log", false}, &O::log_every, 1),
      flag({"tensorboard", "Write TensorBoard event files to DIR/tensorboard (the default) or not", false}, &O::tensorboard),
      integer({"threads", "Threads to use; 0: QKV_THREADS, or else all cores. Results do not depend on it", false}, &O::threads, 0, 4096),
  };
}

// Options that decide the weights and may nevertheless be others from the step on at which a training is resumed.
bool may_change(std::string_view name) {
  constexpr std::string_view kNames[] = {"dropout",      "attention-dropout", "activation-dropout", "lr",
                                         "schedule",     "warmup-steps",      "schedule-steps",     "min-lr",
                                         "weight-decay", "clip-norm",         "label-smoothing",    "validate-every",
                                         "slices",       "exchange-dtype",    "layer-lr-decay"};
  return std::find(std::begin(kNames), std::end(kNames), name) != std::end(kNames);
}

}  // namespace

std::span<const TrainOption> train_option_table() {
  static const std::vector<TrainOption> table = [] {
    std::vector<TrainOption> all;
    const auto append = [&](const char* group, std::vector<TrainOption> options) {
      for (TrainOption& option : options) {
        option.group = group;
        note_given(option);
        all.push_back(std::move(option));
      }
    };
    append("Data", data_options());
    append("Model", model_options());
    append("Optimization", optimization_options());
    append("Run", run_options());
    for (TrainOption& option : all) option.may_change = may_change(option.name);
    return all;
  }();
  return table;
}

std::string unescape(std::string_view text, const std::string& label) {
  std::string plain;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\') {
      plain += text[i];
      continue;
    }
    const char next = ++i < text.size() ? text[i] : '\0';
    QKV_REQUIRE(next == 'n' || next == 't' || next == '\\', "{}: \"{}\" has an unknown escape; there are \\n, \\t and \\\\", label, text);
    plain += next == 'n' ? '\n' : next == 't' ? '\t' : '\\';
  }
  return plain;
}

std::string escape(std::string_view text) {
  std::string escaped;
  for (const char c : text) {
    if (c == '\n' || c == '\t' || c == '\\') escaped += '\\';
    escaped += c == '\n' ? 'n' : c == '\t' ? 't' : c;
  }
  return escaped;
}

const TrainOption* find_train_option(std::string_view name) { return find_option(train_option_table(), name); }

bool is_short_form(std::string_view name) { return name == "layers" || name == "betas"; }

std::string field_of(std::string_view name) { return find_train_option(name)->field; }

}  // namespace qkv
