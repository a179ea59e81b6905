#include "base/text/charset.h"

#include <unicode/ucnv.h>
#include <unicode/ucsdet.h>
#include <unicode/ustring.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>
#include <vector>

#include "base/core/result.h"
#include "base/text/utf8.h"

namespace leam::text {
namespace {

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
}

bool is_blank(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\f' || c == '\r';
}

// Upper halves of the two encodings decoded without ICU: the commonest, and one ICU does not have.
constexpr std::array<char16_t, 32> kWindows1252 = {
    0x20AC, 0x0081, 0x201A, 0x0192, 0x201E, 0x2026, 0x2020, 0x2021, 0x02C6, 0x2030, 0x0160,
    0x2039, 0x0152, 0x008D, 0x017D, 0x008F, 0x0090, 0x2018, 0x2019, 0x201C, 0x201D, 0x2022,
    0x2013, 0x2014, 0x02DC, 0x2122, 0x0161, 0x203A, 0x0153, 0x009D, 0x017E, 0x0178};  // 80 … 9F
constexpr std::array<char16_t, 96> kIso885916 = {
    0x00A0, 0x0104, 0x0105, 0x0141, 0x20AC, 0x201E, 0x0160, 0x00A7, 0x0161, 0x00A9, 0x0218, 0x00AB,
    0x0179, 0x00AD, 0x017A, 0x017B, 0x00B0, 0x00B1, 0x010C, 0x0142, 0x017D, 0x201D, 0x00B6, 0x00B7,
    0x017E, 0x010D, 0x0219, 0x00BB, 0x0152, 0x0153, 0x0178, 0x017C, 0x00C0, 0x00C1, 0x00C2, 0x0102,
    0x00C4, 0x0106, 0x00C6, 0x00C7, 0x00C8, 0x00C9, 0x00CA, 0x00CB, 0x00CC, 0x00CD, 0x00CE, 0x00CF,
    0x0110, 0x0143, 0x00D2, 0x00D3, 0x00D4, 0x0150, 0x00D6, 0x015A, 0x0170, 0x00D9, 0x00DA, 0x00DB,
    0x00DC, 0x0118, 0x021A, 0x00DF, 0x00E0, 0x00E1, 0x00E2, 0x0103, 0x00E4, 0x0107, 0x00E6, 0x00E7,
    0x00E8, 0x00E9, 0x00EA, 0x00EB, 0x00EC, 0x00ED, 0x00EE, 0x00EF, 0x0111, 0x0144, 0x00F2, 0x00F3,
    0x00F4, 0x0151, 0x00F6, 0x015B, 0x0171, 0x00F9, 0x00FA, 0x00FB, 0x00FC, 0x0119, 0x021B, 0x00FF};  // A0 …

char32_t windows_1252(uint8_t b) {
  return b >= 0x80 && b < 0xA0 ? kWindows1252[b - 0x80u] : b;
}
char32_t iso_8859_16(uint8_t b) {
  return b >= 0xA0 ? kIso885916[b - 0xA0u] : b;
}

template <class Map>
std::string decode_single_byte(std::string_view bytes, Map map) {
  std::string out;
  out.reserve(bytes.size() + bytes.size() / 8);
  size_t kept = 0;
  for (size_t i = 0; i < bytes.size(); ++i) {
    const auto b = static_cast<uint8_t>(bytes[i]);
    if (b < 0x80) continue;
    out.append(bytes.substr(kept, i - kept));
    append_utf8(out, map(b));
    kept = i + 1;
  }
  out.append(bytes.substr(kept));
  return out;
}

std::string decode_utf16(std::string_view bytes, bool big, uint64_t& replaced) {
  std::string out;
  out.reserve(bytes.size());
  const auto unit = [&](size_t i) {
    const auto a = static_cast<uint8_t>(bytes[i]), b = static_cast<uint8_t>(bytes[i + 1]);
    return static_cast<char32_t>(big ? (a << 8) | b : (b << 8) | a);
  };
  size_t i = 0;
  while (i + 1 < bytes.size()) {
    char32_t c = unit(i);
    i += 2;
    if (c >= 0xD800 && c <= 0xDFFF) {
      const char32_t low = c < 0xDC00 && i + 1 < bytes.size() ? unit(i) : 0;
      if (low >= 0xDC00 && low <= 0xDFFF) {
        c = 0x10000 + ((c - 0xD800) << 10) + (low - 0xDC00);
        i += 2;
      } else {
        c = kReplacement;
        ++replaced;
      }
    }
    append_utf8(out, c);
  }
  if (i < bytes.size()) {
    append_utf8(out, kReplacement);
    ++replaced;
  }
  return out;
}

// What ICU calls the encodings whose name there is another one.
const char* icu_name(std::string_view encoding) {
  if (encoding == "shift_jis") return "windows-31j";
  if (encoding == "euc-kr") return "windows-949";
  if (encoding == "gbk") return "gb18030";
  if (encoding == "big5") return "Big5-HKSCS";
  if (encoding == "iso-8859-8-i") return "iso-8859-8";
  return nullptr;
}

struct ConverterCloser {
  void operator()(UConverter* c) const { ucnv_close(c); }
};
struct DetectorCloser {
  void operator()(UCharsetDetector* d) const { ucsdet_close(d); }
};

bool decode_icu(std::string_view bytes, std::string_view encoding, std::string& out, uint64_t& replaced) {
  const char* alias = icu_name(encoding);
  const std::string name = alias != nullptr ? alias : std::string(encoding);
  UErrorCode status = U_ZERO_ERROR;
  std::unique_ptr<UConverter, ConverterCloser> converter(ucnv_open(name.c_str(), &status));
  if (U_FAILURE(status)) return false;
  std::vector<UChar> wide(8192);
  std::vector<char> narrow(wide.size() * 3 + 4);
  const char* at = bytes.data();
  const char* end = at + bytes.size();
  char16_t pending = 0;  // a high surrogate cut off from its low one by the buffer's end
  do {
    UChar* to = wide.data();
    if (pending != 0) *to++ = std::exchange(pending, char16_t{0});
    status = U_ZERO_ERROR;
    ucnv_toUnicode(converter.get(), &to, wide.data() + wide.size(), &at, end, nullptr, true, &status);
    const bool more = status == U_BUFFER_OVERFLOW_ERROR;
    if (U_FAILURE(status) && !more) return false;
    auto n = to - wide.data();
    if (more && n > 1 && U16_IS_LEAD(wide[static_cast<size_t>(n) - 1])) {
      pending = wide[static_cast<size_t>(n) - 1];
      --n;
    }
    for (UChar* p = wide.data(); p < wide.data() + n; ++p) replaced += *p == 0xFFFD;
    int32_t written = 0;
    UErrorCode ok = U_ZERO_ERROR;
    u_strToUTF8WithSub(narrow.data(), static_cast<int32_t>(narrow.size()), &written, wide.data(),
                       static_cast<int32_t>(n), 0xFFFD, nullptr, &ok);
    if (U_FAILURE(ok)) return false;
    out.append(narrow.data(), static_cast<size_t>(written));
    if (!more) break;
  } while (true);
  return true;
}

// What ICU thinks the bytes are; only what the Encoding Standard knows.
std::string_view detect(std::string_view bytes) {
  UErrorCode status = U_ZERO_ERROR;
  std::unique_ptr<UCharsetDetector, DetectorCloser> detector(ucsdet_open(&status));
  if (U_FAILURE(status)) return "";
  ucsdet_enableInputFilter(detector.get(), true);
  const std::string_view head = bytes.substr(0, 65536);
  ucsdet_setText(detector.get(), head.data(), static_cast<int32_t>(head.size()), &status);
  int32_t n = 0;
  const UCharsetMatch** matches = ucsdet_detectAll(detector.get(), &n, &status);
  if (U_FAILURE(status)) return "";
  for (int32_t i = 0; i < n; ++i) {
    const char* name = ucsdet_getName(matches[i], &status);
    if (U_FAILURE(status) || name == nullptr) return "";
    const std::string_view found = encoding_for_label(name);
    // UTF-8 was ruled out before; the wide ones only come with a byte order mark or zero bytes.
    if (found.empty() || found == "utf-8") continue;
    if (found.starts_with("utf-16") && head.find('\0') == std::string_view::npos) continue;
    return found;
  }
  return "";
}

// A multi-byte sequence somewhere: what plain ASCII and a chance hit of Latin-1 do not have.
bool has_multibyte(std::string_view bytes) {
  return std::any_of(bytes.begin(), bytes.end(), [](char c) { return static_cast<uint8_t>(c) >= 0xC2; });
}

// More than one broken sequence for every ten good ones: not a slip of some template, another encoding.
bool mostly_broken(std::string_view bytes, uint64_t broken) {
  uint64_t high = 0;
  for (char c : bytes) high += static_cast<uint8_t>(c) >= 0xC2;
  return broken * 10 > high;
}

}  // namespace

std::string_view to_string(CharsetSource source) {
  switch (source) {
    case CharsetSource::kBom:
      return "bom";
    case CharsetSource::kHeader:
      return "header";
    case CharsetSource::kMeta:
      return "meta";
    case CharsetSource::kValidUtf8:
      return "valid-utf-8";
    case CharsetSource::kDetected:
      return "detected";
    case CharsetSource::kDefault:
      return "default";
  }
  bug("charset source");
}

std::string_view charset_of_content_type(std::string_view value) {
  constexpr std::string_view kWord = "charset";
  for (size_t i = 0; i + kWord.size() < value.size(); ++i) {
    size_t k = 0;
    while (k < kWord.size() && lower(value[i + k]) == kWord[k]) ++k;
    if (k < kWord.size()) continue;
    size_t at = i + k;
    while (at < value.size() && is_blank(value[at])) ++at;
    if (at >= value.size() || value[at] != '=') continue;
    ++at;
    while (at < value.size() && is_blank(value[at])) ++at;
    if (at >= value.size()) return "";
    if (value[at] == '"' || value[at] == '\'') {
      const size_t close = value.find(value[at], at + 1);
      return close == std::string_view::npos ? std::string_view() : value.substr(at + 1, close - at - 1);
    }
    size_t end = at;
    while (end < value.size() && !is_blank(value[end]) && value[end] != ';' && value[end] != ',') ++end;
    return value.substr(at, end - at);
  }
  return "";
}

Decoded decode_as(std::string_view bytes, std::string_view encoding) {
  Decoded d;
  d.encoding = std::string(encoding);
  if (encoding == "windows-1252" || encoding == "x-user-defined") {
    d.text = decode_single_byte(bytes, windows_1252);
  } else if (encoding == "iso-8859-16") {
    d.text = decode_single_byte(bytes, iso_8859_16);
  } else if (encoding == "utf-16le" || encoding == "utf-16be") {
    d.text = decode_utf16(bytes, encoding == "utf-16be", d.replaced);
  } else if (encoding == "utf-8" || encoding == "replacement" ||
             !decode_icu(bytes, encoding, d.text, d.replaced)) {
    d.encoding = "utf-8";
    d.text = repair_utf8(bytes, &d.replaced);
  }
  if (d.text.starts_with("\xEF\xBB\xBF")) d.text.erase(0, 3);
  return d;
}

Decoded decode_page(std::string_view bytes, std::string_view content_type) {
  const auto by = [&](std::string_view encoding, CharsetSource source) {
    Decoded d = decode_as(bytes, encoding);
    d.source = source;
    return d;
  };
  if (bytes.starts_with("\xEF\xBB\xBF")) return by("utf-8", CharsetSource::kBom);
  if (bytes.starts_with("\xFE\xFF")) return by("utf-16be", CharsetSource::kBom);
  if (bytes.starts_with("\xFF\xFE")) return by("utf-16le", CharsetSource::kBom);

  CharsetSource source = CharsetSource::kHeader;
  std::string_view declared = encoding_for_label(charset_of_content_type(content_type));
  if (declared.empty()) {
    declared = prescan_meta(bytes);
    source = CharsetSource::kMeta;
  }
  const bool valid = is_utf8(bytes);
  if (valid &&
      (declared.empty() || declared == "utf-8" || declared == "replacement" || has_multibyte(bytes)) &&
      declared != "iso-2022-jp" && !declared.starts_with("utf-16")) {
    Decoded d = by("utf-8", declared == "utf-8" ? source : CharsetSource::kValidUtf8);
    if (declared != "utf-8") d.declared = std::string(declared);
    return d;
  }
  if (!declared.empty() && declared != "utf-8" && declared != "replacement") {
    // A page whose own bytes say "utf-16" in ASCII is not in it (HTML standard, prescan).
    if (!declared.starts_with("utf-16") || source == CharsetSource::kHeader) {
      Decoded d = by(declared, source);
      if (d.replaced * 100 <= d.text.size()) return d;
    }
    if (valid) return by("utf-8", CharsetSource::kValidUtf8);
  }
  Decoded as_utf8 = by("utf-8", declared == "utf-8" ? source : CharsetSource::kDefault);
  if (as_utf8.replaced == 0 || !mostly_broken(bytes, as_utf8.replaced)) return as_utf8;
  const std::string_view found = detect(bytes);
  Decoded d = by(found.empty() ? "windows-1252" : found,
                 found.empty() ? CharsetSource::kDefault : CharsetSource::kDetected);
  d.declared = std::string(declared);
  return d;
}

}  // namespace leam::text
