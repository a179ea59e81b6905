#include <gtest/gtest.h>
#include <zlib.h>
#include <zstd.h>

#include "base/core/rng.h"
#include "pipeline/crawl/read/http.h"
#include "pipeline/crawl/read/lines.h"
#include "pipeline/crawl/read/warc.h"

namespace leam::crawl {
namespace {

std::string gzip(std::string_view s) {
  std::string out(s.size() + 1024, '\0');
  z_stream z{};
  EXPECT_EQ(deflateInit2(&z, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
  z.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(s.data()));
  z.avail_in = static_cast<uInt>(s.size());
  z.next_out = reinterpret_cast<Bytef*>(out.data());
  z.avail_out = static_cast<uInt>(out.size());
  EXPECT_EQ(deflate(&z, Z_FINISH), Z_STREAM_END);
  out.resize(z.total_out);
  deflateEnd(&z);
  return out;
}

std::string zstd(std::string_view s) {
  std::string out(ZSTD_compressBound(s.size()), '\0');
  out.resize(ZSTD_compress(out.data(), out.size(), s.data(), s.size(), 3));
  return out;
}

std::string warc(std::string_view type, std::string_view uri, std::string_view block) {
  return "WARC/1.0\r\nWARC-Type: " + std::string(type) + "\r\nWARC-Target-URI: " + std::string(uri) +
         "\r\nContent-Type: application/http\r\nContent-Length: " + std::to_string(block.size()) +
         "\r\n\r\n" + std::string(block) + "\r\n\r\n";
}

struct Seen {
  std::string blocks;
  std::vector<uint64_t> offsets;
  std::vector<Broken> broken;
};

Seen read_all(std::string_view bytes, size_t limit = 1u << 20) {
  WarcReader reader(ByteSource::over(bytes), {limit});
  WarcRecord r;
  Seen seen;
  while (reader.next(r)) {
    seen.blocks += '[' + r.uri + '|' + r.block + (r.truncated ? "…" : "") + (r.too_large ? "!" : "") + ']';
    seen.offsets.push_back(r.offset);
    for (Broken& b : reader.take_broken()) seen.broken.push_back(std::move(b));
  }
  for (Broken& b : reader.take_broken()) seen.broken.push_back(std::move(b));
  return seen;
}

TEST(Warc, ReadsPlainAndPacked) {
  const std::string a = warc("response", "http://a/", "one"), b = warc("response", "<http://b c/>", "two");
  for (const std::string& file : {a + b, gzip(a) + gzip(b), gzip(a + b), zstd(a + b), zstd(a) + zstd(b)}) {
    const Seen seen = read_all(file);
    EXPECT_EQ(seen.blocks, "[http://a/|one][http://b%20c/|two]");
    EXPECT_TRUE(seen.broken.empty());
  }
  EXPECT_EQ(read_all(gzip(a) + gzip(b)).offsets, (std::vector<uint64_t>{0, gzip(a).size()}));
  EXPECT_EQ(read_all(a + b).offsets, (std::vector<uint64_t>{0, a.size()}));
}

TEST(Warc, GoesOnBehindDamage) {
  const std::string a = warc("response", "a:", "one"), b = warc("response", "b:", "two"),
                    c = warc("response", "c:", "three");
  std::string damaged = gzip(b);
  damaged[damaged.size() / 2] ^= 0x55;
  Seen seen = read_all(gzip(a) + damaged + gzip(c));
  EXPECT_EQ(seen.blocks, "[a:|one][c:|three]");
  ASSERT_EQ(seen.broken.size(), 1u);
  EXPECT_EQ(seen.broken[0].offset, gzip(a).size());

  seen = read_all(a + "garbage\r\nmore garbage\r\n" + c);
  EXPECT_EQ(seen.blocks, "[a:|one][c:|three]");
  ASSERT_EQ(seen.broken.size(), 1u);
  EXPECT_EQ(seen.broken[0].offset, a.size());

  seen = read_all("WARC/1.0\r\nWARC-Type: response\r\n\r\n" + c);
  EXPECT_EQ(seen.blocks, "[c:|three]");
  EXPECT_EQ(seen.broken.size(), 1u);
}

TEST(Warc, EveryCutIsReported) {
  const std::string a = warc("response", "a:", "one"), b = warc("response", "b:", "two");
  const std::string packed = gzip(a) + gzip(b);
  for (size_t n = gzip(a).size() + 1; n < packed.size(); ++n) {
    const Seen seen = read_all(std::string_view(packed).substr(0, n));
    EXPECT_EQ(seen.blocks, "[a:|one]") << n;
    EXPECT_EQ(seen.broken.size(), 1u) << n;
  }
  const std::string plain = a + b;
  for (size_t n = a.size() + 1; n < plain.size() - 4; ++n) {
    const Seen seen = read_all(std::string_view(plain).substr(0, n));
    EXPECT_EQ(seen.broken.size(), 1u) << n;
    EXPECT_TRUE(seen.blocks.starts_with("[a:|one]")) << n;
  }
}

TEST(Warc, PassesOverWhatIsTooLarge) {
  const std::string file = warc("response", "a:", std::string(5000, 'x')) + warc("response", "b:", "two");
  EXPECT_EQ(read_all(file, 1000).blocks, "[a:|!][b:|two]");
  // A bomb: 40 MB of zeros in 40 KB.
  std::string bomb = warc("response", "a:", "");
  bomb.replace(bomb.find("Length: 0"), 9, "Length: 40000000");
  bomb += std::string(40'000'000, '\0');
  EXPECT_EQ(read_all(gzip(bomb) + gzip(warc("response", "b:", "two")), 1u << 20).blocks, "[a:|!][b:|two]");
}

TEST(Warc, StartsAgainAtAnyRecord) {
  std::string file, plain;
  for (int i = 0; i < 20; ++i) {
    const std::string r =
        warc("response", "u:" + std::to_string(i), std::string(static_cast<size_t>(i * 37), 'a'));
    file += i % 3 == 0 ? gzip(r + warc("response", "v:" + std::to_string(i), "second")) : gzip(r);
    plain += r;
  }
  for (const std::string& bytes : {file, plain}) {
    const std::string whole = read_all(bytes).blocks;
    WarcReader reader(ByteSource::over(bytes), {});
    WarcRecord r;
    std::string before;
    while (reader.next(r)) {
      before += '[' + r.uri + '|' + r.block + ']';
      const Position at = reader.position();
      WarcReader again(ByteSource::over(bytes, at.offset), {}, at.skip);
      std::string after;
      while (again.next(r)) after += '[' + r.uri + '|' + r.block + ']';
      ASSERT_EQ(before + after, whole);
    }
  }
}

TEST(Warc, ReadsArc) {
  const std::string file =
      "filedesc://x.arc 0.0.0.0 20240101000000 text/plain 9\n1 0 test\n\n"
      "http://a b/ 1.2.3.4 20240101000001 text/html 3\none\n"
      "http://c/ 1.2.3.4 20240101000002 text/html abc\n"
      "http://d/ 1.2.3.4 20240101000003 text/html 4\nfour\n";
  EXPECT_EQ(read_all(file).blocks,
            "[filedesc://x.arc|1 0 test\n][http://a%20b/|one][http://c/|][http://d/|four]");
}

TEST(Http, UnpacksBodies) {
  HttpResponse r = parse_http(
      "HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=x\r\nX-Robots-Tag: noindex\r\n"
      "x-robots-tag: noarchive\r\nTDM-Reservation: 1\r\n\r\nbody",
      100);
  EXPECT_EQ(r.status, 200);
  EXPECT_EQ(r.content_type, "text/html; charset=x");
  EXPECT_EQ(r.robots_tag, "noindex, noarchive");
  EXPECT_EQ(r.tdm_reservation, "1");
  EXPECT_EQ(r.body, "body");
  r = parse_http(
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nWiki\r\n6;x=y\r\npedia \r\n0\r\n\r\n", 100);
  EXPECT_EQ(r.body, "Wikipedia ");
  EXPECT_FALSE(r.truncated);
  r = parse_http("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nWiki", 100);
  EXPECT_EQ(r.body, "Wiki");
  EXPECT_TRUE(r.truncated);
  r = parse_http("HTTP/1.1 200 OK\nTransfer-Encoding: chunked\n\n<html>not chunked", 100);
  EXPECT_EQ(r.body, "<html>not chunked");
  r = parse_http("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n" + gzip("packed"), 100);
  EXPECT_EQ(r.body, "packed");
  r = parse_http("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\nplain after all", 100);
  EXPECT_EQ(r.body, "plain after all");
  r = parse_http("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n" + gzip(std::string(10'000'000, 'z')),
                 1000);
  EXPECT_EQ(r.body.size(), 1000u);
  EXPECT_TRUE(r.truncated);
  EXPECT_EQ(parse_http("no header", 100).body, "no header");
}

TEST(Lines, KnowTheirPlaces) {
  const std::string text = "one\ntwo\r\n\nlast";
  for (const std::string& bytes : {text, gzip(text), zstd(text)}) {
    LineReader reader(ByteSource::over(bytes), 100);
    std::string_view line;
    std::string all;
    while (reader.next(line)) {
      all += std::string(line) + '|';
      const Position at = reader.position();
      LineReader again(ByteSource::over(bytes, at.offset), 100, at.skip);
      std::string rest;
      while (again.next(line)) rest += std::string(line) + '|';
      EXPECT_EQ(all + rest, "one|two||last|");
    }
  }
  LineReader reader(ByteSource::over("short\nmuch too long\nend\n"), 8);
  std::string_view line;
  std::string all;
  while (reader.next(line)) all += std::string(line) + '|';
  EXPECT_TRUE(all.starts_with("short|"));
}

TEST(Warc, SurvivesNoise) {
  const std::string good =
      warc("response", "a:", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n");
  const std::string files[] = {good + good, gzip(good) + gzip(good), zstd(good + good), gzip(good + good)};
  const Stream noise(3, purpose("warc noise"));
  uint64_t at = 0;
  for (int i = 0; i < 4000; ++i) {
    std::string bytes = files[i % 4];
    for (uint64_t n = noise.below(at++, 6); n > 0; --n) {
      const size_t place = noise.below(at++, bytes.size());
      switch (noise.below(at++, 3)) {
        case 0:
          bytes[place] = static_cast<char>(noise.below(at++, 256));
          break;
        case 1:
          bytes.erase(place, noise.below(at++, 40));
          break;
        default: {
          const size_t n_bytes = noise.below(at++, 9);
          bytes.insert(place, std::string(n_bytes, static_cast<char>(noise.below(at++, 256))));
        }
      }
      if (bytes.empty()) break;
    }
    WarcReader reader(ByteSource::over(bytes), {1u << 16});
    WarcRecord r;
    int records = 0;
    while (reader.next(r) && ++records < 1000) parse_http(r.block, 1u << 16);
    ASSERT_LT(records, 1000);
  }
}

}  // namespace
}  // namespace leam::crawl
