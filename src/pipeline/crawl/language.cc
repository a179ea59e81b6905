#include "pipeline/crawl/language.h"

#include <cld2/public/compact_lang_det.h>
#include <cld2/public/encodings.h>

#include <cmath>

#include "base/text/utf8.h"

namespace leam::crawl {

Language detect_language(std::string_view utf8) {
  const std::string_view s = text::utf8_prefix(utf8, 64 * 1024);
  CLD2::CLDHints hints = {nullptr, nullptr, CLD2::UNKNOWN_ENCODING, CLD2::UNKNOWN_LANGUAGE};
  CLD2::Language found[3];
  int percent[3] = {}, text_bytes = 0, valid = 0;
  double normalised[3] = {};
  bool reliable = false;
  CLD2::ExtDetectLanguageSummaryCheckUTF8(s.data(), static_cast<int>(s.size()), true, &hints, 0, found,
                                          percent, normalised, nullptr, &text_bytes, &reliable, &valid);
  Language out;
  if (found[0] == CLD2::UNKNOWN_LANGUAGE) return out;
  const std::string_view code = CLD2::LanguageCode(found[0]);
  if (code == "un" || code.empty()) return out;
  // Old codes, and scripts or regions that a language code does not carry.
  if (code == "iw") {
    out.code = "he";
  } else if (code == "mo") {
    out.code = "ro";
  } else if (code == "jw") {
    out.code = "jv";
  } else {
    out.code = std::string(code.substr(0, code.find('-')));
  }
  out.score = std::round(percent[0] * (reliable ? 10.0 : 5.0)) / 1000.0;
  return out;
}

}  // namespace leam::crawl
