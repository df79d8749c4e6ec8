#include "lab/pages/playground.h"

#include <fmt/format.h>

#include "formats/base64.h"
#include "formats/json.h"
#include "lab/pages/markup.h"
#include "lab/pages/mathml.h"
#include "lab/pages/pages.h"
#include "lab/pages/playground_file.h"
#include "view/html_escaped.h"
#include "view/trace_html.h"
#include "view/view_file.h"

namespace qkv::lab {
namespace {

constexpr const char* kModels[] = {"translator", "shakespeare"};

nlohmann::ordered_json json_file(const std::string& name) { return nlohmann::ordered_json::parse(playground_file(name)); }

// The files of a model directory, as model_files.js reads them.
nlohmann::ordered_json model_json(const std::string& name) {
  const std::string directory = "models/" + name + "/";
  return {{"name", name},
          {"config", json_file(directory + "config.json")},
          {"tokenizer", json_file(directory + "tokenizer.json")},
          {"weights", to_base64(playground_file(directory + "model.safetensors"))}};
}

std::string data_json(const PageText& text, Language language) {
  nlohmann::ordered_json words = nlohmann::ordered_json::parse(view_file(fmt::format("words.{}.json", code_of(language))));
  for (const auto& [key, label] : text.labels) words[key] = label;
  for (const Page& page : pages()) words["page " + page.name] = page_text(language, page.name).title;
  nlohmann::ordered_json models = nlohmann::ordered_json::array();
  for (const char* name : kModels) models.push_back(model_json(name));
  return inline_json({{"words", words}, {"models", models}, {"tokenizers", json_file("models/tokenizers.json")}});
}

}  // namespace

PlaygroundPage playground_page(Language language) {
  const PageText& text = page_text(language, "playground");
  const auto prose = [&](const char* name) { return to_html(text.section(name), [](const std::string&) { return ""; }); };
  const auto part = [&](const std::string& name, const std::string& more = "") {
    return fmt::format("<section id=\"{0}\">\n<h2>{1}</h2>\n{2}{3}<div id=\"{0}-here\"></div>\n</section>\n", name,
                       html_escaped(text.label(name + " title")), prose(name.c_str()), more);
  };
  PlaygroundPage page;
  page.body = fmt::format("<h1>{}</h1>\n<div class=\"answer\">{}</div>\n<noscript><p class=\"note\">{}</p></noscript>\n",
                          inline_html(text.title), prose("answer"), html_escaped(text.label("no script"))) +
              part("network") + part("tiles", fmt::format("<p>{} <b id=\"tiles-of\"></b></p>\n", html_escaped(text.label("tiles of")))) +
              part("tokenizers") + fmt::format("<script type=\"application/json\" id=\"data\">{}</script>\n", data_json(text, language));
  page.style = std::string(view_file("viewer.css")) + std::string(playground_file("playground.css"));
  page.script = viewer_script();
  for (const char* name : {"network.js", "model_files.js", "tokenizers.js", "tiles.js", "playground.js"})
    page.script += playground_file(name);
  return page;
}

}  // namespace qkv::lab
