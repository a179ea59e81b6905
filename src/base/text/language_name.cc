#include "base/text/language_name.h"

#include <unicode/uloc.h>
#include <unicode/unistr.h>

namespace leam::text {

std::string language_name(std::string_view code) {
  if (code.empty() || code == "und") return "unknown";
  icu::UnicodeString name;
  UErrorCode status = U_ZERO_ERROR;
  constexpr int32_t kRoom = 100;
  const int32_t length =
      uloc_getDisplayName(std::string(code).c_str(), "en", name.getBuffer(kRoom), kRoom, &status);
  name.releaseBuffer(U_SUCCESS(status) && length <= kRoom ? length : 0);
  std::string out;
  name.toUTF8String(out);
  return out.empty() ? std::string(code) : out;
}

}  // namespace leam::text
