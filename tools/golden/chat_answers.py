#!/usr/bin/env python3
"""Writes tests/goldens/train/chat_answers.json: which tokens of conversations are answers, and the losses of a fine-tuning on them with
torch.optim.AdamW, in float32.

versions       versions of the packages
options        as in fine_tuning.json
model          a folder below tests/goldens; `tokenizer` is a tokenizer.json of single characters for it
conversations  lists of messages
templates      by name. marked: {% generation %} surrounds answers; plain: the same text without; forgetful: shows earlier answers shortened
answers        by template, of each conversation: [{ids, mask}]. marked: what transformers' return_assistant_tokens_mask says. plain: the same.
               forgetful: for each answer that the whole does not show a sequence, whose answer is all behind the text with the generation prompt
losses         of 20 updates with the template `marked`: the mean over the answers' tokens before each update
"""

import json
import pathlib
import platform

import torch
import transformers

from fine_tuning import OPTIONS
from token_scores import characters

GOLDENS = pathlib.Path(__file__).resolve().parents[2] / "tests" / "goldens"
MODEL = "causal_models/llama"


def template(answer: str) -> str:
    return ("{% for m in messages %}{% if m.role == 'assistant' %}a " + answer + "{% else %}b {{ m.content }}</s>{% endif %}{% endfor %}"
            "{% if add_generation_prompt %}a {% endif %}")


TEMPLATES = {
    "marked": template("{% generation %}{{ m.content }}</s>{% endgeneration %}"),
    "plain": template("{{ m.content }}</s>"),
    "forgetful": template("{{ m.content if loop.last else m.content[:1] }}</s>"),
}


def talk(*contents):
    return [{"role": "assistant" if i % 2 else "user", "content": content} for i, content in enumerate(contents)]


CONVERSATIONS = [talk("ab", "cd ef"), talk("no", "man can", "do", "it"), [{"role": "system", "content": "g"}] + talk("hi", "jkl"),
                 talk("a", "", "b", "dab", "c")]


def answers(tokenizer, name, messages):
    def ids_of(text):
        return tokenizer(text, add_special_tokens=False)["input_ids"]

    def render(count, prompt):
        return tokenizer.apply_chat_template(messages[:count], tokenize=False, chat_template=TEMPLATES[name], add_generation_prompt=prompt)

    if name != "forgetful":
        marked = tokenizer.apply_chat_template(messages, chat_template=TEMPLATES["marked"], return_dict=True, return_assistant_tokens_mask=True)
        return [{"ids": marked["input_ids"], "mask": marked["assistant_masks"]}]
    whole, result = render(len(messages), False), []
    shown = {"ids": ids_of(whole), "mask": [0] * len(ids_of(whole))}
    for i, message in enumerate(messages):
        if message["role"] != "assistant":
            continue
        before, after = render(i, True), render(i + 1, False)
        assert after.startswith(before)
        begin, end = len(ids_of(before)), len(ids_of(after))
        if whole.startswith(after):
            shown["mask"][begin:end] = [1] * (end - begin)
        else:
            result.append({"ids": ids_of(after), "mask": [0] * begin + [1] * (end - begin)})
    return ([shown] if any(shown["mask"]) else []) + result


def losses_of(model, sequences):
    groups = [{"params": [p for p in model.parameters() if p.dim() > 1], "weight_decay": OPTIONS["weight_decay"]},
              {"params": [p for p in model.parameters() if p.dim() < 2], "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=OPTIONS["learning_rate"], betas=(OPTIONS["beta1"], OPTIONS["beta2"]), eps=OPTIONS["epsilon"])
    losses = []
    for _ in range(20):
        optimizer.zero_grad()
        logits = torch.cat([model(input_ids=torch.tensor([each["ids"][:-1]])).logits[0] for each in sequences])
        labels = [token if answer else -100 for each in sequences for token, answer in zip(each["ids"][1:], each["mask"][1:])]
        loss = torch.nn.functional.cross_entropy(logits, torch.tensor(labels))
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), OPTIONS["clip_norm"])
        optimizer.step()
        losses.append(loss.item())
    return losses


def main():
    backend = characters(["<unk>", "<s>", "</s>"], 19, None)
    tokenizer = transformers.PreTrainedTokenizerFast(tokenizer_object=backend, eos_token="</s>", bos_token="<s>", unk_token="<unk>")
    found = {name: [answers(tokenizer, name, messages) for messages in CONVERSATIONS] for name in TEMPLATES}
    model = transformers.AutoModelForCausalLM.from_pretrained(GOLDENS / MODEL, dtype=torch.float32, attn_implementation="eager").train()
    losses = losses_of(model, [sequence for each in found["marked"] for sequence in each])
    golden = {"versions": {"python": platform.python_version(), "torch": torch.__version__.split("+")[0], "transformers": transformers.__version__},
              "options": OPTIONS, "model": MODEL, "tokenizer": json.loads(backend.to_str()), "conversations": CONVERSATIONS,
              "templates": TEMPLATES, "answers": found, "losses": losses}
    (GOLDENS / "train" / "chat_answers.json").write_text(json.dumps(golden, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
