#include "train/training_store.h"

#include "base/error.h"
#include "base/files.h"
#include "train/moments_file.h"

namespace qkv {
namespace {

std::vector<std::pair<std::string, Tensor>> named(const ParameterStore& parameters) {
  std::vector<std::pair<std::string, Tensor>> list;
  for (const Parameter& parameter : parameters.all()) list.emplace_back(parameter.name, parameter.value);
  return list;
}

// Makes a second model, which receives the moving averages of the first one's weights.
std::unique_ptr<Model> make_average(const Model& model) {
  auto averaged = std::make_unique<Model>(model.config, 0, false, model.parameters.device());
  averaged->generation = model.generation;
  averaged->labels = model.labels;
  averaged->model_type = model.model_type;
  for (size_t i = 0; i < model.parameters.all().size(); ++i) {
    averaged->parameters.all()[i].value.copy_from(model.parameters.all()[i].value);
    averaged->parameters.all()[i].value.touch();
  }
  return averaged;
}

}  // namespace

TrainingStore::TrainingStore(const TrainOptions& options, const OutputDirectory& output, std::unique_ptr<Model> model)
    : options_(options), output_(output), model_(std::move(model)), averaged_(options.ema_decay > 0 ? make_average(*model_) : nullptr) {}

void TrainingStore::load(const std::filesystem::path& checkpoint, GradientStep& updates, int64_t step) {
  load_checkpoint(checkpoint, weights());
  read_moments(checkpoint, model_->parameters, updates.optimizer(), updates.exchange());
  updates.optimizer().set_steps(step);
  saved_step_ = step;
}

bool TrainingStore::save(const TrainingState& state, GradientStep& updates) {
  if (saved_step_ == state.step) return false;
  const GradientExchange& exchange = updates.exchange();
  updates.share_averages();
  const auto moments = [&](const std::filesystem::path& directory) {
    write_moments(directory, model_->parameters, updates.optimizer(), exchange);
  };
  if (exchange.group().first()) {
    write(state, moments);
  } else {
    moments({});
  }
  exchange.group().wait_for_all();
  saved_step_ = state.step;
  return true;
}

void TrainingStore::write(const TrainingState& state, const AddFiles& moments) const {
  save_checkpoint(output_.checkpoints(), state.step, to_json(state), weights(), options_.keep_checkpoints,
                  [&](const std::filesystem::path& directory) {
                    moments(directory);
                    save_model(judged(), directory);
                    for (const char* name : {"tokenizer.json", "tokenizer_config.json"}) {
                      if (std::filesystem::exists(output_.path() / name))
                        write_file_atomically(directory / name, read_file(output_.path() / name));
                    }
                  });
}

std::string TrainingStore::last_checkpoint() const {
  const auto checkpoint = find_checkpoint(output_.checkpoints());
  return checkpoint ? fmt::format("{} is the last checkpoint", output_.shown(*checkpoint)) : "there is no checkpoint yet";
}

std::vector<CheckpointPart> TrainingStore::weights() const {
  std::vector<CheckpointPart> list{{"weights.safetensors", named(model_->parameters)}};
  if (averaged_) list.push_back({"average.safetensors", named(averaged_->parameters)});
  return list;
}

// A checkpoint holds each weight, its two moments and its average in f32, the directory the judged weights once more. A new checkpoint is
// whole before the oldest is removed.
std::string TrainingStore::lack_of_room() const {
  std::error_code error;
  const std::filesystem::space_info disk = std::filesystem::space(output_.path(), error);
  const int64_t values = (options_.keep_checkpoints + 1) * (averaged_ ? 4 : 3) + 1;
  const double needed = static_cast<double>(sizeof(float)) * static_cast<double>(model_->parameters.count() * values);
  if (error || static_cast<double>(disk.available) >= needed) return "";
  return fmt::format(
      "the disk has {:.2f} GB left for {}, where the model and its checkpoints take {:.2f} GB: make room, name another --output, or keep "
      "fewer (--keep-checkpoints 1)",
      static_cast<double>(disk.available) / 1e9, output_.shown(output_.path()), needed / 1e9);
}

}  // namespace qkv
