#include "text/post_processors.h"

#include <nlohmann/json.hpp>
#include <utility>

namespace qkv {
namespace {

// Ids before and after those of the text: TemplateProcessing where the template has the text once, BertProcessing, RobertaProcessing.
class Surround final : public PostProcessor {
 public:
  Surround(std::vector<int32_t> before, std::vector<int32_t> after) : before_(std::move(before)), after_(std::move(after)) {}
  void process(std::vector<int32_t>& ids) const override {
    ids.insert(ids.begin(), before_.begin(), before_.end());
    ids.insert(ids.end(), after_.begin(), after_.end());
  }

 private:
  std::vector<int32_t> before_, after_;
};

// ByteLevel: it only concerns offsets.
class Unchanged final : public PostProcessor {
 public:
  void process(std::vector<int32_t>&) const override {}
};

class PostProcessorSequence final : public PostProcessor {
 public:
  explicit PostProcessorSequence(std::vector<std::unique_ptr<PostProcessor>> parts) : parts_(std::move(parts)) {}
  void process(std::vector<int32_t>& ids) const override {
    for (const auto& part : parts_) part->process(ids);
  }

 private:
  std::vector<std::unique_ptr<PostProcessor>> parts_;
};

int32_t id_of(const JsonNode& node, int32_t vocab_size) {
  const int64_t id = node.integer();
  if (id < 0 || id >= vocab_size) node.fail("is " + std::to_string(id) + ", but there are only ids below " + std::to_string(vocab_size));
  return static_cast<int32_t>(id);
}

std::unique_ptr<PostProcessor> make_template(const JsonNode& node, int32_t vocab_size) {
  std::vector<int32_t> before, after;
  bool text_seen = false;
  for (const JsonNode& part : node.at("single").items()) {
    if (const auto text = part.find("Sequence")) {
      if (text->at("id").string() != "A" || text_seen) node.fail_unsupported("\"single\" must hold the text A once");
      text_seen = true;
      continue;
    }
    const std::string name = part.at("SpecialToken").at("id").string();
    const JsonNode special = node.at("special_tokens").at(name);
    for (const JsonNode& id : special.at("ids").items()) (text_seen ? after : before).push_back(id_of(id, vocab_size));
  }
  if (!text_seen) node.fail_unsupported("\"single\" must hold the text A once");
  return std::make_unique<Surround>(std::move(before), std::move(after));
}

// ["[SEP]", 102]
int32_t named_id(const JsonNode& node, int32_t vocab_size) {
  if (node.items().size() != 2) node.fail("must be a token and its id");
  return id_of(node.item(1), vocab_size);
}

}  // namespace

std::unique_ptr<PostProcessor> make_post_processor(const JsonNode& node, int32_t vocab_size) {
  const std::string type = node.type();
  if (type == "TemplateProcessing") return make_template(node, vocab_size);
  if (type == "BertProcessing" || type == "RobertaProcessing") {
    return std::make_unique<Surround>(std::vector{named_id(node.at("cls"), vocab_size)}, std::vector{named_id(node.at("sep"), vocab_size)});
  }
  if (type == "ByteLevel") return std::make_unique<Unchanged>();
  if (type == "Sequence") {
    std::vector<std::unique_ptr<PostProcessor>> parts;
    for (const JsonNode& part : node.at("processors").items()) parts.push_back(make_post_processor(part, vocab_size));
    return std::make_unique<PostProcessorSequence>(std::move(parts));
  }
  node.fail_unsupported("is a post-processor of the kind \"" + type + "\", which qkv does not have");
}

}  // namespace qkv
