// list_options [NAME VALUE]: sets one option, then prints all translation options with their ranges and defaults.
#include <cstdio>

#include <qkv/option_error.h>
#include <qkv/options.h>

int main(int argc, char** argv) {
  try {
    qkv::TranslatorOptions options;
    if (argc == 3) qkv::set_option(options, argv[1], argv[2]);
    for (const qkv::OptionInfo& option : qkv::translator_options()) {
      std::printf("%-18s %-18s = %-6s", option.name.c_str(), option.field.c_str(), qkv::option_value(options, option.field).c_str());
      if (option.type == qkv::OptionType::integer)
        std::printf(" from %lld to %lld", static_cast<long long>(option.least), static_cast<long long>(option.most));
      for (const std::string& choice : option.choices) std::printf(" %s", choice.c_str());
      std::printf("\n  %s\n", option.help.c_str());
    }
    return 0;
  } catch (const qkv::OptionError& error) {
    std::fprintf(stderr, "error: %s\n", error.message([](std::string_view field) { return "option " + std::string(field); }).c_str());
    return 2;
  } catch (const qkv::Error& error) {
    std::fprintf(stderr, "error: %s\n", error.what());
    return 2;
  }
}
