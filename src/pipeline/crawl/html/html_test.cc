// The parser against the HTML standard: own cases, each after a section of it, and pages built to hurt.
#include <gtest/gtest.h>

#include "base/core/rng.h"
#include "base/text/utf8.h"
#include "pipeline/crawl/html/entities.h"
#include "pipeline/crawl/html/parse.h"
#include "pipeline/crawl/html/serialize.h"

namespace leam::crawl::html {
namespace {

// The body's content, or the whole tree where it matters.
std::string body_of(std::string_view page) {
  const Document d = parse(page);
  return d.body() == nullptr ? "" : serialize_tree(d.body());
}

std::string tree_of(std::string_view page) {
  const Document d = parse(page);
  return serialize_tree(d.root);
}

TEST(Html, BuildsWhatIsImplied) {
  EXPECT_EQ(
      tree_of("<!doctype html><title>a</title>b"),
      "| <!DOCTYPE html>\n| <html>\n|   <head>\n|     <title>\n|       \"a\"\n|   <body>\n|     \"b\"\n");
  EXPECT_EQ(tree_of(""), "| <html>\n|   <head>\n|   <body>\n");
  EXPECT_EQ(body_of("<p>a<p>b<ul><li>c<li>d</ul>"),
            "| <p>\n|   \"a\"\n| <p>\n|   \"b\"\n| <ul>\n|   <li>\n|     \"c\"\n|   <li>\n|     \"d\"\n");
  EXPECT_EQ(body_of("<table><td>x"), "| <table>\n|   <tbody>\n|     <tr>\n|       <td>\n|         \"x\"\n");
  EXPECT_EQ(body_of("<dl><dt>a<dd>b<dt>c"),
            "| <dl>\n|   <dt>\n|     \"a\"\n|   <dd>\n|     \"b\"\n|   <dt>\n|     \"c\"\n");
  EXPECT_EQ(body_of("<body></p>"), "| <p>\n");
}

// 13.2.6.4.7, "adoption agency algorithm": the example of section 13.2.10.1 and a block in between.
TEST(Html, AdoptsMisnestedFormatting) {
  EXPECT_EQ(
      body_of("<p>1<b>2<i>3</b>4</i>5</p>"),
      "| <p>\n|   \"1\"\n|   <b>\n|     \"2\"\n|     <i>\n|       \"3\"\n|   <i>\n|     \"4\"\n|   \"5\"\n");
  EXPECT_EQ(body_of("<b>1<p>2</b>3</p>"), "| <b>\n|   \"1\"\n| <p>\n|   <b>\n|     \"2\"\n|   \"3\"\n");
  EXPECT_EQ(body_of("<a>1<div>2<a>3"),
            "| <a>\n|   \"1\"\n| <div>\n|   <a>\n|     \"2\"\n|   <a>\n|     \"3\"\n");
}

// 13.2.10.3 and 13.2.10.4: unexpected markup in tables.
TEST(Html, FostersWhatTablesCannotHold) {
  EXPECT_EQ(body_of("<table><b><tr><td>aaa</td></tr>bbb</table>ccc"),
            "| <b>\n| <b>\n|   \"bbb\"\n| <table>\n|   <tbody>\n|     <tr>\n|       <td>\n|         "
            "\"aaa\"\n| <b>\n|   "
            "\"ccc\"\n");
  EXPECT_EQ(body_of("<table>x<tr><td>y"),
            "| \"x\"\n| <table>\n|   <tbody>\n|     <tr>\n|       <td>\n|         \"y\"\n");
}

TEST(Html, ReadsRawText) {
  EXPECT_EQ(body_of("<body><script>a<b></script >c"), "| <script>\n|   \"a<b>\"\n| \"c\"\n");
  EXPECT_EQ(body_of("<body><script><!--<script></script>--></script>c"),
            "| <script>\n|   \"<!--<script></script>-->\"\n| \"c\"\n");
  EXPECT_EQ(body_of("<textarea>\n<p>&amp;</textarea>"), "| <textarea>\n|   \"<p>&\"\n");
  EXPECT_EQ(body_of("<body><style>a&amp;b</style>"), "| <style>\n|   \"a&amp;b\"\n");
  EXPECT_EQ(body_of("<pre>\n\na</pre>"), "| <pre>\n|   \"\na\"\n");
}

TEST(Html, ReadsCommentsAndDoctypes) {
  EXPECT_EQ(tree_of("<!--a--><!-->b"),
            "| <!-- a -->\n| <!--  -->\n| <html>\n|   <head>\n|   <body>\n|     \"b\"\n");
  EXPECT_EQ(body_of("<body><!--a--!>b<!x>c<?y>d</ z>"),
            "| <!-- a -->\n| \"b\"\n| <!-- x -->\n| \"c\"\n| <!-- ?y -->\n| \"d\"\n| <!--  z -->\n");
  EXPECT_EQ(body_of("<body><!--unfinished--"), "| <!-- unfinished -->\n");
  EXPECT_TRUE(parse("<p>").quirks);
  EXPECT_FALSE(parse("<!DOCTYPE html><p>").quirks);
  EXPECT_TRUE(parse("<!DOCTYPE HTML PUBLIC '-//W3C//DTD HTML 3.2//EN'>").quirks);
}

TEST(Html, ReadsAttributes) {
  EXPECT_EQ(body_of("<p A=1 a=2 b='x&amp;y' c=\"\" d e=f/g>"),
            "| <p>\n|   a=\"1\"\n|   b=\"x&y\"\n|   c=\"\"\n|   d=\"\"\n|   e=\"f/g\"\n");
  // An old name without a semicolon is no reference before a letter or '=' in an attribute.
  EXPECT_EQ(body_of("<a href='?a=b&copy=1&lt'>"), "| <a>\n|   href=\"?a=b&copy=1<\"\n");
}

TEST(Html, DecodesReferences) {
  EXPECT_EQ(body_of("&lt;&amp;&AMP;&notit;&notin;&#x20AC;&#128;&#0;&#xD800;&unknown;&"),
            "| \"<&&¬it;∉€€\uFFFD\uFFFD&unknown;&\"\n");
  EXPECT_EQ(match_named_reference("notin;x").value, "∉");
  EXPECT_EQ(match_named_reference("notinx").length, 3u);
  EXPECT_EQ(match_named_reference("CounterClockwiseContourIntegral;").value, "∳");
  EXPECT_EQ(match_named_reference("zzz").length, 0u);
}

TEST(Html, KeepsTemplatesAndForeignContentApart) {
  EXPECT_EQ(body_of("<body><template><td>a</template>"),
            "| <template>\n|   content\n|     <td>\n|       \"a\"\n");
  EXPECT_EQ(body_of("<svg viewbox=1><foreignobject>a</foreignobject><title>t</title></svg>b"),
            "| <svg svg>\n|   viewBox=\"1\"\n|   <svg foreignObject>\n|     \"a\"\n|   <svg "
            "title>\n|     "
            "\"t\"\n| \"b\"\n");
  EXPECT_EQ(body_of("<svg><![CDATA[a<b]]></svg><math><mi>x</math><![CDATA[c]]>"),
            "| <svg svg>\n|   \"a<b\"\n| <math math>\n|   <math mi>\n|     \"x\"\n| <!-- [CDATA[c]] -->\n");
  EXPECT_EQ(body_of("<svg><p>out"), "| <svg svg>\n| <p>\n|   \"out\"\n");
}

// 13.2.6.4.7 as of 2025: other elements may stand in <select>.
TEST(Html, AllowsElementsInSelect) {
  EXPECT_EQ(body_of("<select><div><option>a</select>b"),
            "| <select>\n|   <div>\n|     <option>\n|       \"a\"\n| \"b\"\n");
  EXPECT_EQ(body_of("<select><option>a<input>"), "| <select>\n|   <option>\n|     \"a\"\n| <input>\n");
}

TEST(Html, ParsesFragments) {
  const Document cells = parse_fragment("<td>a</td><tr>b", Ns::kHtml, "tr");
  EXPECT_EQ(serialize_tree(cells.root->first), "| <td>\n|   \"a\"\n| \"b\"\n");
  const Document title = parse_fragment("<b>x", Ns::kHtml, "title");
  EXPECT_EQ(serialize_tree(title.root->first), "| \"<b>x\"\n");
}

TEST(Html, DropsNulAndNormalisesLineEnds) {
  EXPECT_EQ(body_of(std::string_view("a\0b\r\nc\rd", 8)), "| \"ab\nc\nd\"\n");
  EXPECT_EQ(body_of(std::string_view("<p title='a\0b'>", 15)),
            "| <p>\n|   title=\"a\uFFFD"
            "b\"\n");
}

size_t depth_of(const Document& d) {
  size_t deepest = 0, depth = 0;
  for (const Node* n = d.root; n != nullptr;) {
    deepest = std::max(deepest, depth);
    if (n->first != nullptr) {
      n = n->first;
      ++depth;
      continue;
    }
    while (n != d.root && n->next == nullptr) {
      n = n->parent;
      --depth;
    }
    n = n == d.root ? nullptr : n->next;
  }
  return deepest;
}

std::string repeat(std::string_view s, size_t n) {
  std::string out;
  for (size_t i = 0; i < n; ++i) out += s;
  return out;
}

TEST(Html, BoundsDepthAndTime) {
  for (const std::string_view piece : {"<div>",
                                       "<b>",
                                       "<b><p>",
                                       "<table><td>",
                                       "<svg>",
                                       "<svg><foreignObject>",
                                       "<template>",
                                       "<ul><li><i>",
                                       "<a><p>",
                                       "<select><option>",
                                       "<object>",
                                       "<button><p>",
                                       "x<tr>",
                                       "<b></p>",
                                       "</b><b><i></p>",
                                       "<ruby><rt>",
                                       "&notin",
                                       "<!--",
                                       "<![CDATA[",
                                       "<a b='",
                                       "<p><font size=1>",
                                       "<table>x",
                                       "<h1><p>",
                                       "<form>",
                                       "<dl><dd>"}) {
    const std::string page = repeat(piece, 100000) + "tail";
    const Document d = parse(page);
    EXPECT_LE(depth_of(d), 1100u) << piece;
    EXPECT_LE(d.nodes, 1'000'200u) << piece;
  }
  // What follows closed deep nesting lands outside of it.
  const Document d =
      parse("<main>" + repeat("<div>", 1000) + "in" + repeat("</div>", 1000) + "<p>out</p></main>");
  const Node* main = d.body()->first;
  ASSERT_NE(main->last, nullptr);
  EXPECT_TRUE(main->last->is(Tag::kP));
}

TEST(Html, CutsOffAtTheNodeLimit) {
  ParseOptions few;
  few.max_nodes = 100;
  const std::string page = repeat("<i>x</i>", 1000);
  const Document d = parse(page, few);
  EXPECT_TRUE(d.truncated);
  EXPECT_LE(d.nodes, 110u);
  EXPECT_GT(d.cut_at, 0u);
}

// Bytes out of the fragments that the states of the tokenizer and the modes of the builder turn on.
TEST(Html, SurvivesNoise) {
  constexpr std::string_view kPieces[] = {"<",
                                          ">",
                                          "</",
                                          "<p",
                                          "<table>",
                                          "<tr>",
                                          "<td>",
                                          "</table>",
                                          "<b>",
                                          "</b>",
                                          "<i ",
                                          "a='",
                                          "'",
                                          "\"",
                                          "=",
                                          "&amp",
                                          "&#x",
                                          ";",
                                          "<!--",
                                          "-->",
                                          "--!>",
                                          "<!DOCTYPE",
                                          "<svg>",
                                          "<math><mi>",
                                          "<annotation-xml encoding=text/html>",
                                          "<foreignObject>",
                                          "</svg>",
                                          "<template>",
                                          "</template>",
                                          "<select>",
                                          "<option>",
                                          "<script>",
                                          "</script>",
                                          "<style>",
                                          "<title>",
                                          "</title>",
                                          "<frameset>",
                                          "<frame>",
                                          "</body>",
                                          "</html>",
                                          "<html a=b>",
                                          "<body c=d>",
                                          "<head>",
                                          "<noscript>",
                                          "<form>",
                                          "</form>",
                                          "<li>",
                                          "<button>",
                                          "<nobr>",
                                          "<a>",
                                          "<h1>",
                                          "</h2>",
                                          "<caption>",
                                          "<col>",
                                          "<colgroup>",
                                          "<input>",
                                          "<hr>",
                                          "<br>",
                                          "</br>",
                                          "<plaintext>",
                                          "\r",
                                          "\n",
                                          " ",
                                          "x",
                                          "<textarea>",
                                          "<ruby><rt>",
                                          "<object>",
                                          "</object>",
                                          "<![CDATA[",
                                          "]]>",
                                          "<font color=red>",
                                          "\xC3\xA4"};
  const Stream noise(7, purpose("html noise"));
  uint64_t at = 0;
  for (int i = 0; i < 4000; ++i) {
    std::string page;
    const auto n = noise.below(at++, 60);
    for (uint64_t k = 0; k < n; ++k) {
      const auto pick = noise.below(at++, std::size(kPieces) + 1);
      if (pick < std::size(kPieces)) {
        page += kPieces[pick];
      } else {
        page.push_back('\0');
      }
    }
    const Document d = parse(page);
    ASSERT_TRUE(text::is_utf8(serialize_tree(d.root)));
    for (const char* context : {"body", "tr", "template", "select", "svg"})
      parse_fragment(page, Ns::kHtml, context);
    parse_fragment(page, Ns::kSvg, "foreignObject");
  }
}

}  // namespace
}  // namespace leam::crawl::html
