#!/usr/bin/env python3
"""Installs the package, each form of the library into a prefix of its own, and uses it there as a program of somebody else does: by CMake,
by pkg-config, and by the compiler alone.

    tests/installed_package_test.py BUILD CXX LAUNCHER [unittest options]     LAUNCHER: ccache, or an empty word
"""
import os
import pathlib
import re
import shutil
import subprocess
import sys
import unittest

SOURCE = pathlib.Path(__file__).resolve().parent.parent
EXAMPLES = SOURCE / 'examples'
BUILD = WORK = pathlib.Path()
CXX = LAUNCHER = ''


def run(*command, fails=False, **options):
    done = subprocess.run([str(part) for part in command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=600,
                          **options)
    if (done.returncode != 0) != fails:
        raise AssertionError(f'{" ".join(map(str, command))}: exit code {done.returncode}\n{done.stdout}')
    return done.stdout


def install(prefix, *components):
    # As after building the program alone: installing builds the library.
    for library in [*BUILD.glob('libqkv.a'), *BUILD.glob('libqkv.so*')]:
        library.unlink()
    for component in components:
        run('cmake', '--install', BUILD, '--prefix', prefix, '--component', component)


def configure(source, build, prefix, *definitions):
    launcher = [f'-DCMAKE_CXX_COMPILER_LAUNCHER={LAUNCHER}'] if LAUNCHER else []
    return run('cmake', '-S', source, '-B', build, '-G', 'Ninja', f'-DCMAKE_PREFIX_PATH={prefix}', f'-DCMAKE_CXX_COMPILER={CXX}',
               '-DCMAKE_BUILD_TYPE=Release', *launcher, *definitions)


def write_project(folder, *lines):
    (folder / 'CMakeLists.txt').write_text('\n'.join(['cmake_minimum_required(VERSION 3.25)', 'project(p CXX)', *lines, '']))


def needed(program):
    """The shared libraries that a program or library names itself."""
    return re.findall(r'\(NEEDED\).*\[(.+)\]', run('readelf', '--dynamic', program))


class Prefix:
    """A prefix with some components, made once for a class."""
    components = ()

    @classmethod
    def setUpClass(cls):
        cls.work = WORK / cls.__name__
        cls.prefix = cls.work / 'prefix'
        cls.work.mkdir(parents=True)
        install(cls.prefix, 'common', *cls.components)

    def environment(self):
        """In which pkg-config finds the prefix, and a program its libqkv.so."""
        return {**os.environ, 'PKG_CONFIG_PATH': str(next(self.prefix.rglob('qkv.pc')).parent),
                'LD_LIBRARY_PATH': str(next(self.prefix.rglob('libqkv.*')).parent)}

    def pkg_config(self, *options):
        return run('pkg-config', *options, 'qkv', env=self.environment()).split()

    def tokenizes(self, flags):
        """Builds an example with the flags; what it links."""
        program = self.work / 'tokenize'
        run(CXX, '-std=c++20', EXAMPLES / 'tokenize.cc', '-o', program, *flags)
        self.assertIn(': ein haus am see', run(program, EXAMPLES / 'tokenizer.json', 'ein Haus am See', env=self.environment()))
        return needed(program)

    def builds_examples(self):
        configure(EXAMPLES, self.work / 'build', self.prefix)
        run('cmake', '--build', self.work / 'build')
        run('ctest', '--test-dir', self.work / 'build', '--output-on-failure')
        return needed(self.work / 'build/tokenize')


class Static(Prefix, unittest.TestCase):
    components = ('static',)

    def test_files(self):
        self.assertEqual(list(self.prefix.rglob('*.so*')), [])
        self.assertEqual((self.prefix / 'share/doc/qkv/LICENSE').read_text(), (SOURCE / 'LICENSE').read_text())
        self.assertEqual({path.name for path in (self.prefix / 'include/qkv').iterdir()},
                         {path.name for path in (SOURCE / 'include/qkv').iterdir()})
        version = re.search('"(.+)"', (SOURCE / 'include/qkv/version.h').read_text()).group(1)
        self.assertIn(version, run(self.prefix / 'bin/qkv', '--version'))
        self.assertEqual(self.pkg_config('--modversion'), [version])
        for file in ('man/man1/qkv.1', 'man/man1/qkv-tokenizer-train.1', 'bash-completion/completions/qkv', 'zsh/site-functions/_qkv',
                     'fish/vendor_completions.d/qkv.fish'):
            self.assertTrue((self.prefix / 'share' / file).exists(), file)

    def test_the_guide_for_cpp(self):
        run(sys.executable, SOURCE / 'tests/guides_test.py', self.prefix / 'bin/qkv', '--prefix', self.prefix, 'GuidesTest.test_cpp')

    def test_cmake(self):
        self.assertNotIn('libqkv.so.0', self.builds_examples())

    def test_pkg_config(self):
        self.assertEqual([flag for flag in self.pkg_config('--cflags') if not flag.startswith('-I')], [])
        for options in ([], ['--static']):
            self.tokenizes(self.pkg_config('--cflags', '--libs', *options))

    def test_a_form_that_is_not_installed_is_refused(self):
        write_project(self.work, 'find_package(qkv REQUIRED COMPONENTS shared)')
        with self.assertRaisesRegex(AssertionError, 'component `shared`; possible: '):
            configure(self.work, self.work / 'refused', self.prefix)

    def test_twenty_lines_compile_quickly(self):
        example = EXAMPLES / 'translate.cc'
        self.assertLessEqual(len(example.read_text().splitlines()), 20)
        self.stays_small(example)

    def test_all_headers_together_are_small_and_without_warnings(self):
        everything = self.work / 'everything.cc'
        everything.write_text(''.join(f'#include <qkv/{path.name}>\n' for path in sorted((self.prefix / 'include/qkv').iterdir())))
        self.stays_small(everything)

    def stays_small(self, file):
        """Compiles in well under three seconds: GCC 12 takes 0.9 s for 63,000 lines, nearly all of them the standard library's."""
        command = [CXX, '-std=c++20', *self.pkg_config('--cflags'), file]
        run(*command, '-Wall', '-Wextra', '-Wpedantic', '-Werror', '-c', '-o', self.work / 'out.o')
        self.assertLess(len(run(*command, '-E', '-P').splitlines()), 100000)

    def test_an_older_standard_is_refused_in_one_clear_line(self):
        out = run(CXX, '-std=c++17', '-fsyntax-only', EXAMPLES / 'translate.cc', *self.pkg_config('--cflags'), fails=True)
        self.assertIn('compile with -std=c++20', out)


class Shared(Prefix, unittest.TestCase):
    components = ('shared',)

    def library(self):
        return next(self.prefix.rglob('libqkv.so'))

    def test_files(self):
        self.assertEqual(list(self.prefix.rglob('*.a')), [])
        self.assertRegex(run('readelf', '--dynamic', self.library()), r'SONAME.*\[libqkv\.so\.0\]')
        self.assertRegex(self.library().resolve().name, r'^libqkv\.so\.\d+\.\d+\.\d+$')

    def test_nothing_but_the_api_is_exported(self):
        names = [line.split(' ', 2)[2] for line in run('nm', '-D', '--defined-only', '--demangle', self.library()).splitlines()]
        api = re.compile(r'(typeinfo( name)? for |vtable for )?qkv::(?!.*Impl)[^(]*[@(\[]|QKV_\d+\.\d+$')
        self.assertEqual([name for name in names if not api.match(name)], [])
        self.assertGreater(len(names), 50)

    def test_cmake(self):
        self.assertIn('libqkv.so.0', self.builds_examples())

    def test_pkg_config(self):
        flags = self.pkg_config('--cflags', '--libs')
        self.assertEqual([flag for flag in flags if flag.startswith('-l')], ['-lqkv'])
        self.assertIn('libqkv.so.0', self.tokenizes(flags))


class Both(Prefix, unittest.TestCase):
    components = ('static', 'shared')

    def test_cmake_takes_the_form_that_is_asked_for(self):
        for components, kind in (('', 'SHARED'), ('COMPONENTS static', 'STATIC'), ('COMPONENTS shared', 'SHARED'),
                                 ('COMPONENTS static shared', 'STATIC')):
            write_project(self.work, f'find_package(qkv REQUIRED {components})', 'get_target_property(type qkv::qkv TYPE)',
                          'message(STATUS "a ${type}")')
            with self.subTest(components):
                self.assertIn(f'a {kind}_LIBRARY', configure(self.work, self.work / 'build', self.prefix))

    def test_pkg_config_static(self):
        self.assertIn('libqkv.so.0', self.tokenizes(self.pkg_config('--cflags', '--libs')))
        flags = ['-l:libqkv.a' if flag == '-lqkv' else flag for flag in self.pkg_config('--cflags', '--static', '--libs')]
        self.assertNotIn('libqkv.so.0', self.tokenizes(flags))


if __name__ == '__main__':
    if len(sys.argv) < 4:
        sys.exit('usage: tests/installed_package_test.py BUILD CXX LAUNCHER [unittest options]')
    BUILD, CXX, LAUNCHER = pathlib.Path(sys.argv[1]).resolve(), *sys.argv[2:4]
    WORK = BUILD / 'installed_package'
    shutil.rmtree(WORK, ignore_errors=True)
    unittest.main(argv=sys.argv[:1] + sys.argv[4:])
