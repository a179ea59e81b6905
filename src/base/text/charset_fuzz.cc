// Fuzz target: any bytes, any header, come out as valid UTF-8.
#include <cstdlib>

#include "base/text/charset.h"
#include "base/text/unicode.h"
#include "base/text/utf8.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view all(reinterpret_cast<const char*>(data), size);
  const size_t line = all.find('\n');
  const std::string_view header = line == std::string_view::npos ? std::string_view() : all.substr(0, line);
  const std::string_view page = line == std::string_view::npos ? all : all.substr(line + 1);
  const leam::text::Decoded d = leam::text::decode_page(page, header);
  if (!leam::text::is_utf8(d.text) || !leam::text::is_utf8(leam::text::nfc(d.text))) std::abort();
  return 0;
}
