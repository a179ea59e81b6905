#include "base/text/language_name.h"

#include <gtest/gtest.h>

namespace leam::text {
namespace {

TEST(LanguageName, KnowsTheUnionsLanguagesAndMindsTheRest) {
  EXPECT_EQ(language_name("de"), "German");
  EXPECT_EQ(language_name("el"), "Greek");
  EXPECT_EQ(language_name("mt"), "Maltese");
  EXPECT_EQ(language_name("ga"), "Irish");
  EXPECT_EQ(language_name("und"), "unknown");
  EXPECT_EQ(language_name(""), "unknown");
  EXPECT_EQ(language_name("xx"), "xx");
  EXPECT_EQ(language_name(std::string(500, 'z')), std::string(500, 'z'));
}

}  // namespace
}  // namespace leam::text
