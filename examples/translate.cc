// translate DIR: translates each line of stdin with the model in DIR.
#include <iostream>
#include <string>

#include <qkv/error.h>
#include <qkv/translator.h>

int main(int argc, char** argv) try {
  const qkv::Translator translator = qkv::Translator::open(argc > 1 ? argv[1] : ".");
  for (std::string line; std::getline(std::cin, line);) std::cout << translator.translate(line) << "\n";
  return 0;
} catch (const qkv::Error& error) {
  std::cerr << "error: " << error.what() << "\n";
  return 1;
}
