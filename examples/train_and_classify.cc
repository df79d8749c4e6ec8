// train_and_classify DIR: trains a classifier on a few sentences from a file it makes, writes it to DIR, prints its accuracy, and labels
// two new sentences.
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include <qkv/classifier.h>
#include <qkv/error.h>
#include <qkv/evaluator.h>
#include <qkv/trainer.h>

namespace {

void write_reviews(const std::string& path, int lines) {
  const char* const kThings[] = {"film", "book", "song", "meal", "play"};
  const char* const kGood[] = {"wonderful", "delightful", "excellent"};
  const char* const kBad[] = {"terrible", "dull", "awful"};
  std::ofstream file(path);
  for (int i = 0; i < lines; ++i) {
    const bool good = i % 2 == 0;
    file << "the " << kThings[i % 5] << " was " << (good ? kGood : kBad)[i / 2 % 3] << "\t" << (good ? "good" : "bad") << "\n";
  }
}

int run(const std::filesystem::path& directory) {
  std::filesystem::create_directories(directory.parent_path());
  qkv::TrainOptions options;
  qkv::apply_preset(options, "classifier");
  const std::string train_file = directory.string() + "-train.tsv", valid_file = directory.string() + "-valid.tsv";
  write_reviews(train_file, 300);
  write_reviews(valid_file, 30);
  options.train_file = train_file;
  options.valid_file = valid_file;
  options.output = directory;
  options.overwrite = true;
  options.encoder_layers = 1;
  options.hidden_size = 32;
  options.ffn_dim = 64;
  options.max_length = 16;
  options.batch_tokens = 256;
  options.dropout = 0;
  options.learning_rate = 3e-3;
  options.warmup_steps = 10;
  options.ema_decay = 0;  // too few steps for an average
  options.max_steps = options.validate_every = 100;
  qkv::train(options);

  const qkv::ClassificationEvaluation result = qkv::evaluate_classification(directory, options.valid_file);
  std::printf("right: %lld of %lld\n", static_cast<long long>(result.right), static_cast<long long>(result.texts));
  const qkv::Classifier classifier = qkv::Classifier::open(directory);
  const std::vector<std::string> texts{"the play was excellent", "the meal was awful"};
  const std::vector<qkv::Classification> found = classifier.classify(texts);
  for (size_t i = 0; i < texts.size(); ++i) {
    const qkv::LabelScore& best = found[i].labels.front();
    std::printf("%s -> %s (%.2f)\n", texts[i].c_str(), classifier.labels()[static_cast<size_t>(best.label)].c_str(), best.score);
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: train_and_classify DIR\n");
    return 2;
  }
  try {
    return run(std::filesystem::absolute(argv[1]));
  } catch (const qkv::Error& error) {
    std::fprintf(stderr, "error: %s\n", error.what());
    return 1;
  }
}
