#include "cli/sharing.h"

#include <fcntl.h>
#include <unistd.h>

#include <cstring>
#include <exception>
#include <string_view>

#include <fmt/format.h>

#include "base/log.h"
#include "cli/output.h"

namespace qkv {
namespace {

// Texts with their lengths before them, since they may contain any character.
std::string packed(const std::vector<std::string>& texts) {
  std::string all;
  for (const std::string& text : texts) all += fmt::format("{}:{}", text.size(), text);
  return all;
}

std::vector<std::string> unpacked(std::string_view all) {
  std::vector<std::string> texts;
  while (!all.empty()) {
    const size_t colon = all.find(':'), size = std::stoull(std::string(all.substr(0, colon)));
    texts.emplace_back(all.substr(colon + 1, size));
    all.remove_prefix(colon + 1 + size);
  }
  return texts;
}

std::string values_as_text(const std::vector<float>& values) {
  return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(float)};
}

std::vector<float> values_of_text(std::string_view text) {
  std::vector<float> values(text.size() / sizeof(float));
  std::memcpy(values.data(), text.data(), text.size());
  return values;
}

std::string packed(const Translation& translation) {
  std::vector<std::string> parts{std::to_string(translation.too_long)};
  for (const Translation::Candidate& candidate : translation.candidates) {
    parts.push_back(candidate.text);
    parts.push_back(values_as_text({candidate.score}));
    parts.push_back(values_as_text(candidate.token_scores));
    parts.push_back(packed(candidate.tokens));
  }
  return packed(parts);
}

Translation unpacked_translation(std::string_view text) {
  const std::vector<std::string> parts = unpacked(text);
  Translation translation{.too_long = std::stoll(parts.front())};
  for (size_t i = 1; i < parts.size(); i += 4)
    translation.candidates.push_back(
        {parts[i], values_of_text(parts[i + 1]).front(), values_of_text(parts[i + 2]), unpacked(parts[i + 3])});
  return translation;
}

// Every count-th item, those of this process.
std::vector<std::string> own_items(const std::vector<std::string>& all) {
  const ProcessGroup& group = process_group();
  std::vector<std::string> own;
  for (size_t i = static_cast<size_t>(group.rank()); i < all.size(); i += static_cast<size_t>(group.size())) own.push_back(all[i]);
  return own;
}

// All items in their order, of which each process has its own_items.
std::vector<std::string> merge_items(const std::vector<std::string>& own) {
  std::vector<std::vector<std::string>> all;
  size_t count = 0;
  for (const std::string& each : process_group().gather(packed(own))) count += all.emplace_back(unpacked(each)).size();
  std::vector<std::string> merged;
  for (size_t i = 0; i < count; ++i) merged.push_back(std::move(all[i % all.size()][i / all.size()]));
  return merged;
}

void silence() {
  set_log_level(LogLevel::quiet);
  const int null = ::open("/dev/null", O_WRONLY | O_CLOEXEC);
  if (null < 0) return;
  ::dup2(null, STDOUT_FILENO);
  ::close(null);
}

}  // namespace

void run_shared(const std::function<void()>& body) {
  ProcessGroup& group = process_group();
  if (group.size() == 1) return body();
  if (!group.first()) silence();
  const auto leave = [&](const Error& error) {
    if (!group.leave(error)) throw EndedElsewhere(error.code(), error.what());
  };
  try {
    body();
    group.wait_for_all();
  } catch (const ClosedPipe&) {
    group.leave(Error(ErrorCode::interrupted, "the reader of the output is gone"));
    throw;
  } catch (const Error& error) {
    leave(error);
    throw;
  } catch (const std::exception& error) {
    leave(Error(ErrorCode::io, error.what()));
    throw;
  }
}

std::vector<std::string> share_lines(std::vector<std::string> lines) {
  if (process_group().size() == 1) return lines;
  return unpacked(process_group().broadcast(packed(lines)));
}

std::vector<Translation> translate_shared(const Translator& translator, const std::vector<std::string>& texts,
                                          const TranslationCall& call) {
  if (process_group().size() == 1) return translator.translate(texts, call);
  TranslationCall mine = call;
  if (call.on_progress) mine.on_progress = [&](int64_t done) { call.on_progress(done * process_group().size()); };
  std::vector<std::string> results;
  for (const Translation& translation : translator.translate(own_items(texts), mine)) results.push_back(packed(translation));
  std::vector<Translation> all;
  for (const std::string& each : merge_items(results)) all.push_back(unpacked_translation(each));
  return all;
}

Embeddings embed_shared(const Embedder& embedder, const std::vector<std::string>& texts, const EmbedOptions& options) {
  if (process_group().size() == 1) return embedder.embed(texts, options);
  const Embeddings own = embedder.embed(own_items(texts), options);
  std::vector<std::string> rows;
  for (int64_t i = 0; i < own.count(); ++i)
    rows.push_back((own.cut[static_cast<size_t>(i)] ? "1" : "0") +
                   values_as_text(std::vector<float>(own.row(i).begin(), own.row(i).end())));
  Embeddings all{.size = own.size};
  for (const std::string& row : merge_items(rows)) {
    all.cut.push_back(row.front() == '1');
    const std::vector<float> values = values_of_text(std::string_view(row).substr(1));
    all.values.insert(all.values.end(), values.begin(), values.end());
  }
  return all;
}

}  // namespace qkv
