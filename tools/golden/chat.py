#!/usr/bin/env python3
"""Writes tests/goldens/chat/: what transformers' apply_chat_template renders.

families.json.gz: each template of templates/ (ours, in the form of the models that they are named after) over each conversation of
conversations.json. engine.json: small templates, a feature of Jinja each. A null is a template that refuses.
"""
import datetime
import gzip
import json
import pathlib

import jinja2
import tokenizers
import transformers
from transformers.utils import chat_template_utils

FOLDER = pathlib.Path(__file__).resolve().parents[2] / 'tests/goldens/chat'
NOW = 1_750_075_384  # 16 June 2025, 12:03:04 UTC


class FixedTime(datetime.datetime):
    @classmethod
    def now(cls, tz=None):
        return datetime.datetime.fromtimestamp(NOW, datetime.timezone.utc).replace(tzinfo=None)


def rendered(tokenizer, template: str, case: dict) -> str | None:
    options = {'add_generation_prompt': True, **case.get('options', {})}
    try:
        return tokenizer.apply_chat_template(case['messages'], tools=case.get('tools'), documents=case.get('documents'), chat_template=template,
                                             tokenize=False, **options, **case.get('variables', {}))
    except Exception:  # raised by the template, or by Python under it
        return None


def families(tokenizer) -> dict:
    cases = json.loads((FOLDER / 'conversations.json').read_text())
    result = {}
    for path in sorted((FOLDER / 'templates').glob('*.jinja')):
        result[path.stem] = [rendered(tokenizer, path.read_text(), case) for case in cases]
        refused = sum(text is None for text in result[path.stem])
        print(f'{path.stem}: {len(cases) - refused} rendered, {refused} refused')
        assert len(cases) - refused >= 20
    return result


def engine() -> list:
    result = []
    variables = json.loads((FOLDER / 'engine_variables.json').read_text())
    for template in (FOLDER / 'engine_cases.txt').read_bytes().decode().removesuffix('\n').split('\n----\n'):
        try:
            compiled = chat_template_utils._compile_jinja_template(template)
            text = compiled.render(**variables)
        except Exception:
            text = None
        result.append(text)
    return result


def main() -> None:
    print('transformers', transformers.__version__, 'jinja2', jinja2.__version__)
    chat_template_utils.datetime = FixedTime
    vocabulary = {'<unk>': 0, '<s>': 1, '</s>': 2}
    tokenizer = transformers.PreTrainedTokenizerFast(tokenizer_object=tokenizers.Tokenizer(tokenizers.models.WordLevel(vocabulary, unk_token='<unk>')),
                                                     bos_token='<s>', eos_token='</s>', unk_token='<unk>')
    content = json.dumps(families(tokenizer), ensure_ascii=False, indent=0).encode()
    (FOLDER / 'families.json.gz').write_bytes(gzip.compress(content, mtime=0))
    (FOLDER / 'engine.json').write_text(json.dumps(engine(), ensure_ascii=False, indent=0) + '\n')


if __name__ == '__main__':
    main()
