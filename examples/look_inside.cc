// look_inside DIR SOURCE TARGET: describes a translation model, prints its last cross-attention for a pair of sentences, and scores its
// translation of SOURCE against TARGET.
#include <cstdio>
#include <string>
#include <vector>

#include <qkv/attention.h>
#include <qkv/error.h>
#include <qkv/evaluator.h>
#include <qkv/inspect.h>
#include <qkv/translator.h>

namespace {

int run(const std::string& directory, const std::string& source, const std::string& target) {
  const qkv::InspectedDirectory found = qkv::inspect_directory(directory, {.verify = true});
  if (found.model) {
    std::printf("%s, %lld parameters\n", found.model->architecture.c_str(), static_cast<long long>(found.model->parameters));
    for (const auto& [part, count] : found.model->parts) std::printf("  %-26s %10lld\n", part.c_str(), static_cast<long long>(count));
  }

  const qkv::AttentionView view = qkv::AttentionInspector::open(directory).view(source, {.target = target});
  std::printf("%s\n%s", qkv::attention_title(view).c_str(), qkv::attention_text(view, 80).c_str());

  const std::string translation = qkv::Translator::open(directory).translate(source);
  const qkv::TranslationScores scores = qkv::score_translations(std::vector{translation}, std::vector{target});
  std::printf("%s: chrF2 %.1f, exact: %s\n", translation.c_str(), scores.chrf, scores.exact_matches == 1 ? "yes" : "no");
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) {
    std::fprintf(stderr, "usage: look_inside DIR SOURCE TARGET\n");
    return 2;
  }
  try {
    return run(argv[1], argv[2], argv[3]);
  } catch (const qkv::Error& error) {
    std::fprintf(stderr, "error: %s\n", error.what());
    return 1;
  }
}
