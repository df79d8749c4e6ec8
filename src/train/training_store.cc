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

void TrainingStore::load(const std::filesystem::path& checkpoint, GradientStep& updates, int64_t step) {
  AdamW& optimizer = updates.optimizer();
  const ParameterRow& row = optimizer.row();
  const bool whole = updates.exchange().group().size() == 1;
  const auto target = [&](const Tensor& own) { return whole ? own : Tensor::empty({row.size(), 1}, own.dtype(), own.device()); };
  const Tensor m = target(optimizer.m_values()), v = target(optimizer.v_values());
  load_checkpoint(checkpoint, parts(row, m, v));
  const GradientExchange& exchange = updates.exchange();
  for (const auto& [begin, count, own] : row.segments(exchange.first_part(), exchange.last_part())) {
    if (whole) break;
    optimizer.m_values().row_range(own, count).copy_from(m.row_range(begin, count));
    optimizer.v_values().row_range(own, count).copy_from(v.row_range(begin, count));
  }
  optimizer.set_steps(step);
  saved_step_ = step;
}

bool TrainingStore::save(const TrainingState& state, GradientStep& updates) {
  if (saved_step_ == state.step) return false;
  const GradientExchange& exchange = updates.exchange();
  const AdamW& optimizer = updates.optimizer();
  updates.share_averages();
  const Tensor m = exchange.gather(optimizer.row(), optimizer.m_values()), v = exchange.gather(optimizer.row(), optimizer.v_values());
  if (exchange.group().first()) write(state, parts(optimizer.row(), m, v));
  exchange.group().wait_for_all();
  saved_step_ = state.step;
  return true;
}

void TrainingStore::write(const TrainingState& state, std::span<const CheckpointPart> parts) const {
  save_checkpoint(output_.checkpoints(), state.step, to_json(state), parts, options_.keep_checkpoints,
                  [this](const std::filesystem::path& directory) {
                    save_model(judged(), directory);
                    for (const char* name : {"tokenizer.json", "tokenizer_config.json"}) {
                      if (std::filesystem::exists(output_.path() / name))
                        write_file_atomically(directory / name, read_file(output_.path() / name));
                    }
                  });
}

std::string TrainingStore::last_checkpoint() const {
  const auto checkpoint = find_checkpoint(output_.checkpoints());
  return checkpoint ? fmt::format("{} is the last checkpoint", checkpoint->string()) : "there is no checkpoint yet";
}

std::vector<CheckpointPart> TrainingStore::parts(const ParameterRow& row, const Tensor& m, const Tensor& v) const {
  std::vector<CheckpointPart> list{{"weights.safetensors", named(model_->parameters)}, {"optimizer.safetensors", {}}};
  const std::vector<Tensor> first = row.views(m), second = row.views(v);
  for (size_t i = 0; i < first.size(); ++i) {
    const std::string& name = model_->parameters.all()[i].name;
    list[1].tensors.emplace_back("m." + name, first[i]);
    list[1].tensors.emplace_back("v." + name, second[i]);
  }
  if (averaged_) list.push_back({"average.safetensors", named(averaged_->parameters)});
  return list;
}

}  // namespace qkv
