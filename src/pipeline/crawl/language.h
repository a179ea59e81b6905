// Which language a text is in.
#pragma once

#include <string>
#include <string_view>

namespace leam::crawl {

struct Language {
  std::string code = "und";  // ISO 639-1 where there is one, "und" when not known
  double score = 0;          // share of the text in that language, halved when CLD2 is not sure; 0 … 1
};

// By CLD2, from at most the first 64 KiB.
Language detect_language(std::string_view utf8);

}  // namespace leam::crawl
