#include "lab/pages/mathml.h"

#include <fmt/format.h>

#include <cctype>
#include <map>
#include <vector>

#include "base/error.h"
#include "view/html_escaped.h"

namespace qkv::lab {
namespace {

using Words = std::map<std::string, const char*, std::less<>>;

const Words kIdentifiers{{"alpha", "α"},
                         {"beta", "β"},
                         {"gamma", "γ"},
                         {"delta", "δ"},
                         {"epsilon", "ε"},
                         {"eta", "η"},
                         {"theta", "θ"},
                         {"lambda", "λ"},
                         {"mu", "μ"},
                         {"pi", "π"},
                         {"sigma", "σ"},
                         {"tau", "τ"},
                         {"phi", "φ"},
                         {"omega", "ω"},
                         {"Delta", "Δ"},
                         {"Sigma", "Σ"},
                         {"Theta", "Θ"},
                         {"Omega", "Ω"},
                         {"infty", "∞"},
                         {"ell", "ℓ"},
                         {"exp", "exp"},
                         {"log", "log"},
                         {"ln", "ln"},
                         {"max", "max"},
                         {"min", "min"},
                         {"tanh", "tanh"},
                         {"sin", "sin"},
                         {"cos", "cos"},
                         {"Var", "Var"},
                         {"argmax", "argmax"},
                         {"relu", "ReLU"},
                         {"gelu", "GELU"},
                         {"LN", "LN"},
                         {"FFN", "FFN"},
                         {"BN", "BN"},
                         {"softmax", "softmax"},
                         {"ldots", "…"},
                         {"rank", "rank"},
                         {"diag", "diag"},
                         {"head", "head"},
                         {"Concat", "Concat"},
                         {"MHA", "MHA"},
                         {"Attention", "Attention"},
                         {"silu", "SiLU"},
                         {"rot", "rot"}};
const Words kOperators{{"cdot", "⋅"},  {"times", "×"},  {"le", "≤"},     {"ge", "≥"},      {"ne", "≠"},     {"approx", "≈"},
                       {"in", "∈"},    {"to", "→"},     {"top", "⊤"},    {"partial", "∂"}, {"cdots", "⋯"},  {"pm", "±"},
                       {"ll", "≪"},    {"gg", "≫"},     {"odot", "⊙"},   {"sim", "∼"},     {"propto", "∝"}, {"Rightarrow", "⇒"},
                       {"mid", "|"},   {"lfloor", "⌊"}, {"rfloor", "⌋"}, {"Vert", "‖"},    {"subset", "⊂"}, {"equiv", "≡"},
                       {"lceil", "⌈"}, {"rceil", "⌉"},  {"vdots", "⋮"}};
const Words kSums{{"sum", "∑"}, {"prod", "∏"}, {"int", "∫"}};
const Words kAccents{{"bar", "¯"}, {"hat", "^"}, {"tilde", "~"}, {"overline", "¯"}};

class Parser {
 public:
  explicit Parser(std::string_view tex) : tex_(tex) {}

  std::string all() {
    std::string result = row();
    if (at_ < tex_.size()) wrong(fmt::format("\"{}\" has no beginning", tex_.substr(at_)));
    return result;
  }

 private:
  [[noreturn]] void wrong(const std::string& what) const { fail(ErrorCode::internal, "formula {}: {}", tex_, what); }

  void skip_space() {
    while (at_ < tex_.size() && (tex_[at_] == ' ' || tex_[at_] == '\n')) ++at_;
  }
  bool peek(std::string_view what) {
    skip_space();
    return tex_.substr(at_).starts_with(what);
  }
  bool take(std::string_view what) {
    if (!peek(what)) return false;
    at_ += what.size();
    return true;
  }
  void expect(std::string_view what) {
    if (!take(what)) wrong(fmt::format("\"{}\" is missing at \"{}\"", what, tex_.substr(at_)));
  }
  std::string word() {
    const size_t begin = at_;
    while (at_ < tex_.size() && std::isalpha(static_cast<unsigned char>(tex_[at_]))) ++at_;
    return std::string(tex_.substr(begin, at_ - begin));
  }

  // Up to the end of a group, a cell or the formula.
  std::string row() {
    std::string result;
    for (;;) {
      skip_space();
      if (at_ >= tex_.size() || peek("}") || peek("&") || peek("\\\\") || peek("\\end") || peek("\\right")) return result;
      result += scripted();
    }
  }

  std::string group() {
    if (!take("{")) return atom();
    const std::string inner = row();
    expect("}");
    return "<mrow>" + inner + "</mrow>";
  }

  std::string scripted() {
    skip_space();
    bool sum = false;
    for (const auto& [name, sign] : kSums) sum = sum || peek("\\" + name);
    const std::string base = atom();
    std::string below, above;
    for (;;) {
      if (take("_")) {
        below = group();
      } else if (take("^")) {
        above = group();
      } else {
        break;
      }
    }
    const char* both = sum ? "munderover" : "msubsup";
    if (!below.empty() && !above.empty()) return fmt::format("<{0}>{1}{2}{3}</{0}>", both, base, below, above);
    if (!below.empty()) return fmt::format("<{0}>{1}{2}</{0}>", sum ? "munder" : "msub", base, below);
    if (!above.empty()) return fmt::format("<{0}>{1}{2}</{0}>", sum ? "mover" : "msup", base, above);
    return base;
  }

  static std::string mo(std::string_view sign, bool stretchy = false) {
    return fmt::format("<mo{}>{}</mo>", stretchy ? "" : " stretchy=\"false\"", html_escaped(sign));
  }

  std::string atom() {
    skip_space();
    if (at_ >= tex_.size()) wrong("it ends too early");
    const char c = tex_[at_];
    if (c == '{') return group();
    if (c == '\\') return command();
    if (std::isdigit(static_cast<unsigned char>(c))) return number();
    if (std::isalpha(static_cast<unsigned char>(c))) {
      ++at_;
      return fmt::format("<mi>{}</mi>", c);
    }
    size_t length = 1;
    while (at_ + length < tex_.size() && (static_cast<unsigned char>(tex_[at_ + length]) & 0xC0) == 0x80) ++length;
    const std::string sign(tex_.substr(at_, length));
    at_ += length;
    if (sign == "-") return mo("−");
    if (sign == "'") return mo("′");
    return static_cast<unsigned char>(c) < 0x80 || sign == "−" || sign == "…" ? mo(sign) : fmt::format("<mtext>{}</mtext>", sign);
  }

  // Digits with a decimal point, and commas between groups of three.
  std::string number() {
    const size_t begin = at_;
    const auto digit = [&](size_t i) { return i < tex_.size() && std::isdigit(static_cast<unsigned char>(tex_[i])); };
    while (digit(at_) || ((tex_.substr(at_, 1) == "." || tex_.substr(at_, 1) == ",") && digit(at_ + 1) &&
                          (tex_[at_] == '.' || (digit(at_ + 2) && digit(at_ + 3) && !digit(at_ + 4))))) {
      ++at_;
    }
    return fmt::format("<mn>{}</mn>", tex_.substr(begin, at_ - begin));
  }

  std::string text_argument() {
    expect("{");
    const size_t end = tex_.find('}', at_);
    if (end == std::string_view::npos) wrong("a text has no end");
    std::string text = html_escaped(tex_.substr(at_, end - at_));
    at_ = end + 1;
    // Browsers drop spaces at the ends.
    constexpr const char* kNoBreak = "\u00a0";
    if (text.ends_with(' ')) text.replace(text.size() - 1, 1, kNoBreak);
    if (text.starts_with(' ')) text.replace(0, 1, kNoBreak);
    return text;
  }

  std::string environment() {
    expect("{");
    const std::string name = word();
    expect("}");
    std::string rows, cells;
    for (;;) {
      cells += "<mtd>" + row() + "</mtd>";
      if (take("&")) continue;
      rows += "<mtr>" + cells + "</mtr>";
      cells.clear();
      if (take("\\\\")) continue;
      expect("\\end");
      expect("{");
      if (word() != name) wrong(fmt::format("\\begin{{{}}} has another end", name));
      expect("}");
      break;
    }
    if (name == "aligned") return "<mtable class=\"aligned\" displaystyle=\"true\">" + rows + "</mtable>";
    // The style sheet draws its parentheses: without a mathematical font those of MathML do not grow.
    if (name == "pmatrix") return "<mtable class=\"matrix\">" + rows + "</mtable>";
    wrong(fmt::format("\\begin{{{}}} is unknown", name));
  }

  std::string fence() {
    skip_space();
    if (at_ >= tex_.size()) wrong("a fence is missing");
    if (tex_[at_] == '\\') {
      ++at_;
      const std::string name = word();
      const auto found = kOperators.find(name);
      if (found == kOperators.end()) wrong(fmt::format("the fence \\{} is unknown", name));
      return mo(found->second, true);
    }
    const char c = tex_[at_++];
    return c == '.' ? "" : mo(std::string(1, c), true);
  }

  std::string command() {
    ++at_;
    if (at_ < tex_.size() && !std::isalpha(static_cast<unsigned char>(tex_[at_]))) {
      const char c = tex_[at_++];
      if (c == ',' || c == ' ' || c == ';') return "<mspace width=\"0.25em\"></mspace>";
      if (c == '{' || c == '}' || c == '%' || c == '#') return mo(std::string(1, c));
      wrong(fmt::format("\\{} is unknown", c));
    }
    const std::string name = word();
    if (name == "frac") {
      const std::string above = group(), below = group();
      return "<mfrac>" + above + below + "</mfrac>";
    }
    if (name == "sqrt") return "<msqrt>" + group() + "</msqrt>";
    if (name == "text") return "<mtext>" + text_argument() + "</mtext>";
    if (name == "mathrm") return "<mi mathvariant=\"normal\">" + text_argument() + "</mi>";
    if (name == "R") return "<mi>ℝ</mi>";
    if (name == "E") return "<mi>𝔼</mi>";
    if (name == "quad") return "<mspace width=\"1em\"></mspace>";
    if (name == "begin") return environment();
    if (name == "left") {
      const std::string begin = fence(), inner = row();
      expect("\\right");
      return "<mrow>" + begin + inner + fence() + "</mrow>";
    }
    if (const auto found = kAccents.find(name); found != kAccents.end()) {
      return "<mover accent=\"true\">" + group() + mo(found->second) + "</mover>";
    }
    if (const auto found = kSums.find(name); found != kSums.end()) return fmt::format("<mo>{}</mo>", found->second);
    if (const auto found = kIdentifiers.find(name); found != kIdentifiers.end()) {
      // sin x, but sin(x)
      const bool function = std::string_view("sin cos log ln exp tanh").find(name) != std::string_view::npos;
      const bool spaced = function && !peek("(") && !peek("_") && !peek("^") && !peek("\\left") && at_ < tex_.size();
      return fmt::format("<mi>{}</mi>{}", found->second, spaced ? "<mspace width=\"0.17em\"></mspace>" : "");
    }
    if (const auto found = kOperators.find(name); found != kOperators.end()) return mo(found->second);
    wrong(fmt::format("\\{} is unknown", name));
  }

  std::string_view tex_;
  size_t at_ = 0;
};

}  // namespace

std::string to_mathml(std::string_view tex, bool display) {
  return fmt::format("<math{}>{}</math>", display ? " display=\"block\"" : "", Parser(tex).all());
}

}  // namespace qkv::lab
