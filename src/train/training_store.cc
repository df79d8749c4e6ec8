#include "train/training_store.h"

#include "base/error.h"
#include "base/files.h"

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

void TrainingStore::load(const std::filesystem::path& checkpoint, AdamW& optimizer, int64_t step) {
  load_checkpoint(checkpoint, parts(optimizer));
  optimizer.set_steps(step);
  saved_step_ = step;
}

bool TrainingStore::save(const TrainingState& state, const AdamW& optimizer) {
  if (saved_step_ == state.step) return false;
  save_checkpoint(output_.checkpoints(), state.step, to_json(state), parts(optimizer), options_.keep_checkpoints,
                  [this](const std::filesystem::path& directory) {
                    save_model(judged(), directory);
                    for (const char* name : {"tokenizer.json", "tokenizer_config.json"}) {
                      if (std::filesystem::exists(output_.path() / name))
                        write_file_atomically(directory / name, read_file(output_.path() / name));
                    }
                  });
  saved_step_ = state.step;
  return true;
}

std::string TrainingStore::last_checkpoint() const {
  const auto checkpoint = find_checkpoint(output_.checkpoints());
  return checkpoint ? fmt::format("{} is the last checkpoint", checkpoint->string()) : "there is no checkpoint yet";
}

std::vector<CheckpointPart> TrainingStore::parts(const AdamW& optimizer) const {
  std::vector<CheckpointPart> list{{"weights.safetensors", named(model_->parameters)}, {"optimizer.safetensors", {}}};
  for (size_t i = 0; i < optimizer.m().size(); ++i) {
    const std::string& name = model_->parameters.all()[i].name;
    list[1].tensors.emplace_back("m." + name, optimizer.m()[i]);
    list[1].tensors.emplace_back("v." + name, optimizer.v()[i]);
  }
  if (averaged_) list.push_back({"average.safetensors", named(averaged_->parameters)});
  return list;
}

}  // namespace qkv
