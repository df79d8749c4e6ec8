// Commands that several processes under mpirun or srun divide among them: the input is cut by lines, the output has its order.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "processes/process_group.h"
#include "qkv/embedder.h"
#include "qkv/translator.h"

namespace qkv {

// Runs a command's body in all processes of the launch. All but the first print nothing. An error of one ends all.
void run_shared(const std::function<void()>& body);

// Is this the process that writes files and prints?
inline bool is_first_process() { return process_group().first(); }

// The first process's lines for all, since it alone has an input; the others' are not looked at.
std::vector<std::string> share_lines(std::vector<std::string> lines);

// Results in the order of the texts, as one process computes them.
std::vector<Translation> translate_shared(const Translator& translator, const std::vector<std::string>& texts, const TranslationCall& call);
Embeddings embed_shared(const Embedder& embedder, const std::vector<std::string>& texts, const EmbedOptions& options);

}  // namespace qkv
