// A chat template from a stranger over a conversation from another.
#include "chat/jinja/json_values.h"
#include "chat/jinja/template.h"
#include "fuzz/fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view input(reinterpret_cast<const char*>(data), size);
  qkv::refuse_or_run([&] {
    const std::string_view source = qkv::next_part(input);
    const qkv::jinja::Template chat(source, "template");
    std::vector<std::pair<std::string, qkv::jinja::Value>> variables = {{"add_generation_prompt", true}};
    qkv::refuse_or_run([&] { variables.emplace_back("messages", qkv::jinja::parse_json_value(input, "messages")); });
    chat.render(variables, {.limits = {.steps = 20'000, .bytes = 1 << 20}});
  });
  return 0;
}
