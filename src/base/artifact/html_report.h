// A page for people: one HTML file without any outside reference (no script, font, image or link to load),
// readable on a phone, in the dark and on paper, and by screen readers.
//
//   HtmlReport page("demo", "What the line made of 30,720 pages");
//   page.section("Languages");
//   page.figure(svg(chart), "Characters kept and dropped.");
//   page.table(table);
//   LEAM_TRY(env.write_atomic(path, page.html()));
//
// Everything given as text is escaped; only `svg` (from plot.h) is taken as it is. The same calls give the
// same bytes: nothing of the machine or the clock gets in unless the caller writes it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace leam::artifact {

// A key figure: "1.42" "bits per byte" "zstd -19: 1.98".
struct Tile {
  std::string value{}, label{}, detail{};
};

struct Column {
  std::string name;
  bool number = false;  // right-aligned, tabular figures
};

struct Table {
  std::string caption{};  // what it shows, spoken and shown
  std::vector<Column> columns{};
  std::vector<std::vector<std::string>> rows{};
  int total_rows = 0;  // how many of the last rows are sums, set apart
};

class HtmlReport {
 public:
  HtmlReport(std::string_view title, std::string_view subtitle);

  // Starts a section with its heading; what follows belongs to it. Also an entry of the contents.
  void section(std::string_view heading);
  void heading(std::string_view text);  // within a section
  void paragraph(std::string_view text);
  void note(std::string_view text);  // smaller: how a figure was made
  void tiles(const std::vector<Tile>& tiles);
  void table(const Table& table);
  void figure(std::string_view svg, std::string_view caption);
  // A text somebody or something wrote: `prompt` set apart from what follows it. `lang` as in BCP 47.
  void sample(std::string_view label, std::string_view lang, std::string_view prompt, std::string_view text);
  void code(std::string_view text);
  void footer(std::string_view text);

  std::string html() const;

 private:
  void open();
  std::string title_, subtitle_, body_, footer_;
  std::vector<std::string> sections_;
};

}  // namespace leam::artifact
