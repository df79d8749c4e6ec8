#include "lab/pages/html_page.h"

#include <fmt/format.h>

#include "lab/pages/mathml.h"

namespace qkv::lab {
namespace {

// The colours of Okabe and Ito (2008), which colour-blind readers can tell apart.
constexpr const char* kStyle = R"css(
:root{color-scheme:light dark;--ink:#1c1c1e;--soft:#5a5a62;--paper:#fff;--panel:#f4f4f6;--line:#d4d4da;--link:#0550ae;
--c0:#0072b2;--c1:#d55e00;--c2:#009e73;--c3:#b0488a;--c4:#a87400;--c5:#2b8cc4;--c6:#444;--c7:#6d6d00;--c8:#8250df}
@media(prefers-color-scheme:dark){:root{--ink:#e8e8ec;--soft:#a8a8b2;--paper:#141416;--panel:#1f1f23;--line:#3c3c44;--link:#79b8ff;
--c0:#56b4e9;--c1:#ff9a4d;--c2:#3fd0a4;--c3:#e39bc6;--c4:#f0c040;--c5:#8fd0ff;--c6:#ccc;--c7:#d8d860;--c8:#c4a7ff}}
*{box-sizing:border-box}
body{font:17px/1.6 system-ui,"PingFang SC","Noto Sans CJK SC","Microsoft YaHei",sans-serif;color:var(--ink);background:var(--paper);
max-width:46rem;margin:0 auto;padding:0 1rem 3rem;overflow-wrap:break-word}
header{display:flex;justify-content:space-between;gap:1rem;padding:.8rem 0;border-bottom:1px solid var(--line);font-size:.9rem}
a{color:var(--link)}a:focus-visible,summary:focus-visible,[tabindex]:focus-visible{outline:2px solid var(--link);outline-offset:2px}
h1{font-size:1.6rem;line-height:1.3;margin:1.4rem 0 .8rem}h2{font-size:1.2rem;margin:2.2rem 0 .6rem}
h3{font-size:1rem;margin:1.3rem 0 .4rem}
.answer{background:var(--panel);border-left:4px solid var(--c0);padding:.8rem 1rem;font-size:1.08rem}.answer p{margin:0}
.wide,.formula{overflow-x:auto;margin:1rem 0}.formula math{margin:0}.matrices{display:inline-block;max-width:100%;overflow-x:auto;vertical-align:middle}math{font-size:1.05em}
table{border-collapse:collapse;font-size:.9rem}td,th{border-bottom:1px solid var(--line);padding:.3rem .7rem;text-align:left;
vertical-align:top}thead th{color:var(--soft)}tbody th{font-weight:normal}
mtd{padding:.15em .35em}mtable.matrix{border:solid currentcolor;border-width:0 1.5px;border-radius:.7em;padding:0 .15em}.aligned mtd{text-align:left;padding:.25em .1em}
figure{margin:1rem 0}figcaption{font-size:.92rem;color:var(--soft)}
.three{border:1px solid var(--line);border-radius:6px;padding:0 1rem .4rem}
details{border-top:1px solid var(--line);padding:.5rem 0;margin-top:1.5rem}summary{cursor:pointer}
code{font-size:.88em;overflow-wrap:anywhere}pre{overflow-x:auto;background:var(--panel);padding:.7rem}
nav ol{padding-left:1.6rem}nav li{margin:.25rem 0}.note{color:var(--soft);font-size:.92rem}
svg{max-width:100%;height:auto;font:13px system-ui,"PingFang SC","Noto Sans CJK SC","Microsoft YaHei",sans-serif}
svg.chart{width:36rem}svg text{fill:var(--ink)}svg .small{font-size:11.5px;fill:var(--soft)}svg .chart-title{font-weight:600}
.grid{stroke:var(--line)}.rule{stroke:var(--line)}.axis{stroke:var(--soft)}.level{stroke:var(--soft);stroke-dasharray:2 4;stroke-width:1.5}
.mean{stroke:var(--ink);stroke-width:2}.dot{fill-opacity:.55}.curve{fill:none;stroke-width:2}
.drawing{display:flex;flex-wrap:wrap;gap:1rem}.drawing svg{width:21rem}
.box{fill:var(--panel);stroke:var(--soft)}.box.hot{stroke:var(--c1);stroke-width:2}.flow{stroke:var(--ink);fill:none}.tip{fill:var(--ink)}
.skip{stroke:var(--c0);fill:none;stroke-width:1.5}
.on{background:var(--panel);font-weight:600}
.s0{stroke:var(--c0)}.s1{stroke:var(--c1);stroke-dasharray:7 3}.s2{stroke:var(--c2);stroke-dasharray:2 3}
.s3{stroke:var(--c3);stroke-dasharray:9 3 2 3}.s4{stroke:var(--c4);stroke-dasharray:12 4}.s5{stroke:var(--c5);stroke-dasharray:4 2}
.s6{stroke:var(--c6);stroke-dasharray:1 2}.s7{stroke:var(--c7);stroke-dasharray:6 2 1 2 1 2}.s8{stroke:var(--c8)}
.f0{fill:var(--c0)}.f1{fill:var(--c1)}.f2{fill:var(--c2)}.f3{fill:var(--c3)}.f4{fill:var(--c4)}.f5{fill:var(--c5)}.f6{fill:var(--c6)}
.f7{fill:var(--c7)}.f8{fill:var(--c8)}
)css";

}  // namespace

std::string html_file(const HtmlPage& page, const std::string& contents) {
  const auto words = [&](const char* key) { return html_escaped(common_words(page.language, key)); };
  const Language other = page.language == Language::en ? Language::zh : Language::en;
  const std::string change = page.switched ? fmt::format("<a href=\"../{0}/{1}.html\" lang=\"{2}\" hreflang=\"{2}\">{3}</a>",
                                                         code_of(other), page.name, html_code_of(other), words("other language"))
                                           : "";
  return fmt::format(
      "<!doctype html>\n<html lang=\"{}\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" "
      "content=\"width=device-width,initial-scale=1\">\n<title>{}</title>\n<style>{}</style>\n</head>\n<body>\n<header><a "
      "href=\"index.html\">{}</a>{}</header>\n<main>\n{}</main>\n{}</body>\n</html>\n",
      html_code_of(page.language), html_escaped(page.title), kStyle, words("all questions"), change, page.body,
      contents.empty() ? "" : fmt::format("<nav aria-label=\"{0}\"><h2>{0}</h2>\n{1}</nav>\n", words("all questions"), contents));
}

}  // namespace qkv::lab
