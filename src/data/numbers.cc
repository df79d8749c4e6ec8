#include "data/numbers.h"

#include <unicode/locid.h>
#include <unicode/rbnf.h>
#include <unistd.h>

#include <algorithm>
#include <numeric>
#include <system_error>
#include <utility>

#include "base/cancellation.h"
#include "base/files.h"
#include "base/option_error.h"
#include "base/parallel.h"
#include "base/philox.h"

namespace qkv {
namespace {

namespace fs = std::filesystem;

constexpr int kDigits = 6, kFirstHeldOut = 3;  // shorter numbers are all used for training
constexpr int32_t kHeldOut = 1000 / (kDigits - kFirstHeldOut + 1);
constexpr int64_t kAlways = 100, kMost = 1000000 - 2 * 1000;

void shuffle(std::vector<int32_t>& numbers, RandomStream& random) {
  for (size_t i = numbers.size(); i > 1; --i) std::swap(numbers[i - 1], numbers[random.below(i)]);
}

// Distributes `count` over the strata: equally, as far as they are large enough.
std::vector<int64_t> share_out(int64_t count, const std::vector<int64_t>& sizes) {
  std::vector<int64_t> shares(sizes.size());
  std::vector<size_t> order(sizes.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return sizes[a] < sizes[b]; });
  for (size_t i = 0; i < order.size(); ++i) {
    const auto remaining = static_cast<int64_t>(order.size() - i);
    shares[order[i]] = std::min(sizes[order[i]], (count + remaining - 1) / remaining);
    count -= shares[order[i]];
  }
  return shares;
}

// A name that becomes part of a file's name: letters, digits, _ and - only.
void check_locale_name(const std::string& locale, const char* field) {
  const auto allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
  };
  QKV_CHECK_OPTION(!locale.empty() && locale.size() <= 64 && std::all_of(locale.begin(), locale.end(), allowed),
                   "`{}` \"{}\" is no name of a language; give one like en, de, fr, ja, zh or pt_PT", field, locale);
}

}  // namespace

NumberSets choose_numbers(int64_t count, uint64_t seed) {
  QKV_CHECK_OPTION(count >= kAlways, "`count` {} is too small: the {} numbers below {} are always among those to train on", count, kAlways,
                   kAlways);
  QKV_CHECK_OPTION(count <= kMost,
                   "`count` {} is too large: of the numbers from 0 to 999,999, 2,000 are kept for validation and test; at most {} remain",
                   count, kMost);
  NumberSets sets;
  sets.train.resize(kAlways);
  std::iota(sets.train.begin(), sets.train.end(), 0);
  std::vector<std::vector<int32_t>> strata;  // remaining for training, shuffled
  std::vector<int64_t> sizes;
  for (int32_t digits = kFirstHeldOut, first = 100; digits <= kDigits; ++digits, first *= 10) {
    std::vector<int32_t> numbers(static_cast<size_t>(first) * 9);
    std::iota(numbers.begin(), numbers.end(), first);
    RandomStream random(seed, static_cast<uint32_t>(digits));
    shuffle(numbers, random);
    sets.valid.insert(sets.valid.end(), numbers.end() - kHeldOut, numbers.end());
    sets.test.insert(sets.test.end(), numbers.end() - 2 * kHeldOut, numbers.end() - kHeldOut);
    numbers.resize(numbers.size() - 2 * kHeldOut);
    sizes.push_back(static_cast<int64_t>(numbers.size()));
    strata.push_back(std::move(numbers));
  }
  const std::vector<int64_t> shares = share_out(count - kAlways, sizes);
  for (size_t i = 0; i < strata.size(); ++i) sets.train.insert(sets.train.end(), strata[i].begin(), strata[i].begin() + shares[i]);
  RandomStream random(seed, 0);
  for (std::vector<int32_t>* set : {&sets.valid, &sets.test, &sets.train}) shuffle(*set, random);
  return sets;
}

struct NumberSpeller::Impl {
  icu::RuleBasedNumberFormat format;
};

NumberSpeller::NumberSpeller(const std::string& name) {
  UErrorCode status = U_ZERO_ERROR;
  const icu::Locale locale(name.c_str());
  auto impl = std::make_unique<Impl>(Impl{icu::RuleBasedNumberFormat(icu::URBNF_SPELLOUT, locale, status)});
  if (U_FAILURE(status)) fail(ErrorCode::unsupported, "ICU cannot spell numbers in \"{}\": {}", name, u_errorName(status));
  impl_ = std::move(impl);
  // For unknown languages ICU uses the default one; for languages without words, digits.
  const icu::Locale actual = impl_->format.getLocale(ULOC_ACTUAL_LOCALE, status);
  const std::string language = actual.getLanguage();
  const bool fell_back = language != locale.getLanguage() && language == icu::Locale::getDefault().getLanguage();
  if (fell_back || spell(21).find_first_of("0123456789") != std::string::npos) {
    fail(ErrorCode::invalid_argument, "ICU knows no words for numbers in \"{}\"; give a language like en, de, fr, es, ja, zh or pt_PT",
         name);
  }
}
NumberSpeller::~NumberSpeller() = default;
NumberSpeller::NumberSpeller(NumberSpeller&&) noexcept = default;

std::string NumberSpeller::spell(int32_t number) const {
  icu::UnicodeString words;
  impl_->format.format(number, words);
  constexpr char16_t kSoftHyphen = 0x00AD;
  std::u16string text;
  for (int32_t i = 0; i < words.length(); ++i) {
    if (words[i] != kSoftHyphen) text += words[i];
  }
  std::string utf8;
  return icu::UnicodeString(text.data(), static_cast<int32_t>(text.size())).toUTF8String(utf8);
}

namespace {

// The numbers' words, a line each, on all threads; a speller of its own for each part, as ICU's formats are not made to be shared.
std::string spell_lines(const std::vector<int32_t>& numbers, const std::string& locale, const CancellationToken* cancellation) {
  constexpr size_t kPart = 8192;
  std::vector<std::string> parts((numbers.size() + kPart - 1) / kPart);
  parallel_for(static_cast<int64_t>(parts.size()), [&](int64_t p) {
    throw_if_cancelled(cancellation);
    const NumberSpeller speller(locale);
    std::string& lines = parts[static_cast<size_t>(p)];
    const size_t begin = static_cast<size_t>(p) * kPart;
    for (size_t i = begin; i < std::min(begin + kPart, numbers.size()); ++i) lines.append(speller.spell(numbers[i])).append(1, '\n');
  });
  std::string all;
  for (const std::string& part : parts) all += part;
  return all;
}

// A folder that is always removed in the end, together with the parent folders made for it if they are empty.
class TemporaryFolder {
 public:
  explicit TemporaryFolder(fs::path path) : path_(std::move(path)) {
    std::error_code error;
    for (fs::path above = path_.parent_path(); !above.empty() && !fs::exists(above, error); above = above.parent_path()) {
      made_.push_back(above);
    }
    fs::create_directories(path_, error);
    if (error) {
      remove();
      fail(ErrorCode::io, "cannot make the directory {}: {}", path_.string(), error.message());
    }
  }
  ~TemporaryFolder() { remove(); }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  const fs::path& path() const { return path_; }

 private:
  void remove() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
    for (const fs::path& above : made_) fs::remove(above, ignored);
  }
  fs::path path_;
  std::vector<fs::path> made_;
};

void rename_or_fail(const fs::path& from, const fs::path& to) {
  std::error_code error;
  fs::rename(from, to, error);
  if (error) fail(ErrorCode::io, "cannot write {}: {}", to.string(), error.message());
}

}  // namespace

void write_numbers(const NumbersOptions& options) {
  check_locale_name(options.from, "from");
  check_locale_name(options.to, "to");
  QKV_CHECK_OPTION(options.from != options.to, "`from` and `to` are both {}; they must differ, as the files are named after them",
                   options.from);
  QKV_CHECK_OPTION(!options.output.empty(), "`output` is missing; name a directory to write to");
  std::error_code error;
  const fs::file_status status = fs::status(options.output, error);
  const bool exists = fs::exists(status);
  QKV_CHECK_OPTION(!exists || fs::is_directory(status), "`output` {}: there is a file of that name; name a directory",
                   options.output.string());
  QKV_CHECK_OPTION(!exists || options.overwrite || is_empty_directory(options.output),
                   "`output` {} exists; name another directory, or give `overwrite` to replace the files in it", options.output.string());
  for (const std::string& locale : {options.from, options.to}) NumberSpeller known(locale);
  const NumberSets sets = choose_numbers(options.count, options.seed);

  const fs::path output = (options.output / "").parent_path();  // without a slash at the end
  const std::string name = fmt::format(".tmp-{}", ::getpid());
  const TemporaryFolder folder(exists ? output / name : fs::path(output.string() + name));
  std::vector<std::string> files;
  for (const auto& [set, numbers] : {std::pair("train", &sets.train), std::pair("valid", &sets.valid), std::pair("test", &sets.test)}) {
    for (const std::string& locale : {options.from, options.to}) {
      files.push_back(fmt::format("{}.{}", set, locale));
      write_file_atomically(folder.path() / files.back(), spell_lines(*numbers, locale, options.cancellation));
    }
  }
  throw_if_cancelled(options.cancellation);
  if (!exists) return rename_or_fail(folder.path(), output);
  for (const std::string& file : files) move_into_place(folder.path() / file, output / file);
}

}  // namespace qkv
