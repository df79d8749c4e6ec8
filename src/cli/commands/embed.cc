// qkv embed: vectors of lines, similarities of pairs of lines, and the nearest lines of a file.
#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/files.h"
#include "base/log.h"
#include "base/utf8.h"
#include "cli/answered_lines.h"
#include "cli/commands.h"
#include "cli/commands/embed_rerank.h"
#include "cli/exclusions.h"
#include "cli/letters.h"
#include "cli/line_input.h"
#include "cli/line_progress.h"
#include "cli/numbers.h"
#include "cli/output.h"
#include "cli/program.h"
#include "cli/sharing.h"
#include "cli/table_options.h"
#include "decode/translator.h"
#include "embed/option_table.h"
#include "formats/json.h"
#include "formats/npy.h"
#include "qkv/embedder.h"

namespace qkv {
namespace {

struct EmbedArguments {
  std::string model, output, second, neighbours, neighbours_prompt;
  OpenEmbedderOptions open;
  EmbedOptions options;
  RerankOptions rerank_options;
  int64_t k = 5;
  bool json = false, similarity = false, rerank = false;
};

// The lines of stdin or a file, and the number of the first one.
struct Lines {
  std::string name;
  std::vector<std::string> texts;
  int64_t first = 1;

  int64_t bytes() const {
    int64_t sum = 0;
    for (const std::string& text : texts) sum += std::ssize(text) + 1;
    return sum;
  }
};

constexpr std::string_view kEmbedded = "embedded";

// The next lines of the input; empty at its end.
std::vector<std::string> next_lines(LineInput& input) {
  std::vector<std::string> lines;
  if (is_first_process()) {
    const std::vector<std::string_view> block = input.next();
    lines.assign(block.begin(), block.end());
  }
  return share_lines(std::move(lines));
}

Lines all_lines(const std::string& path) {
  LineInput input(path);
  Lines all{.name = input.name()};
  for (std::vector<std::string> block; !(block = next_lines(input)).empty();) all.texts.insert(all.texts.end(), block.begin(), block.end());
  return all;
}

// Names lines that were changed before they were read, and refuses vectors that are not finite.
void check_lines(const Lines& lines, const Embeddings& embeddings, const Embedder& embedder) {
  std::vector<int64_t> invalid, cut;
  for (size_t i = 0; i < lines.texts.size(); ++i) {
    const int64_t line = lines.first + static_cast<int64_t>(i);
    if (!is_valid_utf8(lines.texts[i])) invalid.push_back(line);
    if (embeddings.cut[i]) cut.push_back(line);
    const std::span<const float> row = embeddings.row(static_cast<int64_t>(i));
    if (!std::all_of(row.begin(), row.end(), [](float x) { return std::isfinite(x); })) {
      fail(ErrorCode::diverged, "{}: the vector of line {} is not finite; the training of the model had diverged, or its files are damaged",
           lines.name, line);
    }
  }
  if (!invalid.empty()) log_warning("{}: {}: not valid UTF-8; the bad bytes are read as U+FFFD", lines.name, list_lines(invalid));
  if (!cut.empty()) log_warning("{}: {}: cut to the {} tokens that the model takes", lines.name, list_lines(cut), embedder.max_tokens());
}

Embeddings embed_lines(const Embedder& embedder, const Lines& lines, EmbedOptions options, LineProgress& progress) {
  progress.begin(lines.texts);
  options.on_progress = [&](int64_t done) { progress.done(done); };
  Embeddings result = embed_shared(embedder, lines.texts, options);
  check_lines(lines, result, embedder);
  return result;
}

void append_json(std::string& text, int64_t line, const Embeddings& embeddings, int64_t row) {
  text += fmt::format("{{\"line\": {}, \"embedding\": [{}]}}\n", line, fmt::join(embeddings.row(row), ", "));
}

// Vectors as lines of JSON, while more input may come.
void print_vectors(const Embedder& embedder, const EmbedArguments& arguments) {
  LineInput input("");
  LineProgress progress(kEmbedded, input.size(), input.is_typed());
  for (std::vector<std::string> block; !(block = next_lines(input)).empty();) {
    const Lines lines{input.name(), std::move(block), input.first_line()};
    const Embeddings embeddings = embed_lines(embedder, lines, arguments.options, progress);
    std::string text;
    for (int64_t i = 0; i < embeddings.count(); ++i) {
      append_json(text, lines.first + i, embeddings, i);
      write_stdout(text);
      text.clear();
    }
    flush_stdout();
  }
}

void write_vectors(const Embedder& embedder, const EmbedArguments& arguments) {
  constexpr size_t kBlock = 4096;  // lines whose vectors are in memory at once
  if (is_first_process()) check_can_write(arguments.output);
  const Lines all = all_lines("");
  if (all.texts.empty()) log_warning("{} is empty, so that {} holds no vector", all.name, arguments.output);
  const int64_t size = embedder.embed({}, arguments.options).size;
  LineProgress progress(kEmbedded, all.bytes(), false);
  const auto write = [&](const auto& append) {
    const std::string header = npy_header(std::ssize(all.texts), size);
    if (!arguments.json) append(header.data(), header.size());
    for (size_t at = 0; at < all.texts.size(); at += kBlock) {
      const size_t end = std::min(all.texts.size(), at + kBlock);
      const Lines lines{all.name,
                        {all.texts.begin() + static_cast<int64_t>(at), all.texts.begin() + static_cast<int64_t>(end)},
                        static_cast<int64_t>(at) + 1};
      const Embeddings embeddings = embed_lines(embedder, lines, arguments.options, progress);
      std::string text;
      for (int64_t i = 0; arguments.json && i < embeddings.count(); ++i) append_json(text, lines.first + i, embeddings, i);
      if (arguments.json)
        append(text.data(), text.size());
      else
        append(embeddings.values.data(), embeddings.values.size() * sizeof(float));
    }
  };
  if (is_first_process()) {
    write_file_atomically(arguments.output, write);
  } else {
    write([](const void*, size_t) {});
  }
  log_info("{}: {} vectors of {} values", arguments.output, all.texts.size(), size);
}

void print_similarities(const Embedder& embedder, const EmbedArguments& arguments) {
  Lines first = all_lines(""), second;
  if (arguments.second.empty()) {
    LinePairs pairs = split_pairs({first.texts, first.first}, "two texts with one tab between them, or --second names a file");
    first.texts = std::move(pairs.first);
    second = {first.name, std::move(pairs.second), first.first};
  } else {
    second = all_lines(arguments.second);
    if (first.texts.size() != second.texts.size()) {
      fail(ErrorCode::bad_input, "{} has {} lines, {} has {}; they are compared line by line", first.name, first.texts.size(), second.name,
           second.texts.size());
    }
  }
  LineProgress progress(kEmbedded, first.bytes() + second.bytes(), false);
  const Embeddings a = embed_lines(embedder, first, arguments.options, progress);
  const Embeddings b = embed_lines(embedder, second, arguments.options, progress);
  const std::vector<double> values = pair_similarities(a, b, embedder.similarity());
  for (size_t i = 0; i < values.size(); ++i) {
    if (arguments.json)
      print("{}\n", nlohmann::ordered_json{{"line", i + 1}, {"similarity", values[i]}}.dump());
    else
      print("{:.6f}\n", values[i]);
  }
}

void print_neighbours(const Embedder& embedder, const EmbedArguments& arguments) {
  EmbedOptions options = arguments.options;
  if (!arguments.neighbours_prompt.empty()) options.prompt_name = arguments.neighbours_prompt;
  const Lines among = all_lines(arguments.neighbours);
  if (among.texts.empty()) fail(ErrorCode::bad_input, "{} is empty; there is nothing to search", arguments.neighbours);
  std::optional<LineProgress> progress(std::in_place, kEmbedded, among.bytes(), false);
  const Embeddings rows = embed_lines(embedder, among, options, *progress);
  LineInput input("");
  progress.emplace("searched", input.size(), input.is_typed());
  for (std::vector<std::string> block; !(block = next_lines(input)).empty();) {
    const Lines lines{input.name(), std::move(block), input.first_line()};
    const Embeddings queries = embed_lines(embedder, lines, arguments.options, *progress);
    const auto found = nearest_neighbours(queries, rows, arguments.k, embedder.similarity(), program_cancellation());
    for (size_t i = 0; i < found.size(); ++i) {
      const int64_t line = lines.first + static_cast<int64_t>(i);
      nlohmann::ordered_json list = nlohmann::ordered_json::array();
      for (const auto& [index, similarity] : found[i]) {
        const std::string text = replace_invalid_utf8(among.texts[static_cast<size_t>(index)]);
        if (arguments.json)
          list.push_back({{"line", index + 1}, {"similarity", similarity}, {"text", text}});
        else
          print("{}\t{}\t{:.6f}\t{}\n", line, index + 1, similarity, text);
      }
      if (arguments.json) print("{}\n", nlohmann::ordered_json{{"line", line}, {"neighbours", list}}.dump());
    }
    flush_stdout();
  }
}

void run_embed(EmbedArguments arguments) {
  catch_interrupts();
  arguments.options.cancellation = arguments.rerank_options.cancellation = program_cancellation();
  if (arguments.rerank) {
    arguments.rerank_options.batch_tokens = arguments.options.batch_tokens;
    return print_relevance(arguments.model, arguments.open.dtype, arguments.rerank_options, arguments.json);
  }
  const Embedder embedder = Embedder::open(arguments.model, arguments.open);
  if (arguments.similarity) return print_similarities(embedder, arguments);
  if (!arguments.neighbours.empty()) return print_neighbours(embedder, arguments);
  if (!arguments.output.empty()) return write_vectors(embedder, arguments);
  print_vectors(embedder, arguments);
}

void refuse_unused(const CLI::App& command, const EmbedArguments& arguments) {
  if (arguments.rerank) {
    refuse_given(command,
                 {"--output", "--similarity", "--second", "--neighbours", "--k", "--neighbours-prompt", "--prompt", "--truncate-dim",
                  "--normalize", "--pooling"},
                 "--rerank prints one number per line");
    return;
  }
  refuse_given(command, {"--instruction", "--logits"}, "without --rerank there are vectors");
  if (arguments.similarity)
    refuse_given(command, {"--output", "--neighbours", "--k", "--neighbours-prompt"}, "--similarity prints one number per line");
  else if (is_given(command, "--second"))
    fail(ErrorCode::invalid_argument, "--second has no effect without --similarity");
  if (is_given(command, "--neighbours"))
    refuse_given(command, {"--output"}, "--neighbours prints lines");
  else if (!arguments.similarity)
    refuse_given(command, {"--k", "--neighbours-prompt"}, "there is no --neighbours FILE to search");
}

}  // namespace

void add_embed_command(CLI::App& app) {
  CLI::App* command = app.add_subcommand("embed", "Turn lines of text from stdin into vectors, and compare them");
  auto arguments = std::make_shared<EmbedArguments>();
  command
      ->add_option(with_letter("--model"), arguments->model,
                   "Model directory of an encoder or a decoder alone, with modules.json where sentence-transformers wrote it")
      ->required()
      ->type_name("DIR");
  for (const TableOption<EmbedOptions>& entry : embed_option_table()) add_table_option(*command, entry, arguments->options);
  for (const TableOption<OpenEmbedderOptions>& entry : open_embedder_option_table()) add_table_option(*command, entry, arguments->open);
  command
      ->add_option(with_letter("--output"), arguments->output,
                   "Write the vectors to FILE for numpy.load; without it they are printed as lines of JSON")
      ->type_name("FILE");
  command->add_flag("--json", arguments->json, "Lines of JSON also in --output, and for --similarity and --neighbours");
  command->add_flag("--similarity", arguments->similarity,
                    "Print how similar the two texts of each line are, which a tab separates, by the model's measure");
  command->add_option("--second", arguments->second, "The second texts of --similarity, line by line; stdin has the first ones")
      ->type_name("FILE");
  command
      ->add_option("--neighbours", arguments->neighbours,
                   "Print the most similar lines of FILE for each line: line, line of FILE, similarity, text")
      ->type_name("FILE");
  command->add_option(with_letter("--k"), arguments->k, "Neighbours of each line")
      ->check(at_least(arguments->k, 1))
      ->type_name("N")
      ->capture_default_str();
  command->add_option("--neighbours-prompt", arguments->neighbours_prompt, "As --prompt, for the lines of --neighbours (default: --prompt)")
      ->type_name("NAME");
  command->add_flag("--rerank", arguments->rerank,
                    "Print how well the document of each line answers its query, a tab between them, by a reranker: a language model that "
                    "says yes or no as Qwen3-Reranker does, or an encoder with one label");
  for (const TableOption<RerankOptions>& entry : rerank_option_table()) {
    if (entry.field != "batch_tokens") add_table_option(*command, entry, arguments->rerank_options);
  }
  command->footer(
      "Pooling, further modules, prompts, the longest text and the measure are the model's, from the files of sentence-transformers. "
      "Without\n"
      "modules.json the vector of a text is the mean of its tokens' vectors, that of the last token for a decoder. A vector does not "
      "depend\n"
      "on the other lines. Lines that are too long are cut as sentence-transformers cuts them, and named.\n"
      "Example: qkv embed --model all-MiniLM-L6-v2 --output vectors.npy < lines.txt");
  command->callback([command, arguments] {
    refuse_unused(*command, *arguments);
    run_shared([&] { run_embed(*arguments); });
  });
}

}  // namespace qkv
