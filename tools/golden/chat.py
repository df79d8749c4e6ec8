#!/usr/bin/env python3
"""Writes tests/goldens/chat/: what transformers' apply_chat_template renders.

families.json.gz: each template of templates/ (ours, in the form of the models that they are named after) over each conversation of
conversations.json. engine.json: small templates, a feature of Jinja each. A null is a template that refuses.

    tools/golden/chat.py --beside build/qkv FOLDER

writes nothing: it renders each template of FOLDER (*.jinja, as models carry them) over each conversation by both, and names what differs.
"""
import datetime
import gzip
import json
import pathlib
import subprocess
import sys
import tempfile

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


def small_tokenizer():
    vocabulary = {'<unk>': 0, '<s>': 1, '</s>': 2}
    return transformers.PreTrainedTokenizerFast(tokenizer_object=tokenizers.Tokenizer(tokenizers.models.WordLevel(vocabulary, unk_token='<unk>')),
                                                bos_token='<s>', eos_token='</s>', unk_token='<unk>')


def rendered_by(program: str, scratch: pathlib.Path, template: pathlib.Path, case: dict) -> tuple[str | None, str]:
    """What `qkv generate --show-prompt` prints, and its message where it fails."""
    (scratch / 'messages.json').write_text(json.dumps(case['messages']))
    command = [program, 'generate', '--model', scratch, '--template', template, '--messages', scratch / 'messages.json', '--show-prompt']
    options = case.get('options', {})
    if options.get('continue_final_message', False):
        command.append('--continue-final-message')
    elif not options.get('add_generation_prompt', True):
        command.append('--no-generation-prompt')
    for name in ('tools', 'documents'):
        if name in case:
            (scratch / name).write_text(json.dumps(case[name]))
            command += [f'--{name}', scratch / name]
    for name, value in case.get('variables', {}).items():
        command += ['--template-variable', f'{name}={json.dumps(value)}']
    done = subprocess.run(command, capture_output=True)
    return (done.stdout.decode() if done.returncode == 0 else None), done.stderr.decode().strip()


def beside(program: str, folder: pathlib.Path, tokenizer) -> int:
    cases = json.loads((FOLDER / 'conversations.json').read_text())
    differing = 0
    with tempfile.TemporaryDirectory() as name:
        scratch = pathlib.Path(name)
        (scratch / 'tokenizer_config.json').write_text('{"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"}')
        for path in sorted(folder.glob('*.jinja')):
            found, texts = [], 0
            for number, case in enumerate(cases):
                theirs = rendered(tokenizer, path.read_text(), case)
                ours, message = rendered_by(program, scratch, path, case)
                texts += theirs is not None
                if ours != theirs:
                    found.append((number, message or f'{ours!r} in place of {theirs!r}'))
            differing += bool(found)
            print(f'{path.name}: {len(cases) - len(found)} of {len(cases)} alike, {texts} rendered', *found[:1], flush=True)
    return 1 if differing else 0


def main() -> None:
    print('transformers', transformers.__version__, 'jinja2', jinja2.__version__)
    if sys.argv[1:2] == ['--beside']:
        raise SystemExit(beside(sys.argv[2], pathlib.Path(sys.argv[3]), small_tokenizer()))
    chat_template_utils.datetime = FixedTime
    tokenizer = small_tokenizer()
    content = json.dumps(families(tokenizer), ensure_ascii=False, indent=0).encode()
    (FOLDER / 'families.json.gz').write_bytes(gzip.compress(content, mtime=0))
    (FOLDER / 'engine.json').write_text(json.dumps(engine(), ensure_ascii=False, indent=0) + '\n')


if __name__ == '__main__':
    main()
