#include "base/text/tokenizer.h"

#include <gtest/gtest.h>

#include <random>

#include "base/text/tokenizer/bpe.h"
#include "base/text/tokenizer/byte_level.h"
#include "base/text/tokenizer/pretokenize.h"
#include "base/text/tokenizer/vectors_test.h"
#include "base/text/utf8.h"

namespace leam::text {
namespace {

constexpr std::string_view kByteLevel =
    R"({"type":"ByteLevel","add_prefix_space":false,"trim_offsets":true,"use_regex":true})";

struct Parts {
  std::string added = std::string(kAddedJson), normalizer = "null", pre = std::string(kByteLevel),
              post = "null", decoder = std::string(kByteLevel), model = std::string(kModelJson), more = "";
};

std::string file_of(const Parts& p) {
  return R"({"version":"1.0","truncation":null,"padding":null,"added_tokens":)" + p.added +
         R"(,"normalizer":)" + p.normalizer + R"(,"pre_tokenizer":)" + p.pre + R"(,"post_processor":)" +
         p.post + R"(,"decoder":)" + p.decoder + R"(,"model":)" + p.model + p.more + "}";
}

Tokenizer made(const Parts& p = {}) {
  auto t = Tokenizer::parse(file_of(p), "made");
  EXPECT_TRUE(t.ok()) << t.error().message();
  return std::move(t).value();
}

std::string error_of(const Parts& p) {
  const auto t = Tokenizer::parse(file_of(p), "made.json");
  return t.ok() ? "" : t.error().message();
}

// The peer's post-processor in the vectors.
std::string post_of(std::string_view head) {
  return head == "prefix"
             ? R"({"type":"ByteLevel","add_prefix_space":true,"trim_offsets":true,"use_regex":false})"
             : R"({"type":"ByteLevel","add_prefix_space":false,"trim_offsets":true,"use_regex":false})";
}

TEST(Tokenizer, IdsAndSpansAreThePeers) {
  for (const Head& head : kHeads) {
    Parts parts;
    parts.pre = head.json;
    parts.post = post_of(head.name);
    const Tokenizer t = made(parts);
    Encoder encoder = t.encoder();
    for (const Vector& v : vectors()) {
      if (v.head != head.name) continue;
      const Encoding e = t.encode_spans(v.text);
      EXPECT_EQ(std::vector<int>(e.ids.begin(), e.ids.end()), v.ids) << head.name << ": " << v.text;
      std::vector<int> spans;
      for (const TokenSpan& s : e.spans) {
        spans.push_back(static_cast<int>(s.begin));
        spans.push_back(static_cast<int>(s.end));
      }
      EXPECT_EQ(spans, v.spans) << head.name << ": " << v.text;
      // By the fast path, from a cold and a warm cache.
      for (int i = 0; i < 2; ++i) {
        std::vector<TokenId> ids;
        encoder.encode(v.text, {}, ids);
        EXPECT_EQ(ids, e.ids);
      }
    }
  }
}

TEST(Tokenizer, EveryTextComesBack) {
  Parts parts;
  parts.pre = kHeads[0].json;
  const Tokenizer t = made(parts);
  std::mt19937 random(1);
  for (int round = 0; round < 400; ++round) {
    std::string text;
    for (int i = 0; i < 30; ++i) {
      char32_t c = static_cast<char32_t>(random() % (round % 2 == 0 ? 0x250 : 0x110000));
      if (c >= 0xD800 && c < 0xE000) c = 'x';
      append_utf8(text, c);
    }
    const std::vector<TokenId> ids = t.encode(text);
    ASSERT_EQ(t.decode(ids), text);
    StreamDecoder stream(t);
    std::string streamed;
    for (const TokenId id : ids) {
      const std::string piece = stream.push(id);
      ASSERT_TRUE(is_utf8(piece));
      streamed += piece;
    }
    ASSERT_EQ(streamed + stream.finish(), text);
  }
}

TEST(Tokenizer, AnyIdsDecodeToUtf8TheSameWayInAStream) {
  const Tokenizer t = made();
  std::mt19937 random(2);
  for (int round = 0; round < 2000; ++round) {
    std::vector<TokenId> ids(1 + random() % 12);
    for (TokenId& id : ids) id = static_cast<TokenId>(random() % 340);
    const std::string whole = t.decode(ids);
    ASSERT_TRUE(is_utf8(whole));
    StreamDecoder stream(t);
    std::string streamed;
    for (const TokenId id : ids) streamed += stream.push(id);
    ASSERT_EQ(streamed + stream.finish(), whole);
  }
}

TEST(Tokenizer, BrokenUtf8IsReadAsReplacementCharacters) {
  const Tokenizer t = made();
  const std::string text = "a\xff b\xe2\x82 the\xf0\x9f\x98";
  const std::string fixed = "a\xEF\xBF\xBD b\xEF\xBF\xBD the\xEF\xBF\xBD";
  EXPECT_EQ(t.encode(text), t.encode(fixed));
  const Encoding e = t.encode_spans(text);
  EXPECT_EQ(e.ids, t.encode(fixed));
  EXPECT_EQ(e.spans.back().end, text.size());
  uint64_t at = 0;
  for (const TokenSpan& s : e.spans) {
    EXPECT_LE(at, s.begin + 3);
    EXPECT_LE(s.end, text.size());
    at = s.begin;
  }
}

TEST(Tokenizer, SpecialTokensInTextCanBeRefused) {
  const Tokenizer t = made();
  EXPECT_EQ(t.encode("<|end|>"), std::vector<TokenId>{0});
  const std::vector<TokenId> plain = t.encode("<|end|>", {.add_special = true, .parse_special = false});
  EXPECT_GT(plain.size(), 1u);
  EXPECT_EQ(t.decode(plain, true), "<|end|>");
  EXPECT_EQ(t.decode(std::vector<TokenId>{0}, true), "");
  EXPECT_EQ(t.decode(std::vector<TokenId>{0}, false), "<|end|>");
  EXPECT_TRUE(t.is_special(0));
  EXPECT_FALSE(t.is_special(330));
  EXPECT_FALSE(t.is_special(100000));
}

TEST(Tokenizer, ATemplateFramesTheText) {
  Parts parts;
  parts.post = R"({"type":"TemplateProcessing","single":[{"SpecialToken":{"id":"B","type_id":0}},
    {"Sequence":{"id":"A","type_id":0}}],"pair":[],"special_tokens":{"B":{"id":"B","ids":[0],"tokens":["<|end|>"]}}})";
  const Tokenizer t = made(parts);
  EXPECT_EQ(t.prefix(), std::vector<TokenId>{0});
  EXPECT_TRUE(t.suffix().empty());
  const std::vector<TokenId> bare = t.encode("the", {.add_special = false});
  std::vector<TokenId> framed = t.encode("the");
  EXPECT_EQ(framed.front(), 0u);
  framed.erase(framed.begin());
  EXPECT_EQ(framed, bare);
}

TEST(Tokenizer, NormalFormCIsTakenWithSpansOfTheSource) {
  Parts parts;
  parts.normalizer = R"({"type":"Sequence","normalizers":[{"type":"NFC"}]})";
  const Tokenizer t = made(parts);
  const std::string decomposed = "e\u0301te\u0301 x", composed = "\u00e9t\u00e9 x";
  EXPECT_EQ(t.encode(decomposed), t.encode(composed));
  const Encoding e = t.encode_spans(decomposed);
  EXPECT_EQ(e.ids, t.encode(composed));
  EXPECT_EQ(e.spans.front().begin, 0u);
  EXPECT_EQ(e.spans.back(), (TokenSpan{8, 9}));
}

TEST(Tokenizer, TokensAreKnownByNameAndNumber) {
  const Tokenizer t = made();
  EXPECT_EQ(t.vocab_size(), 331u);
  EXPECT_EQ(t.token_to_id("<tag>"), 330u);
  EXPECT_EQ(t.id_to_token(330), "<tag>");
  EXPECT_FALSE(t.id_to_token(331));
  EXPECT_FALSE(t.token_to_id("not there"));
  EXPECT_EQ(t.token_bytes(*t.token_to_id("Ġthe")), " the");
  EXPECT_EQ(t.content_hash(), hash128(file_of({})));
}

TEST(Tokenizer, AMegabyteWithoutASpaceIsNoTrouble) {
  const Tokenizer t = made();
  std::mt19937 random(3);
  std::string text(1 << 20, 'a');
  for (char& c : text) c = "theorGrüße"[random() % 5];
  EXPECT_EQ(t.decode(t.encode(text)), text);
  EXPECT_EQ(t.decode(t.encode(std::string(1 << 20, ' '))).size(), size_t{1} << 20);
}

TEST(Tokenizer, WhatIsNotSupportedIsNamed) {
  const auto expect = [](const Parts& p, std::string_view word) {
    EXPECT_NE(error_of(p).find(word), std::string::npos) << word << " in " << error_of(p);
    EXPECT_NE(error_of(p).find("made.json"), std::string::npos);
  };
  expect({.normalizer = R"({"type":"Lowercase"})"}, "normalizer: Lowercase is not supported");
  expect({.pre = R"({"type":"Metaspace"})"}, "pre_tokenizer: Metaspace is not supported");
  expect({.pre = R"({"type":"Sequence","pretokenizers":[{"type":"Split","pattern":{"Regex":"a+b"},
          "behavior":"Isolated","invert":false}]})"},
         "pre_tokenizer.pretokenizers[0].pattern.Regex: \"a+b\" is not supported");
  expect({.pre = "null"}, "pre_tokenizer: null is not supported");
  expect({.post = R"({"type":"BertProcessing"})"}, "post_processor: BertProcessing is not supported");
  expect({.decoder = R"({"type":"WordPiece"})"}, "decoder: WordPiece is not supported");
  expect({.model = R"({"type":"Unigram","vocab":[]})"}, "model.type: Unigram is not supported");
  expect({.model = R"({"type":"BPE","byte_fallback":true,"vocab":{},"merges":[]})"}, "model.byte_fallback");
  expect({.more = R"(,"extra":1)"}, "extra: this field is not supported");
}

TEST(Tokenizer, WhatIsBrokenIsNamed) {
  const auto expect = [](const Parts& p, std::string_view word) {
    EXPECT_NE(error_of(p).find(word), std::string::npos) << word << " in " << error_of(p);
  };
  expect({.model = R"({"type":"BPE","vocab":{"a":0},"merges":["a a"]})"},
         "model.merges[0]: \"aa\" is not in");
  expect({.model = R"({"type":"BPE","vocab":{"a":0},"merges":["aa"]})"},
         "model.merges[0]: is not two tokens");
  expect({.model = R"({"type":"BPE","vocab":{"a":0,"b":0},"merges":[]})"}, "model.vocab[\"b\"]");
  expect({.model = R"({"type":"BPE","vocab":{"a":-1},"merges":[]})"},
         "model.vocab[\"a\"]: is not a token id");
  expect({.model = R"({"type":"BPE","vocab":{"a":4000000000},"merges":[]})"}, "is not a token id");
  expect({.model = "7"}, "model: is not an object");
  expect({.added = R"([{"id":5,"content":"<|end|>"}])"}, "added_tokens[0]");
  expect({.added = R"([{"content":"<|end|>"}])"}, "added_tokens[0].id");
  const auto cut = Tokenizer::parse(file_of({}).substr(0, 3000), "cut.json");
  ASSERT_FALSE(cut.ok());
  EXPECT_NE(cut.error().message().find("cut.json"), std::string::npos);
  EXPECT_FALSE(Tokenizer::parse("", "empty").ok());
  EXPECT_FALSE(Tokenizer::parse("[]", "list").ok());
}

// Any damage to a file gives an error or a tokenizer that works; never a crash.
TEST(Tokenizer, DamagedFilesDoNoHarm) {
  Parts parts;
  parts.pre = kHeads[0].json;
  const std::string whole = file_of(parts);
  std::mt19937 random(4);
  for (int round = 0; round < 3000; ++round) {
    std::string bad = whole;
    for (unsigned i = 0; i <= random() % 3; ++i) {
      const size_t at = random() % bad.size();
      switch (random() % 4) {
        case 0:
          bad[at] = static_cast<char>(random());
          break;
        case 1:
          bad.erase(at, 1 + random() % 8);
          break;
        case 2:
          bad.insert(at, bad.substr(random() % bad.size(), random() % 16));
          break;
        default:
          bad.resize(at + 1);
      }
    }
    const auto t = Tokenizer::parse(bad, "bad");
    if (!t.ok()) continue;
    const Encoding e = t->encode_spans(
        "the <tag>don't Gr\xc3\xbc\xc3\x9f"
        "e 123\n");
    for (const TokenId id : e.ids) EXPECT_LT(id, t->vocab_size());
    (void)t->decode(e.ids);
  }
}

TEST(Bpe, ManySymbolsMergeAsFewDo) {
  // Long words take another way than short ones; a random merge table must give the same either way.
  std::mt19937 random(5);
  detail::BpeModel model;
  for (uint32_t b = 0; b < 256; ++b) model.byte_ids[b] = b;
  model.merges = detail::MergeTable(40);
  for (uint32_t rank = 0; rank < 40; ++rank) {
    const uint32_t pool = 4 + rank;  // letters a…d, then merged tokens
    const auto pick = [&] {
      const uint32_t k = static_cast<uint32_t>(random()) % pool;
      return k < 4 ? 'a' + k : 252 + k;
    };
    const uint32_t left = pick(), right = pick();
    if (model.merges.find(left, right).rank == detail::kNone) model.merges.set(left, right, rank, 256 + rank);
  }
  detail::BpeScratch scratch;
  for (int round = 0; round < 200; ++round) {
    std::string word(97 + random() % 300, 'a');
    for (char& c : word) c = static_cast<char>('a' + random() % 4);
    std::vector<uint32_t> ids, bytes;
    encode_word(model, word, scratch, ids, &bytes);
    // By the book.
    std::vector<uint32_t> book(word.begin(), word.end());
    while (true) {
      size_t best = book.size();
      uint32_t rank = detail::kNone;
      for (size_t i = 0; i + 1 < book.size(); ++i) {
        if (model.merges.find(book[i], book[i + 1]).rank < rank) {
          rank = model.merges.find(book[i], book[i + 1]).rank;
          best = i;
        }
      }
      if (best == book.size()) break;
      book[best] = model.merges.find(book[best], book[best + 1]).id;
      book.erase(book.begin() + static_cast<ptrdiff_t>(best) + 1);
    }
    ASSERT_EQ(ids, book);
    uint32_t sum = 0;
    for (const uint32_t b : bytes) sum += b;
    ASSERT_EQ(sum, word.size());
  }
}

TEST(ByteLevel, TheAlphabetIsGpt2s) {
  EXPECT_EQ(to_byte_level(std::string_view(" a\n\0\xad\xff", 6)), "ĠaĊĀŃÿ");
  std::string all;
  for (int b = 0; b < 256; ++b) all += static_cast<char>(b);
  EXPECT_EQ(from_byte_level(to_byte_level(all)), all);
  EXPECT_FALSE(from_byte_level("a b"));
  EXPECT_FALSE(from_byte_level("中"));
  EXPECT_FALSE(from_byte_level("\xc3"));
}

TEST(Pretokenize, PiecesShareOutAnyText) {
  std::mt19937 random(6);
  for (const std::string& name : pattern_names()) {
    for (int round = 0; round < 300; ++round) {
      std::string text;
      for (int i = 0; i < 20; ++i) append_utf8(text, U" \n'sſéЖ1٣中\u0301😀/Aǅ\t"[random() % 17]);
      const char* at = text.data();
      for_each_word(*pattern_of_name(name), text, [&](const char* begin, const char* end) {
        ASSERT_EQ(begin, at);
        ASSERT_GT(end, begin);
        at = end;
      });
      ASSERT_EQ(at, text.data() + text.size());
    }
  }
}

}  // namespace
}  // namespace leam::text
