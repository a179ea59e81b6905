#include "base/text/unicode.h"

#include <unicode/normalizer2.h>
#include <unicode/stringpiece.h>
#include <unicode/uchar.h>

#include <algorithm>

#include "base/core/result.h"

namespace leam::text {

std::string nfc(std::string utf8) {
  // Nothing below U+0300 combines, and every lead byte below 0xCC stands for such a character.
  const bool plain =
      std::none_of(utf8.begin(), utf8.end(), [](char c) { return static_cast<uint8_t>(c) >= 0xCC; });
  if (plain) return utf8;
  UErrorCode status = U_ZERO_ERROR;
  const icu::Normalizer2* n = icu::Normalizer2::getNFCInstance(status);
  bug_if(U_FAILURE(status), "ICU has no NFC data");
  const icu::StringPiece piece(utf8.data(), static_cast<int32_t>(utf8.size()));
  if (n->isNormalizedUTF8(piece, status) && U_SUCCESS(status)) return utf8;
  status = U_ZERO_ERROR;
  std::string out;
  out.reserve(utf8.size());
  icu::StringByteSink<std::string> sink(&out);
  n->normalizeUTF8(0, piece, sink, nullptr, status);
  bug_if(U_FAILURE(status), "ICU could not normalise valid UTF-8");
  return out;
}

bool is_letter(char32_t c) {
  return u_isalpha(static_cast<UChar32>(c)) != 0;
}
bool is_digit(char32_t c) {
  return u_isdigit(static_cast<UChar32>(c)) != 0;
}
bool is_space(char32_t c) {
  return u_isUWhiteSpace(static_cast<UChar32>(c)) != 0;
}

bool is_control(char32_t c) {
  switch (u_charType(static_cast<UChar32>(c))) {
    case U_CONTROL_CHAR:
      return c != '\t' && c != '\n';
    case U_FORMAT_CHAR:
      return c != 0x200C && c != 0x200D;
    case U_PRIVATE_USE_CHAR:
    case U_SURROGATE:
      return true;
    default:
      return (c & 0xFFFE) == 0xFFFE || (c >= 0xFDD0 && c <= 0xFDEF);
  }
}

}  // namespace leam::text
