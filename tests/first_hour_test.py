#!/usr/bin/env python3
"""A stranger's first hour: WALK says of each promise which check keeps it, wherever that stands; this file holds those for which a terminal
matters, at 40, 80 and 200 columns, and those of README and docs.

    tests/first_hour_test.py build/qkv [-k PATTERN]
"""
import itertools
import os
import pathlib
import re
import signal
import subprocess
import sys
import time
import unittest

import command_line_test
from command_line_test import ProgramTest, run
from pseudo_terminal import ERASE, WIDTHS, OnTerminal, display_width, on_terminal

ROOT = pathlib.Path(__file__).resolve().parent.parent
GOLDENS = ROOT / 'tests/goldens'
ENCODER, DECODER = GOLDENS / 'embeddings/mean_normalize', GOLDENS / 'rerank/qwen3'

# (promise, checks): "module.Class.test" of tests/, or "path of a C++ test:Suite.Name" below src/.
WALK = {
    'the installed package': [
        ('LICENSE, headers and a pkg-config file', 'installed_package_test.Static.test_files installed_package_test.Static.test_pkg_config'),
        ('the shared library with its version and nothing but the API', 'installed_package_test.Shared.test_files '
         'installed_package_test.Shared.test_nothing_but_the_api_is_exported'),
        ('CMake and pkg-config find both forms', 'installed_package_test.Static.test_cmake installed_package_test.Shared.test_cmake '
         'installed_package_test.Shared.test_pkg_config installed_package_test.Both.test_cmake_takes_the_form_that_is_asked_for'),
        ('twenty lines compile in three seconds', 'installed_package_test.Static.test_twenty_lines_compile_quickly'),
    ],
    'a preset for ten minutes': [
        ('--max-minutes sets the schedule', 'train/minutes_plan_test.cc:MinutesPlan.TimeAloneSetsTheSchedule'),
        ('the speed is measured once and the updates are printed', 'first_hour_test.Terminal.test_training_moves_from_the_start_and_ends_on_ctrl_c'),
        ('resuming is exact, and the printed options give the same bits',
         'train/stopped_training_test.cc:Training.ScheduleThatFollowsTheTimeDependsOnTheUpdateAlone '
         'train/minutes_plan_test.cc:MinutesPlan.ResumedTrainingTakesWhatWasDecided'),
        ('it is near the tuned recipe', 'train/minutes_plan_test.cc:MinutesPlan.IsNearTheRecipeThatWasTuned'),
        ('batches, dropout and rate follow the data and the minutes', 'train/minutes_plan_test.cc:MinutesPlan.SmallBatchesComeFirst '
         'train/minutes_plan_test.cc:MinutesPlan.ManyPassesNeedDropout train/minutes_plan_test.cc:MinutesPlan.WordListGetsSmallBatchesAndAShortWarmUp'),
        ('the table of that stands in docs', 'first_hour_test.Texts.test_what_follows_the_minutes_stands_in_docs'),
        ('an output that loops ends', 'train/stopped_training_test.cc:Training.LongestTargetLimitsTranslations'),
    ],
    'from Enter to the first step, and Ctrl-C': [
        ('something moves within two seconds, at each width', 'first_hour_test.Terminal.test_training_moves_and_stops_at_each_width'),
        ('what is read and built, which type, how long an epoch takes', 'train/stopped_training_test.cc:Training.TellsWhatItDoesBeforeTheFirstUpdate '
         'first_hour_test.Terminal.test_training_moves_from_the_start_and_ends_on_ctrl_c'),
        ('Ctrl-C is acknowledged at once and ends in a checkpoint', 'first_hour_test.Terminal.test_training_moves_and_stops_at_each_width '
         'command_line_test.CommandLine.test_interrupted_training_leaves_a_checkpoint_and_130_and_resumes'),
        ('a second one ends now', 'first_hour_test.Terminal.test_second_ctrl_c_ends_at_once'),
        ('there is a model that translate opens', 'train/resume_test.cc:Training.StoppedBeforeTheFirstValidationLeavesAModelThatOpens'),
        ('the checkpoint is named and opens by itself', 'train/stopped_training_test.cc:Training.EveryCheckpointIsAModelDirectory '
         'train/stopped_training_test.cc:Training.StoppedTrainingNamesItsCheckpointAndOpens'),
    ],
    'options of a training': [
        ('--help shows the values of the preset and task', 'command_line_help_test.Help.test_help_of_train_has_the_values_of_its_recipe'),
        ('help is wrapped to the width', 'command_line_help_test.Help.test_help_fits_the_terminal'),
        ('--print-config prints what --config takes', 'training_options_test.TrainingOptions.test_printed_options_are_read_back_exactly'),
        ('each run keeps it as training.toml', 'training_options_test.TrainingOptions.test_a_training_keeps_its_options_and_they_make_it_again'),
        ('--resume --output DIR alone goes on', 'training_options_test.TrainingOptions.test_resume_needs_nothing_but_the_directory'),
        ('what may change is changed and said', 'training_options_test.TrainingOptions.test_what_may_change_is_said_and_stays_changed'),
        ('what may not is refused', 'training_options_test.TrainingOptions.test_what_may_not_change_is_refused_by_name'),
    ],
    'the command line': [
        ('qkv alone prints the help, at each width', 'first_hour_test.Terminal.test_nothing_asked_shows_the_help_at_each_width'),
        ('qkv help COMMAND', 'command_line_help_test.Help.test_help_is_a_command_too'),
        ('qkv --version', 'command_line_help_test.Help.test_version_says_what_a_report_of_a_fault_needs'),
        ('-m, -o, -q and friends', 'command_line_help_test.Options.test_a_letter_means_the_same_option_everywhere'),
        ('the last of a repeated option wins', 'command_line_help_test.Options.test_the_last_of_a_repeated_option_counts'),
        ('lists accumulate', 'command_line_help_test.Options.test_lists_grow train/options/options_test.cc:Options.ListsOfFilesAccumulateAndAHigherPlaceReplacesThem'),
        ('names of other programs lead to ours', 'command_line_help_test.Options.test_names_of_other_programs_lead_to_ours '
         'command_line_help_test.Options.test_words_in_the_wrong_place_lead_on'),
        ('completion for bash, zsh and fish', 'shell_test.Shell.test_bash_completes_commands_options_and_values '
         'shell_test.Shell.test_zsh_completes_commands_options_and_values shell_test.Shell.test_fish_completes_commands_options_and_values'),
        ('man pages', 'shell_test.Man.test_every_command_has_a_page_with_its_options shell_test.Man.test_pages_are_shown_without_warnings'),
        ('environment variables', 'command_line_help_test.Help.test_environment_variables_stand_in_help_and_readme_and_nonsense_is_refused '
         'command_line_help_test.Help.test_no_color_counts_where_it_has_a_value'),
        ('options without effect together are refused', 'command_line_help_test.Options.test_options_without_effect_together_are_refused'),
    ],
    'corpora': [
        ('several files for each side, pipes, gzip and zstd', 'train/corpora_test.cc:Corpora.PackedPipedAndPartedTextsGiveTheSameModel '
         'command_line_test.CommandLine.test_training_texts_may_be_several_files_and_pipes'),
        ('a name may hold anything', 'training_options_test.TrainingOptions.test_names_of_files_may_hold_line_breaks'),
        ('what came through a pipe is kept for resuming', 'train/corpora_test.cc:Corpora.ResumingFindsWhatCameThroughAPipeAndRefusesAnother '
         'command_line_test.CommandLine.test_training_texts_may_be_several_files_and_pipes'),
        ('a byte-order mark is left out with a note', 'base/text_source_test.cc:Source.ByteOrderMarksAreLeftOutWithANote '
         'command_line_test.CommandLine.test_byte_order_mark_changes_nothing'),
        ('UTF-16 is named', 'command_line_test.CommandLine.test_training_files_that_are_no_text_are_named'),
        ('--valid-split is deterministic, disjoint, without duplicates', 'data/held_out_test.cc:HeldOut.PartsAreDisjointCompleteAndStillPairs '
         'data/held_out_test.cc:HeldOut.ContentAndSeedAloneDecide data/held_out_test.cc:HeldOut.ManyCopiesDoNotHideTheRareTexts'),
        ('a header is recognized and named', 'command_line_test.CommandLine.test_header_of_labelled_lines_is_left_out '
         'data/labelled_texts_test.cc:Labelled.HeadersOfOtherNamesAreRecognizedAndNamedInEachFile'),
        ('CSV and JSON lines by columns', 'data/labelled_texts_test.cc:Labelled.TablesAndJsonLinesAreReadByTheirColumns '
         'train/corpora_test.cc:Corpora.ColumnsOfATableAreTheTexts data/table_rows_test.cc:Table.NumbersNameColumnsWhereThereIsNoHeader'),
        ('a vocabulary size is a bound by default and exact when asked for',
         'command_line_test.CommandLine.test_vocabulary_by_default_is_what_the_data_fills '
         'command_line_test.CommandLine.test_vocabulary_that_the_data_cannot_fill_is_refused'),
    ],
    'attention': [
        ('for every kind of model, at each width', 'first_hour_test.Terminal.test_attention_fits_the_terminal_for_each_kind_of_model'),
        ('a decoder shows the text given', 'view/attention_view_test.cc:AttentionViewTest.ADecoderAloneShowsTheTextAlone '
         'command_line_test.LanguageModel.test_attention_of_a_decoder_alone_is_that_of_the_text'),
        ('BERT too', 'command_line_test.Encoder.test_attention_of_encoders_is_that_of_the_text'),
        ('labels are readable', 'view/attention_view_test.cc:TokenLabels.WhatCannotBeSeenHasASign '
         'view/attention_view_test.cc:TokenLabels.WidthsOfWideAndCombiningCharacters'),
        ('labels do not collide', 'view/attention_view_test.cc:AttentionViewTest.LabelsOfThePictureDoNotCollide '
         'view/attention_view_test.cc:AttentionViewTest.LabelsOfManyColumnsDoNotTouch'),
    ],
    'progress and results': [
        ('long work shows progress, at each width', 'first_hour_test.Terminal.test_commands_show_progress_beside_their_results'),
        ('no stale line stays where the terminal shrinks', 'first_hour_test.Terminal.test_training_moves_from_the_start_and_ends_on_ctrl_c'),
        ('nothing moves in a pipe', 'first_hour_test.Terminal.test_nothing_moves_in_a_pipe'),
        ('one line too long has a message and an empty line', 'command_line_test.CommandLine.test_line_longer_than_the_model_is_left_empty_and_named_or_cut'),
        ('a closed pipe ends quietly, with 0', 'command_line_test.CommandLine.test_closed_pipe_ends_translating '
         'command_line_test.LanguageModel.test_closed_pipe_and_full_disk_end_generating'),
    ],
    'measures': [
        ('several references, TER, chrF++ as in sacreBLEU', 'evaluate/measures_test.cc:Measures.SeveralReferencesScoreAsInSacrebleu '
         'evaluate/scores_test.cc:Scores.EqualSacrebleusOnEveryCorpus evaluate/measures_test.cc:Measures.OptionsAndSignaturesAreSacrebleus'),
        ('word and token error rates', 'evaluate/measures_test.cc:Measures.TokenErrorsAreThoseOfTheDefinition '
         'command_line_test.CommandLine.test_eval_takes_several_references_and_counts_errors'),
        ('paired bootstrap', 'evaluate/measures_test.cc:Measures.PairedBootstrapEqualsSacrebleusOnItsDraws '
         'command_line_test.CommandLine.test_eval_compares_systems'),
        ('F1, confusion matrix, Matthews', 'api/public_evaluator_test.cc:Evaluator.ScoresOfLabels '
         'command_line_test.Encoder.test_eval_is_what_the_log_says'),
    ],
    'README and docs': [
        ('the first screen: what, for whom, three commands with their output', 'first_hour_test.Texts.test_readme_begins_with_what_it_is_and_a_picture'),
        ('pictures, and tables below', 'first_hour_test.Texts.test_readme_begins_with_what_it_is_and_a_picture'),
        ('a guide for each kind of user, run by a test', 'guides_test.GuidesTest.test_translation guides_test.GuidesTest.test_classification '
         'guides_test.GuidesTest.test_language_model guides_test.GuidesTest.test_hugging_face guides_test.GuidesTest.test_cpp '
         'first_hour_test.Texts.test_every_guide_is_linked_and_run'),
    ],
}


class Walk(unittest.TestCase):
    def test_each_promise_has_its_check(self):
        for part, promises in WALK.items():
            for (promise, checks) in promises:
                for check in checks.split():
                    with self.subTest(part=part, promise=promise, check=check):
                        if ':' in check:
                            path, (suite, name) = check.split(':')[0], check.split(':')[1].split('.')
                            found = re.search(rf'TEST(_F|_P)?\({suite}, {name}\)', (ROOT / 'src' / path).read_text())
                        else:
                            module, suite, name = check.split('.')
                            text = (ROOT / 'tests' / f'{module}.py').read_text()
                            found = re.search(rf'(?ms)^class {suite}\b.*^    def {name}\(', text)
                        self.assertTrue(found, 'there is no such check')


class Texts(unittest.TestCase):
    def test_readme_begins_with_what_it_is_and_a_picture(self):
        readme = (ROOT / 'README.md').read_text()
        screen = '\n'.join(readme.splitlines()[:15])
        for words in ('train', 'Transformers', 'engineers', '![a terminal: three commands'):
            self.assertIn(words, screen)
        picture = (ROOT / re.search(r'\]\((docs/\S+\.svg)\)', screen)[1]).read_text()
        for command in ('qkv data', 'qkv train', 'qkv translate'):
            self.assertIn(command, re.sub(r'<[^>]*>', '', picture).replace('\xa0', ' '))
        self.assertLess(readme.index('docs/terminal.svg'), readme.index('docs/attention.svg'))
        self.assertLess(readme.index('docs/attention.svg'), readme.index('## How fast'))

    def test_every_guide_is_linked_and_run(self):
        readme, tests = (ROOT / 'README.md').read_text(), (ROOT / 'tests/guides_test.py').read_text()
        for guide in (ROOT / 'docs/guides').glob('*.md'):
            self.assertIn(f'docs/guides/{guide.name}', readme)
            self.assertIn(f"'{guide.stem}'", tests)

    def test_what_follows_the_minutes_stands_in_docs(self):
        table = (ROOT / 'docs/training.md').read_text().split('| option |')[1].split('\n\n')[0]
        text = run('train', '--help', env={**os.environ, 'COLUMNS': '400'}).stdout.split('each choice is printed:')[1]
        for option in re.findall(r'(?m)^ +(--[\w-]+) ', text):
            self.assertIn(f'`{option}`', table)


class Terminal(ProgramTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        numbers = cls.shared / 'numbers'
        run('data', 'numbers', '--count', '3000', '--output', numbers)
        cls.train = ['train', *[word for option, name in (('source', 'train.en'), ('target', 'train.de'), ('valid-source', 'valid.en'),
                                                          ('valid-target', 'valid.de'))
                                for word in (f'--{option}', numbers / name)], '--preset', 'tiny', '--vocab-size', '120']
        cls.model = cls.shared / 'model'
        assert run(*cls.train, '--max-steps', '3', '--output', cls.model).returncode == 0
        cls.lines = cls.shared / 'lines'
        cls.lines.write_text((numbers / 'train.en').read_text() * 4)

    def on_terminal(self, *arguments, **options):
        run = OnTerminal(*arguments, **options)
        self.addCleanup(run.stop)
        return run

    def check_moving_lines(self, run, columns):
        for line in run.moving_lines():
            self.assertLessEqual(display_width(line.rstrip('\r')), columns, line)

    def check_stops(self, run, out):
        os.kill(run.process.pid, signal.SIGINT)
        self.assertRegex(run.read(1, until=rb'stopping when'), ERASE.replace(b'[', rb'\[') + rb'stopping when this step is done')
        self.assertEqual(run.end(), 130)
        checkpoint = re.search(rb'the checkpoint is (\S+/step-\d+)', run.written)
        self.assertTrue(checkpoint, run.written[-500:])
        for model in (out, checkpoint[1].decode()):
            self.assertEqual(self.works('translate', '--model', model, '--max-length', '5', stdin=b'one\n').stdout.count('\n'), 1)

    def test_training_moves_from_the_start_and_ends_on_ctrl_c(self):
        out = self.folder / 'stopped'
        run = self.on_terminal(*self.train, '--max-minutes', '5', '--validate-every', '100000', '--output', out)
        self.assertTrue(run.read(2.5), 'nothing on the terminal')
        self.assertRegex(run.read(120, until=rb'step \d+  epoch'), rb'updates fit into the time')
        for name in (b'activations in', b'tokenizer: ', b'training: 3,000 pairs', b'batches of ', b'dropout ', b'learning rate ',
                     b'the same weights without measuring'):
            self.assertRegex(run.written, name)
        self.assertRegex(run.read(60, until=rb'an epoch has '), rb'an epoch has \d+ updates and takes about')
        run.resize(30)
        run.read(1)
        drawn = run.read(1).split(ERASE)[1:]
        self.assertGreater(len(drawn), 1, 'it does not move')
        for line in drawn[:-1]:
            if b'\n' not in line:  # no message
                self.assertTrue(line.endswith(b'\r') and len(line) <= 30, line)
        self.check_stops(run, out)

    def test_training_moves_and_stops_at_each_width(self):
        for columns in WIDTHS:
            with self.subTest(columns=columns):
                out = self.folder / f'stopped-{columns}'
                run = self.on_terminal(*self.train, '--max-steps', '100000', '--batch-tokens', '512', '--output', out, columns=columns)
                self.assertTrue(run.read(2.5, until=b'.'), 'nothing on the terminal')
                self.assertRegex(run.read(60, until=rb'step \d+'), rb'step \d+')
                self.check_stops(run, out)
                self.check_moving_lines(run, columns)

    def test_second_ctrl_c_ends_at_once(self):
        run = self.on_terminal(*self.train, '--max-steps', '100000', '--accumulate', '2000', '--output', self.folder / 'twice')
        run.read(60, until=rb'first update')
        os.kill(run.process.pid, signal.SIGINT)
        run.read(5, until=rb'stopping when')
        start = time.monotonic()
        os.kill(run.process.pid, signal.SIGINT)
        self.assertEqual(run.end(), -signal.SIGINT)
        self.assertLess(time.monotonic() - start, 5)

    def test_nothing_asked_shows_the_help_at_each_width(self):
        for columns in WIDTHS:
            text = on_terminal(columns)
            self.assertEqual(text, on_terminal(columns, 'help'))
            self.assertLessEqual(max(map(display_width, text.splitlines())), columns)

    def test_attention_fits_the_terminal_for_each_kind_of_model(self):
        for (model, options), columns in itertools.product(((self.model, ['--target', 'siebzehn']), (self.model, ['--kind', 'encoder']), (ENCODER, []),
                                                            (DECODER, [])), WIDTHS):
            with self.subTest(model=model, options=options, columns=columns):
                text = on_terminal(columns, 'attention', '--model', model, '--source', 'seventeen thousand', *options)
                body = text.split('\nrows: ')[1]  # behind the texts themselves
                self.assertLessEqual(max(map(display_width, body.splitlines())), columns, text)
                self.assertIn('weight: ', body)
                rows = [line.split()[0] for line in body.splitlines() if re.search('[·░▒▓█]', line) and not line.startswith(('weight', '▒', '░', '▓', '█'))]
                self.assertGreater(len(rows), 2, text)
                self.assertNotIn('…', rows)

    def test_commands_show_progress_beside_their_results(self):
        numbers = self.shared / 'numbers'
        commands = {
            'embedded ': (['embed', '--model', ENCODER, '--batch-tokens', 32, '--output', self.folder / 'vectors.npy'], self.lines),
            'inspected ': (['tokenizer', 'inspect', '--tokenizer', self.model], self.lines),
            'measuring': (['bench', 'machine'], None),
            'translated ': (['translate', '--model', self.model, '--batch-tokens', 32, '--max-length', 60], self.lines),
            'translat': (['eval', '--model', self.model, '--source', numbers / 'valid.en', '--reference', numbers / 'valid.de', '--max-length', 60,
                          '--batch-tokens', 32], None),
        }
        for (pattern, (arguments, stdin)), columns in itertools.product(commands.items(), WIDTHS):
            with self.subTest(arguments[:2], columns=columns):
                with open(stdin or os.devnull, 'rb') as lines, open(self.folder / 'results', 'wb') as results:
                    run = self.on_terminal(*arguments, columns=columns, stdin=lines, stdout=results)
                    shown = run.read(60, until=pattern.encode())
                    self.assertIn(pattern.encode(), shown)
                    run.read(0.7)
                    os.kill(run.process.pid, signal.SIGTERM)
                    run.end()
                self.check_moving_lines(run, columns)
                self.assertNotIn(b'\x1b', (self.folder / 'results').read_bytes())

    def test_encoding_what_comes_slowly_shows_progress(self):
        run = self.on_terminal('tokenizer', 'encode', '--tokenizer', self.model, columns=40, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
        run.process.stdin.write(b'one two\n' * 1000)
        run.process.stdin.flush()
        self.assertIn(b'encoded 1000 lines', run.read(20, until=b'encoded 1000 lines'))
        run.process.stdin.close()
        self.assertEqual(run.end(), 0)
        self.check_moving_lines(run, 40)

    def test_nothing_moves_in_a_pipe(self):
        done = self.works(*self.train, '--max-steps', '5', '--output', self.folder / 'piped')
        for sign in '\r\x1b':
            self.assertNotIn(sign, done.stderr)
        self.assertEqual(self.works('tokenizer', 'encode', '--tokenizer', self.model, stdin=self.lines.read_bytes()).stderr, '')

    def test_short_work_shows_nothing(self):
        run = self.on_terminal('inspect', self.model)
        self.assertEqual(run.end(), 0)
        self.assertNotIn(ERASE, run.written)


if __name__ == '__main__':
    if len(sys.argv) < 2 or not os.access(sys.argv[1], os.X_OK):
        sys.exit(f'usage: {sys.argv[0]} PROGRAM [unittest options]')
    command_line_test.PROGRAM = os.path.abspath(sys.argv.pop(1))
    unittest.main()
