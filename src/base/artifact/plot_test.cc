#include "base/artifact/plot.h"

#include <gtest/gtest.h>

#include <boost/property_tree/xml_parser.hpp>
#include <cmath>
#include <sstream>

#include "base/artifact/html_report.h"

namespace leam::artifact {
namespace {

// Throws when the text is not well-formed.
boost::property_tree::ptree parse_xml(const std::string& text) {
  std::istringstream in(text);
  boost::property_tree::ptree tree;
  boost::property_tree::read_xml(in, tree);
  return tree;
}

size_t count(const std::string& text, std::string_view what) {
  size_t n = 0;
  for (size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + 1)) ++n;
  return n;
}

TEST(Plot, EscapesEverythingThatXmlMinds) {
  EXPECT_EQ(xml_escape("a<b>&\"c'\x01"), "a&lt;b&gt;&amp;&quot;c&#39;\xEF\xBF\xBD");
  LineChart chart{.title = "</svg><script>alert(1)</script>", .x_label = "a & b", .y_label = "<y>"};
  chart.series.push_back({"\"x\" <&>", {1, 2}, {1, 2}});
  chart.series.push_back({"y", {1, 2}, {3, 4}});
  const auto tree = parse_xml(svg(chart));
  EXPECT_EQ(tree.get<std::string>("svg.title"), chart.title);
  EXPECT_EQ(svg(chart).find("<script>"), std::string::npos);
}

TEST(Plot, TicksAreRoundAndCover) {
  EXPECT_EQ(nice_ticks(0, 10, 5), (std::vector<double>{0, 2, 4, 6, 8, 10}));
  EXPECT_EQ(nice_ticks(3, 3, 5), std::vector<double>{3});
  for (const auto& [low, high] : {std::pair{0.0013, 0.0871}, {-7.0, 3.0}, {1e6, 1.5e6}, {2.0, 9.5}}) {
    const auto t = nice_ticks(low, high, 5);
    ASSERT_GE(t.size(), 3u);
    EXPECT_LE(t.front(), low);
    EXPECT_GE(t.back(), high);
    EXPECT_LE(t.size(), 9u);
  }
}

TEST(Plot, Numbers) {
  EXPECT_EQ(short_number(0), "0");
  EXPECT_EQ(short_number(0.25), "0.25");
  EXPECT_EQ(short_number(1234), "1234");
  EXPECT_EQ(short_number(12345), "12.3k");
  EXPECT_EQ(short_number(1.2e6), "1.2M");
  EXPECT_EQ(short_number(999.9), "1000");
  EXPECT_EQ(short_number(NAN), "–");
}

TEST(Plot, OddSeriesDrawWithoutNonsense) {
  LineChart chart{.title = "odd", .x_label = "x", .y_label = "y"};
  EXPECT_NE(svg(chart).find("no data"), std::string::npos);
  chart.series.push_back({"one", {5}, {5}});
  EXPECT_EQ(count(svg(chart), "<circle"), 1u);
  chart.series.push_back({"gaps", {1, 2, 3}, {NAN, INFINITY, 2}});
  chart.series.push_back({"short", {1, 2, 3}, {}});
  chart.log_x = chart.log_y = true;
  chart.series.push_back({"zero", {0, 1, 10}, {0, 1, 10}});
  const std::string out = svg(chart);
  parse_xml(out);
  EXPECT_EQ(out.find("nan"), std::string::npos);
  EXPECT_EQ(out.find("inf"), std::string::npos);
}

TEST(Plot, LongSeriesKeepTheirPeak) {
  Series s{"long", {}, {}};
  for (int i = 0; i < 200'000; ++i) {
    s.x.push_back(i);
    s.y.push_back(i == 123'456 ? 100.0 : std::sin(i * 0.01));
  }
  LineChart chart{.title = "long", .x_label = "x", .y_label = "y", .series = {s}};
  const std::string out = svg(chart);
  EXPECT_LT(out.size(), 60'000u);
  chart.series[0].y[123'456] = 0;
  EXPECT_NE(out, svg(chart));  // the axis and the spike are gone
}

TEST(Plot, BarsAreAsLongAsTheirValues) {
  BarChart chart{.title = "bars", .value_label = "bits", .series = {"a", "b"}};
  chart.groups.push_back({"de", {1, 2}, {}});
  chart.groups.push_back({"fr", {NAN, 0}, {"?", "0"}});
  const auto tree = parse_xml(svg(chart));
  std::vector<double> widths;
  for (const auto& [tag, node] : tree.get_child("svg")) {
    if (tag == "rect" && node.find("title") != node.not_found()) {
      widths.push_back(node.get<double>("<xmlattr>.width"));
    }
  }
  ASSERT_EQ(widths.size(), 4u);
  EXPECT_NEAR(widths[1], 2 * widths[0], 0.2);
  EXPECT_EQ(widths[2], 0);
  EXPECT_EQ(widths[3], 0);
}

TEST(Plot, Terminal) {
  EXPECT_EQ(sparkline({0, 1, 2, 3, 4, 5, 6, 7}, 8), "▁▂▃▄▅▆▇█");
  EXPECT_EQ(sparkline({3, 3}, 10), "▅▅");
  EXPECT_EQ(sparkline({}, 10), "");
  EXPECT_EQ(text_bar(0.5, 4), "██  ");
  EXPECT_EQ(text_bar(1.0, 3), "███");
  EXPECT_EQ(text_bar(0.3125, 2, false), "▋");
  EXPECT_EQ(text_bar(NAN, 2), "  ");
  // Down from the upper left to the lower right corner.
  const auto plot = braille_plot({0, 1, 2, 3}, {3, 2, 1, 0}, 2, 1);
  ASSERT_EQ(plot.size(), 1u);
  EXPECT_EQ(plot[0], "⠑⢄");
  EXPECT_EQ(braille_plot({}, {}, 3, 2), (std::vector<std::string>{"⠀⠀⠀", "⠀⠀⠀"}));
}

TEST(HtmlReport, IsSelfContainedAndEscaped) {
  HtmlReport page("A <b>title</b>", "sub & title");
  page.tiles({{"1.42", "bits per byte", "zstd <1.98>"}});
  page.section("Tables & figures");
  page.table({.caption = "c<aption",
              .columns = {{"lang", false}, {"n", true}},
              .rows = {{"<de>", "1"}, {"all", "1"}},
              .total_rows = 1});
  LineChart chart{.title = "t", .x_label = "x", .y_label = "y", .series = {{"s", {1, 2}, {3, 1}}}};
  page.figure(svg(chart), "a \"caption\"");
  page.sample("Deutsch", "de", "Öffnen Sie <", "das & Menü");
  page.footer("done");
  const std::string html = page.html();
  for (const char* forbidden : {"<script", "http://example", "src=", "@import", "url(", "<b>title"}) {
    EXPECT_EQ(html.find(forbidden), std::string::npos) << forbidden;
  }
  EXPECT_NE(html.find("Öffnen Sie &lt;"), std::string::npos);
  EXPECT_EQ(count(html, "<section"), count(html, "</section>"));
  EXPECT_EQ(count(html, "<section"), 2u);
  EXPECT_EQ(html, page.html());
  // Void elements apart, the page is well-formed XML too.
  std::string xml = html.substr(html.find("<body>"));
  xml.resize(xml.find("</html>"));
  parse_xml(xml);
}

}  // namespace
}  // namespace leam::artifact
