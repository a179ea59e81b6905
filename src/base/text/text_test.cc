#include <gtest/gtest.h>

#include "base/core/rng.h"
#include "base/text/charset.h"
#include "base/text/unicode.h"
#include "base/text/utf8.h"

namespace leam::text {
namespace {

TEST(Utf8, Validates) {
  EXPECT_TRUE(is_utf8(""));
  EXPECT_TRUE(is_utf8("Grüße, Ελλάδα, 𝄞"));
  EXPECT_FALSE(is_utf8("\xC0\x80"));
  EXPECT_FALSE(is_utf8("\xED\xA0\x80"));
  EXPECT_FALSE(is_utf8("\xF4\x90\x80\x80"));
  EXPECT_FALSE(is_utf8("abc\xE2\x82"));
}

// Unicode 15, table 3-8 "U+FFFD for non-shortest form sequences" and its neighbours 3-9 to 3-11.
TEST(Utf8, RepairsByMaximalSubparts) {
  const std::string f = "\xEF\xBF\xBD";
  uint64_t n = 0;
  EXPECT_EQ(repair_utf8("\xC0\xAF\xE0\x80\xBF\xF0\x81\x82\x41", &n), f + f + f + f + f + f + f + f + "A");
  EXPECT_EQ(n, 8u);
  EXPECT_EQ(repair_utf8("\xED\xA0\x80\xED\xBF\xBF\xED\xAF\x41"), f + f + f + f + f + f + f + f + "A");
  EXPECT_EQ(repair_utf8("\xF4\x91\x92\x93\xFF\x41\x80\xBF\x42"), f + f + f + f + f + "A" + f + f + "B");
  EXPECT_EQ(repair_utf8("\xE1\x80\xE2\xF0\x91\x92\xF1\xBF\x41"), f + f + f + f + "A");
}

TEST(Utf8, CountsAndSteps) {
  EXPECT_EQ(count_code_points("Grüße aus Ελλάδα 𝄞𝄞𝄞"), 20u);
  const std::string s = "aé€𝄞";
  std::string back;
  for (size_t at = 0; at < s.size();) append_utf8(back, next_code_point(s, at));
  EXPECT_EQ(back, s);
  EXPECT_EQ(utf8_prefix("a€", 2), "a");
  EXPECT_EQ(utf8_prefix("a€", 4), "a€");
}

TEST(Unicode, ComposesOnlyWhatNeedsIt) {
  EXPECT_EQ(nfc("plain"), "plain");
  EXPECT_EQ(nfc("u\xCC\x88"), "ü");
  EXPECT_EQ(nfc("\xE2\x84\xAB"), "Å");  // ANGSTROM SIGN
  EXPECT_EQ(nfc("Ελλάδα"), "Ελλάδα");
}

TEST(Charset, KnowsLabels) {
  EXPECT_EQ(encoding_for_label(" Latin1 "), "windows-1252");
  EXPECT_EQ(encoding_for_label("ISO-8859-9"), "windows-1254");
  EXPECT_EQ(encoding_for_label("x-sjis"), "shift_jis");
  EXPECT_EQ(encoding_for_label("unicode"), "utf-16le");
  EXPECT_EQ(encoding_for_label("no such thing"), "");
  EXPECT_EQ(charset_of_content_type("text/html; Charset = \"koi8-r\"; x=y"), "koi8-r");
  EXPECT_EQ(charset_of_content_type("text/html; charset=utf-8"), "utf-8");
  EXPECT_EQ(charset_of_content_type("text/html"), "");
}

TEST(Charset, PrescansMeta) {
  EXPECT_EQ(prescan_meta("<html><head><meta charset=windows-1250>"), "windows-1250");
  EXPECT_EQ(prescan_meta("<META HTTP-EQUIV='Content-Type' CONTENT='text/html; charset=ISO-8859-2'>"),
            "iso-8859-2");
  EXPECT_EQ(prescan_meta("<meta content='text/html; charset=ISO-8859-2'>"), "");
  EXPECT_EQ(prescan_meta("<!-- <meta charset=koi8-r> --><meta charset='utf-16'>"), "utf-8");
  EXPECT_EQ(prescan_meta("<p title='<meta charset=koi8-r>'>"), "");
  EXPECT_EQ(prescan_meta("<meta charset"), "");
}

TEST(Charset, DecodesByEvidence) {
  const Decoded a = decode_page("Gr\xFC\xDF\x65 \x80", "text/html; charset=iso-8859-1");
  EXPECT_EQ(a.text, "Grüße €");
  EXPECT_EQ(a.encoding, "windows-1252");
  EXPECT_EQ(a.source, CharsetSource::kHeader);

  // Labelled Latin-1, but UTF-8: the bytes win.
  const Decoded b = decode_page("<meta charset=iso-8859-1>Grüße", "");
  EXPECT_EQ(b.text, "<meta charset=iso-8859-1>Grüße");
  EXPECT_EQ(b.declared, "windows-1252");

  const Decoded c = decode_page(std::string_view("\xFF\xFEG\0r\0\xFC\0", 8), "");
  EXPECT_EQ(c.text, "Grü");
  EXPECT_EQ(c.source, CharsetSource::kBom);

  const Decoded d = decode_page("\xEF\xBB\xBFhi", "text/html; charset=koi8-r");
  EXPECT_EQ(d.text, "hi");

  EXPECT_EQ(decode_page("\xF0\xD2\xC9\xD7\xC5\xD4", "text/html; charset=koi8-r").text, "Привет");
  EXPECT_EQ(decode_page("\x82\xB1\x82\xF1", "text/html; charset=Shift_JIS").text, "こん");
  EXPECT_EQ(decode_page("\xAA\xBA\xDE\xFE", "text/html; charset=iso-8859-16").text, "ȘșȚț");
}

TEST(Charset, DetectsWithoutALabel) {
  // Czech in windows-1250.
  const std::string text =
      "P\xF8\xEDli\x9A \x9Elu\x9Dou\xE8k\xFD k\xF9\xF2 \xFAp\xECl \xEF\xE1"
      "belsk\xE9 \xF3"
      "dy. "
      "Dnes je hezk\xFD den a slunce sv\xEDt\xED na m\xECsto, kde lid\xE9 \x9Eij\xED u\x9E po stalet\xED. ";
  const Decoded d = decode_page(text + text + text, "");
  EXPECT_EQ(d.source, CharsetSource::kDetected);
  EXPECT_NE(d.text.find("Dnes je hezký den"), std::string::npos) << d.encoding;
}

TEST(Charset, EveryLabelDecodesSomething) {
  for (const char* name :
       {"ibm866",       "iso-8859-2",   "iso-8859-3",     "iso-8859-4",   "iso-8859-5",   "iso-8859-6",
        "iso-8859-7",   "iso-8859-8",   "iso-8859-8-i",   "iso-8859-10",  "iso-8859-13",  "iso-8859-14",
        "iso-8859-15",  "iso-8859-16",  "koi8-r",         "koi8-u",       "macintosh",    "windows-874",
        "windows-1250", "windows-1251", "windows-1253",   "windows-1254", "windows-1255", "windows-1256",
        "windows-1257", "windows-1258", "x-mac-cyrillic", "gbk",          "gb18030",      "big5",
        "euc-jp",       "iso-2022-jp",  "shift_jis",      "euc-kr"}) {
    const Decoded d = decode_as("abc", name);
    EXPECT_EQ(d.text, "abc") << name;
    EXPECT_EQ(d.encoding, name);
  }
}

TEST(Charset, SurvivesNoise) {
  const Stream noise(1, purpose("charset noise"));
  uint64_t at = 0;
  for (int i = 0; i < 3000; ++i) {
    std::string bytes = i % 2 == 0 ? "<meta charset=" : "";
    if (i % 4 == 0) bytes += "big5>";
    const auto n = noise.below(at++, 300);
    for (uint64_t k = 0; k < n; ++k) bytes.push_back(static_cast<char>(noise.below(at++, 256)));
    const Decoded d = decode_page(bytes, i % 3 == 0 ? "text/html; charset=gb18030" : "");
    ASSERT_TRUE(is_utf8(d.text));
    ASSERT_TRUE(is_utf8(nfc(d.text)));
  }
}

}  // namespace
}  // namespace leam::text
