#!/usr/bin/env python3
"""Writes tiny question answering models (random weights), and what transformers' QuestionAnsweringPipeline finds with them.

Needs transformers 4 (written with 4.57), as transformers 5 has no such pipeline. Each folder of tests/goldens/answers/ is a model directory with
expected.json ("versions"; "questions": [question, context]; "runs": the options, and for each question its answers as [score, begin, end, text]). Offsets are
bytes of the context.
"""

import pathlib
import shutil
import warnings

import heads
import transformers

heads.ROOT = heads.ROOT.parent / "answers"
QUESTIONS = [["Is the boat old?", "John Smith went to Berlin in the old boat."],
             ["who went?", "the boat and the river and the boat and John Smith's smiths in the river, is it very good? new and old in Paris. And berliner johner went to "
              "the new boat, 漢 good boats ö and old rivers in Paris and Berlin, boats and rivers"],
             ["in Paris?", "old"],
             ["new old river", "very good, very good. New boats; a river-boat, John's river"]]


def runs():
    for top_k in (1, 4):
        for no_answer in (False, True):
            for split_words in (False, True):
                yield dict(top_k=top_k, no_answer=no_answer, split_words=split_words, max_answer_tokens=15, window=24, stride=None)
    yield dict(top_k=3, no_answer=True, split_words=False, max_answer_tokens=2, window=22, stride=3)


def main():
    warnings.simplefilter("ignore")
    shutil.rmtree(heads.ROOT, ignore_errors=True)
    for seed, (name, make_tokenizer, make_model) in enumerate([("word_pieces", heads.word_pieces, heads.bert), ("byte_pairs", heads.byte_pairs, heads.roberta)], start=11):
        tokenizer = make_tokenizer()
        model = make_model(tokenizer, "ForQuestionAnswering")
        folder = heads.save(name, model, tokenizer, seed)
        pipeline = transformers.pipeline("question-answering", model=model, tokenizer=tokenizer)
        results = []
        for run in runs():
            if run["stride"] is None and name == "byte_pairs":  # the pipeline's own leaves no room beside longer questions
                run["stride"] = 4
            stride = {} if run["stride"] is None else {"doc_stride": run["stride"]}
            answers = []
            for question, context in QUESTIONS:
                found = pipeline(question=question, context=context, top_k=run["top_k"], handle_impossible_answer=run["no_answer"],
                                 align_to_words=not run["split_words"], max_answer_len=run["max_answer_tokens"], max_seq_len=run["window"], **stride)
                found = found if isinstance(found, list) else [found]
                answers.append([[each["score"], heads.bytes_of(context, each["start"]), heads.bytes_of(context, each["end"]), each["answer"]] for each in found])
            results.append({**run, "answers": answers})
        heads.write_expected(folder, questions=QUESTIONS, runs=results)


if __name__ == "__main__":
    main()
