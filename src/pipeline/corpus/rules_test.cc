#include "pipeline/corpus/rules.h"

#include <gtest/gtest.h>

namespace leam::corpus {
namespace {

artifact::Document good() {
  artifact::Document d;
  d.id = "1";
  d.lang = "de";
  d.lang_score = 0.99;
  for (int i = 0; i < 20; ++i) d.text += "Zeile " + std::to_string(i) + " mit einigen Wörtern darin\n";
  return d;
}

// The first rule that drops it, or "".
std::string dropped(const artifact::Document& d, RuleParams p = {}) {
  static const CharTable table;
  if (p.languages.empty()) p.languages = eu_languages();
  TextAnalyser a(table);
  const auto values = evaluate(p, d, a.analyse(d.text));
  const RuleValue* failed = first_failure(values);
  return failed == nullptr ? "" : std::string(rule_name(failed->rule));
}

TEST(Rules, EachDropsWhatItSays) {
  EXPECT_EQ(dropped(good()), "");
  const auto with = [](auto change) {
    artifact::Document d = good();
    change(d);
    return dropped(d);
  };
  EXPECT_EQ(with([](auto& d) { d.security = "confidential"; }), "security");
  EXPECT_EQ(with([](auto& d) { d.security = ""; }), "security");
  EXPECT_EQ(with([](auto& d) { d.tdm = "reserved"; }), "tdm");
  EXPECT_EQ(with([](auto& d) { d.robots = "noindex, nofollow"; }), "robots");
  EXPECT_EQ(with([](auto& d) { d.lang = "no"; }), "language");
  EXPECT_EQ(with([](auto& d) { d.lang = ""; }), "language");
  EXPECT_EQ(with([](auto& d) { d.lang_score = 0.2; }), "lang_score");
  EXPECT_EQ(with([](auto& d) { d.text = "kurz"; }), "min_chars");
  EXPECT_EQ(with([](auto& d) { d.text = std::string(300, 'x') + " y"; }), "min_words");
  EXPECT_EQ(with([](auto& d) { d.text = "", d.lang = "fr"; }), "min_chars");
  EXPECT_EQ(with([](auto& d) {
              d.text.clear();
              for (int i = 0; i < 200; ++i) d.text += std::to_string(i * 7) + " ";
            }),
            "letters");
  EXPECT_EQ(with([](auto& d) {
              d.text.clear();
              for (int i = 0; i < 200; ++i) d.text += "a b ";
            }),
            "short_words");
  EXPECT_EQ(with([](auto& d) {
              d.text.clear();
              for (int i = 0; i < 40; ++i) d.text += std::string(20, static_cast<char>('a' + i % 26)) + " ";
            }),
            "long_words");
  EXPECT_EQ(with([](auto& d) { d.text += d.text + d.text; }), "repeated_lines");
  EXPECT_EQ(with([](auto& d) {
              std::string line;
              for (int i = 0; i < 150; ++i) line += "wort ";
              for (int i = 0; i < 4; ++i) d.text += line + "\n";
            }),
            "repeated_text");

  RuleParams p;
  p.honour_tdm = false;
  artifact::Document reserved = good();
  reserved.tdm = "reserved";
  EXPECT_EQ(dropped(reserved, p), "");
  p.licences = {"CC-BY", "CC0"};
  EXPECT_EQ(dropped(good(), p), "licence");
  reserved.licence = "CC-BY-SA-4.0";
  EXPECT_EQ(dropped(reserved, p), "");
}

TEST(Rules, RobotsDirectives) {
  const std::vector<std::string> block{"noai", "noindex", "none", "noarchive"};
  for (const char* yes : {"noindex", "index, noai", "googlebot: noindex, nofollow", "nofollow;noarchive",
                          "NONE", "noindex nofollow", "max-snippet:-1, noindex"}) {
    std::string lower(yes);
    for (char& c : lower) c = static_cast<char>(c >= 'A' && c <= 'Z' ? c + 32 : c);
    EXPECT_TRUE(has_directive(lower, block)) << yes;
  }
  for (const char* no : {"", "index, follow", "max-image-preview:none", "max-image-preview: none, index",
                         "nofollow", "unavailable_after: none of our business", "noindexing"})
    EXPECT_FALSE(has_directive(no, block)) << no;
}

TEST(Rules, KeysAreReadAndChecked) {
  const auto read = [](std::string_view text) {
    const auto file = *leam::Config::parse(text, "leam.toml");
    Section corpus = file.section("corpus"), rules = file.section("corpus.rules");
    RuleParams p = RuleParams::from(corpus, rules);
    return std::pair(std::move(p), rules.finish());
  };
  const auto [p, ok] =
      read("[corpus]\nlanguages = [\"de\"]\ntdm = \"research\"\n[corpus.rules]\nmin_chars = 5\n");
  ASSERT_TRUE(ok.ok());
  EXPECT_EQ(p.languages, std::vector<std::string>{"de"});
  EXPECT_FALSE(p.honour_tdm);
  EXPECT_EQ(p.min_chars, 5);
  EXPECT_EQ(read("[corpus]\nlanguages = \"*\"\n").first.languages.size(), 0u);
  EXPECT_EQ(read("").first.languages.size(), 24u);
  const auto wrong = read("[corpus.rules]\nmin_char = 5\n").second;
  EXPECT_EQ(wrong.error().hint(), "did you mean \"min_chars\"?");
}

}  // namespace
}  // namespace leam::corpus
