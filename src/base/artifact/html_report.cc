#include "base/artifact/html_report.h"

#include <fmt/format.h>

#include "base/artifact/plot.h"

namespace leam::artifact {
namespace {

// Colours are pairs with at least 3:1 contrast to their ground for marks and 4.5:1 for text.
constexpr std::string_view kStyle = R"css(
:root{color-scheme:light dark;
--ground:#fbfbf9;--card:#ffffff;--ink:#1c1f24;--soft:#565d68;--rule:#dfe1e5;--accent:#1f5fbf;
--s1:#2667c9;--s2:#c9701b;--s3:#1d8a63;--s4:#a8458b;--s5:#6a57c4;--s6:#0f8299;--s7:#b0483e;--s8:#7a7f88}
@media (prefers-color-scheme:dark){:root{
--ground:#15171b;--card:#1d2025;--ink:#e8eaed;--soft:#a3aab5;--rule:#343941;--accent:#8ab4f8;
--s1:#7aa9f7;--s2:#f0a35b;--s3:#57c79b;--s4:#e08cc6;--s5:#a99bf0;--s6:#5cc3d8;--s7:#ef8d83;--s8:#9aa0aa}}
*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%}
body{margin:0;background:var(--ground);color:var(--ink);
font:16px/1.6 system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans","DejaVu Sans",sans-serif}
.page{max-width:58rem;margin:0 auto;padding:2.5rem 1.25rem 4rem}
header{margin-bottom:1.5rem}
h1{font-size:clamp(1.7rem,4.5vw,2.4rem);line-height:1.15;letter-spacing:-.02em;margin:0 0 .4rem}
.sub{color:var(--soft);font-size:1.05rem;margin:0}
nav{display:flex;flex-wrap:wrap;gap:.25rem 1.1rem;margin-top:1.1rem;padding:.7rem 0;
border-top:1px solid var(--rule);border-bottom:1px solid var(--rule);font-size:.92rem}
a{color:var(--accent);text-decoration:none}a:hover,a:focus-visible{text-decoration:underline}
section{margin:2.6rem 0 0}
h2{font-size:1.35rem;line-height:1.25;letter-spacing:-.01em;margin:0 0 .7rem}
h3{font-size:1.05rem;margin:1.6rem 0 .4rem}
p{margin:.6rem 0;max-width:44rem}
.note{color:var(--soft);font-size:.9rem}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(9.5rem,1fr));gap:.75rem;margin:1rem 0;padding:0;list-style:none}
.tiles li{background:var(--card);border:1px solid var(--rule);border-radius:.6rem;padding:.85rem 1rem}
.tiles b{display:block;font-size:1.55rem;line-height:1.2;letter-spacing:-.02em;font-variant-numeric:tabular-nums}
.tiles span{display:block}.tiles small{display:block;color:var(--soft);font-size:.85rem;line-height:1.4}
figure{margin:1.2rem 0;background:var(--card);border:1px solid var(--rule);border-radius:.6rem;padding:1rem}
.wide{overflow-x:auto}
figcaption{color:var(--soft);font-size:.9rem;margin-top:.5rem;max-width:44rem}
.chart{display:block;width:100%;min-width:34rem;height:auto}
.t{font:12px system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans","DejaVu Sans",sans-serif;fill:var(--ink)}
.t.m{fill:var(--soft)}.t.n{font-variant-numeric:tabular-nums}
.grid{stroke:var(--rule);stroke-width:1}.axis{stroke:var(--soft);stroke-width:1}
.line{fill:none;stroke-width:2;stroke-linejoin:round;stroke-linecap:round}.faint{stroke-width:1;opacity:.3}
.s1{fill:var(--s1)}.s2{fill:var(--s2)}.s3{fill:var(--s3)}.s4{fill:var(--s4)}
.s5{fill:var(--s5)}.s6{fill:var(--s6)}.s7{fill:var(--s7)}.s8{fill:var(--s8)}
.l1{stroke:var(--s1)}.l2{stroke:var(--s2)}.l3{stroke:var(--s3)}.l4{stroke:var(--s4)}
.l5{stroke:var(--s5)}.l6{stroke:var(--s6)}.l7{stroke:var(--s7)}.l8{stroke:var(--s8)}
.scroll{overflow-x:auto;margin:1rem 0}
table{border-collapse:collapse;width:100%;font-size:.94rem}
caption{text-align:left;color:var(--soft);font-size:.9rem;padding-bottom:.4rem}
th,td{padding:.35rem .75rem .35rem 0;text-align:left;border-bottom:1px solid var(--rule);vertical-align:top}
thead th{color:var(--soft);font-weight:600;border-bottom:2px solid var(--rule);white-space:nowrap}
tbody th{font-weight:500}
.r{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
tr.sum td,tr.sum th{font-weight:650;border-top:2px solid var(--rule)}
.sample{margin:1rem 0;padding:.2rem 0 .2rem 1rem;border-left:3px solid var(--s1)}
.sample cite{display:block;font-style:normal;color:var(--soft);font-size:.85rem}
.sample p{margin:.2rem 0;white-space:pre-wrap;overflow-wrap:anywhere}.sample mark{background:none;color:inherit;font-weight:650}
pre{background:var(--card);border:1px solid var(--rule);border-radius:.5rem;padding:.8rem 1rem;overflow-x:auto;
font:.86rem/1.5 ui-monospace,"DejaVu Sans Mono",monospace}
footer{margin-top:3rem;padding-top:1rem;border-top:1px solid var(--rule);color:var(--soft);font-size:.9rem}
@media print{:root{--ground:#fff;--card:#fff;--ink:#000;--soft:#444;--rule:#bbb;
--s1:#2667c9;--s2:#c9701b;--s3:#1d8a63;--s4:#a8458b;--s5:#6a57c4;--s6:#0f8299;--s7:#b0483e;--s8:#7a7f88}
body{font-size:11pt}.page{max-width:none;padding:0}nav{display:none}
figure,.tiles li,tr,.sample{break-inside:avoid}h2,h3{break-after:avoid}.chart{min-width:0}}
)css";

std::string anchor(size_t index) {
  return fmt::format("s{}", index + 1);
}

}  // namespace

HtmlReport::HtmlReport(std::string_view title, std::string_view subtitle)
    : title_(title), subtitle_(subtitle) {}

void HtmlReport::open() {
  if (sections_.empty()) section("Overview");
}

void HtmlReport::section(std::string_view heading) {
  if (!sections_.empty()) body_ += "</section>\n";
  body_ += fmt::format("<section id=\"{0}\" aria-labelledby=\"{0}-h\">\n<h2 id=\"{0}-h\">{1}</h2>\n",
                       anchor(sections_.size()), xml_escape(heading));
  sections_.emplace_back(heading);
}

void HtmlReport::heading(std::string_view text) {
  open();
  body_ += fmt::format("<h3>{}</h3>\n", xml_escape(text));
}

void HtmlReport::paragraph(std::string_view text) {
  open();
  body_ += fmt::format("<p>{}</p>\n", xml_escape(text));
}

void HtmlReport::note(std::string_view text) {
  open();
  body_ += fmt::format("<p class=\"note\">{}</p>\n", xml_escape(text));
}

void HtmlReport::tiles(const std::vector<Tile>& tiles) {
  open();
  body_ += "<ul class=\"tiles\">\n";
  for (const Tile& t : tiles) {
    body_ += fmt::format("<li><b>{}</b><span>{}</span><small>{}</small></li>\n", xml_escape(t.value),
                         xml_escape(t.label), xml_escape(t.detail));
  }
  body_ += "</ul>\n";
}

void HtmlReport::table(const Table& table) {
  open();
  // A region that scrolls must be reachable by keyboard, so it has a name and a tab stop.
  body_ += fmt::format("<div class=\"scroll\" role=\"region\" tabindex=\"0\" aria-label=\"{}\"><table>\n",
                       xml_escape(table.caption));
  if (!table.caption.empty()) body_ += fmt::format("<caption>{}</caption>\n", xml_escape(table.caption));
  body_ += "<thead><tr>";
  for (const Column& c : table.columns) {
    body_ += fmt::format("<th scope=\"col\"{}>{}</th>", c.number ? " class=\"r\"" : "", xml_escape(c.name));
  }
  body_ += "</tr></thead>\n<tbody>\n";
  for (size_t i = 0; i < table.rows.size(); ++i) {
    const bool sum = i + static_cast<size_t>(table.total_rows) >= table.rows.size();
    body_ += sum ? "<tr class=\"sum\">" : "<tr>";
    for (size_t k = 0; k < table.rows[i].size(); ++k) {
      const bool number = k < table.columns.size() && table.columns[k].number;
      const std::string_view tag = k == 0 ? "th scope=\"row\"" : "td";
      body_ += fmt::format("<{}{}>{}</{}>", tag, number ? " class=\"r\"" : "", xml_escape(table.rows[i][k]),
                           k == 0 ? "th" : "td");
    }
    body_ += "</tr>\n";
  }
  body_ += "</tbody>\n</table></div>\n";
}

void HtmlReport::figure(std::string_view svg, std::string_view caption) {
  open();
  body_ += fmt::format(
      "<figure><div class=\"wide\" role=\"region\" tabindex=\"0\" aria-label=\"{0}\">{1}</div>"
      "<figcaption>{0}</figcaption></figure>\n",
      xml_escape(caption), svg);
}

void HtmlReport::sample(std::string_view label, std::string_view lang, std::string_view prompt,
                        std::string_view text) {
  open();
  body_ += fmt::format(
      "<blockquote class=\"sample\"><cite>{}</cite><p lang=\"{}\"><mark>{}</mark>{}</p></blockquote>\n",
      xml_escape(label), xml_escape(lang), xml_escape(prompt), xml_escape(text));
}

void HtmlReport::code(std::string_view text) {
  open();
  body_ += fmt::format("<pre>{}</pre>\n", xml_escape(text));
}

void HtmlReport::footer(std::string_view text) {
  footer_ += fmt::format("<p>{}</p>\n", xml_escape(text));
}

std::string HtmlReport::html() const {
  std::string out = "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n";
  out += "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n";
  out += "<link rel=\"icon\" href=\"data:,\">\n";  // or browsers ask for /favicon.ico
  out += fmt::format("<title>{}</title>\n<style>{}</style>\n</head>\n<body>\n<div class=\"page\">\n",
                     xml_escape(title_), kStyle);
  out += fmt::format("<header>\n<h1>{}</h1>\n<p class=\"sub\">{}</p>\n", xml_escape(title_),
                     xml_escape(subtitle_));
  if (sections_.size() > 1) {
    out += "<nav aria-label=\"Contents\">";
    for (size_t i = 0; i < sections_.size(); ++i) {
      out += fmt::format("<a href=\"#{}\">{}</a>", anchor(i), xml_escape(sections_[i]));
    }
    out += "</nav>\n";
  }
  out += "</header>\n<main>\n" + body_;
  if (!sections_.empty()) out += "</section>\n";
  out += "</main>\n";
  if (!footer_.empty()) out += "<footer>\n" + footer_ + "</footer>\n";
  out += "</div>\n</body>\n</html>\n";
  return out;
}

}  // namespace leam::artifact
