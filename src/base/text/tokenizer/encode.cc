#include "base/text/tokenizer/encode_internal.h"

#include <unicode/edits.h>
#include <unicode/normalizer2.h>
#include <unicode/stringpiece.h>

#include <algorithm>

#include "base/core/result.h"
#include "base/text/tokenizer/byte_level.h"
#include "base/text/unicode.h"
#include "base/text/utf8.h"

namespace leam::text::detail {
namespace {

// Where the bytes of a changed text come from. Changed stretches in order; between them the text is as it
// was.
class OffsetMap {
 public:
  struct Change {
    uint64_t to_begin, to_end, from_begin, from_end;
  };
  void add(const Change& c) { changes_.push_back(c); }
  // The source's byte for a span's begin or end in the changed text.
  uint64_t source(uint64_t at, bool is_end) const {
    const auto after = std::upper_bound(changes_.begin(), changes_.end(), at,
                                        [](uint64_t v, const Change& c) { return v < c.to_begin; });
    if (after == changes_.begin()) return at;
    const Change& c = after[-1];
    if (at > c.to_begin && at < c.to_end) return is_end ? c.from_end : c.from_begin;
    if (at == c.to_begin && c.to_begin < c.to_end) return c.from_begin;
    return at - c.to_end + c.from_end;
  }

 private:
  std::vector<Change> changes_;
};

// The bytes of the ill-formed sequence at the start of `bytes` that become one U+FFFD.
size_t broken_size(std::string_view bytes) {
  size_t n = 1;
  while (n < 3 && n < bytes.size() && repair_utf8(bytes.substr(0, n + 1)) == "\xEF\xBF\xBD") ++n;
  return n;
}

OffsetMap map_of_repair(std::string_view source, std::string_view repaired) {
  OffsetMap map;
  size_t from = 0, to = 0;
  while (to < repaired.size()) {
    size_t next = to;
    next_code_point(repaired, next);
    const std::string_view c = repaired.substr(to, next - to);
    size_t n = c.size();
    if (source.substr(from, n) != c) {
      n = broken_size(source.substr(from));
      map.add({to, next, from, from + n});
    }
    from += n;
    to = next;
  }
  return map;
}

std::string nfc_with_map(std::string_view text, OffsetMap& map) {
  UErrorCode status = U_ZERO_ERROR;
  const icu::Normalizer2* n = icu::Normalizer2::getNFCInstance(status);
  bug_if(U_FAILURE(status), "ICU has no NFC data");
  std::string out;
  icu::StringByteSink<std::string> sink(&out);
  icu::Edits edits;
  n->normalizeUTF8(0, icu::StringPiece(text.data(), static_cast<int32_t>(text.size())), sink, &edits, status);
  bug_if(U_FAILURE(status), "ICU could not normalise valid UTF-8");
  icu::Edits::Iterator it = edits.getFineChangesIterator();
  while (it.next(status)) {
    const auto to = static_cast<uint64_t>(it.destinationIndex()),
               from = static_cast<uint64_t>(it.sourceIndex());
    map.add(
        {to, to + static_cast<uint64_t>(it.newLength()), from, from + static_cast<uint64_t>(it.oldLength())});
  }
  return out;
}

// Takes ids, without spans. Words are looked up some steps after they came, so that the cache's line for
// each is on its way meanwhile.
class IdSink {
 public:
  static constexpr bool kSpans = false;
  IdSink(const TokenizerData& data, EncoderState& state, std::vector<TokenId>& out)
      : data_(data), state_(state), out_(out) {}
  ~IdSink() { flush(); }
  IdSink(const IdSink&) = delete;
  IdSink& operator=(const IdSink&) = delete;

  void token(TokenId id, size_t, size_t) {
    if (n_ >= kFlush) flush();
    buffer_[n_++] = id;
  }
  // The text that words are pieces of; its end bounds what may be read. It must live until end_words().
  void words_of(std::string_view text) { limit_ = text.data() + text.size(); }
  void word(const char* begin, const char* end) {
    Waiting& w = waiting_[last_++ % kAhead];
    if (last_ - first_ > kAhead) {
      resolve(w);
      ++first_;
    }
    w.begin = begin;
    w.size = static_cast<size_t>(end - begin);
    if (w.size > WordCache::kMaxWord) return;
    w.key = WordCache::key(begin, w.size, limit_);
    w.slot = WordCache::slot(w.key);
    state_.cache.prefetch(w.slot);
  }
  void end_words() {
    while (first_ < last_) {
      resolve(waiting_[first_ % kAhead]);
      ++first_;
    }
  }

 private:
  static constexpr size_t kFlush = 1024, kAhead = 8;
  struct Waiting {
    WordCache::Key key;
    size_t slot = 0, size = 0;
    const char* begin = nullptr;
  };

  void resolve(const Waiting& w) {
    if (n_ >= kFlush) flush();
    const bool fits = w.size <= WordCache::kMaxWord;
    const size_t found = fits ? state_.cache.find(w.key, w.slot, buffer_.data() + n_) : 0;
    n_ += found;
    if (found == 0) miss({w.begin, w.size}, fits ? &w : nullptr);
  }
  void miss(std::string_view word, const Waiting* keep) {
    state_.ids.clear();
    if (!whole_word(word)) encode_word(data_.bpe, word, state_.bpe, state_.ids, nullptr);
    if (keep != nullptr && !state_.ids.empty() && state_.ids.size() <= WordCache::kMaxIds)
      state_.cache.insert(keep->key, keep->slot, state_.ids);
    if (state_.ids.size() <= kFlush - std::min(n_, kFlush)) {
      std::copy(state_.ids.begin(), state_.ids.end(), buffer_.begin() + static_cast<ptrdiff_t>(n_));
      n_ += state_.ids.size();
      return;
    }
    flush();
    out_.insert(out_.end(), state_.ids.begin(), state_.ids.end());
  }
  bool whole_word(std::string_view word) {
    if (!data_.bpe.ignore_merges) return false;
    const uint32_t id = data_.tokens.find(to_byte_level(word));
    if (id == kNone) return false;
    state_.ids.push_back(id);
    return true;
  }
  void flush() {
    out_.insert(out_.end(), buffer_.begin(), buffer_.begin() + static_cast<ptrdiff_t>(n_));
    n_ = 0;
  }

  const TokenizerData& data_;
  EncoderState& state_;
  std::vector<TokenId>& out_;
  const char* limit_ = nullptr;
  size_t n_ = 0;
  size_t first_ = 0, last_ = 0;  // words that wait: [first_, last_)
  std::array<Waiting, kAhead> waiting_;
  std::array<TokenId, kFlush + WordCache::kMaxIds + 1> buffer_;
};

// Takes ids with spans; slower.
class SpanSink {
 public:
  static constexpr bool kSpans = true;
  SpanSink(const TokenizerData& data, EncoderState& state, std::string_view source, Encoding& out)
      : data_(data), state_(state), source_(source), out_(out) {}

  // `begin` and `end` are bytes of the source.
  void token(TokenId id, size_t begin, size_t end) { token(id, begin, end, data_.bytes[id], false); }
  // An added token that was found as `text`.
  void added(TokenId id, size_t begin, size_t end, std::string_view text) {
    token(id, begin, end, text, true);
  }
  void words_of(std::string_view text) { text_ = text; }
  void end_words() {}
  void word(const char* begin, const char* end) {
    state_.ids.clear();
    state_.bytes.clear();
    const std::string_view word(begin, static_cast<size_t>(end - begin));
    const uint32_t whole = data_.bpe.ignore_merges ? data_.tokens.find(to_byte_level(word)) : kNone;
    if (whole != kNone) {
      state_.ids.push_back(whole);
      state_.bytes.push_back(static_cast<uint32_t>(word.size()));
    } else {
      encode_word(data_.bpe, word, state_.bpe, state_.ids, &state_.bytes);
    }
    size_t at = static_cast<size_t>(begin - text_.data());
    for (size_t i = 0; i < state_.ids.size(); ++i) {
      const size_t next = at + state_.bytes[i];
      // Part of a character stands for the whole of it.
      size_t from = at, to = next;
      while (from > 0 && continues(from)) --from;
      while (to < text_.size() && continues(to)) ++to;
      // A space that was put in stands for the character it was put before.
      if (to == 1 && prefixed_ == 1) to = first_character_end();
      token(state_.ids[i], source(from, false), source(to, true));
      at = next;
    }
  }
  // How the text of words_of() lies in the source: behind a space that was put in, `shift` bytes into a part
  // that begins `inner` bytes into the normal form of what begins at `from` of the repaired text.
  void prefixed(bool yes) { prefixed_ = yes ? 1 : 0; }
  void shift(size_t at) { shift_ = at; }
  void inner(size_t at) { inner_ = at; }
  void normalized_by(const OffsetMap* map) { normal_ = map; }
  void from(size_t begin) { begin_ = begin; }
  void repaired_by(const OffsetMap* map) { repair_ = map; }
  size_t source(size_t at, bool is_end) const {
    at = (at > prefixed_ ? at - prefixed_ : 0) + shift_ + inner_;
    if (normal_ != nullptr) at = normal_->source(at, is_end);
    at += begin_;
    return repair_ != nullptr ? repair_->source(at, is_end) : at;
  }

 private:
  size_t first_character_end() const {
    size_t at = 2;
    while (at < text_.size() && continues(at)) ++at;
    return at;
  }
  void token(TokenId id, size_t begin, size_t end, std::string_view text, bool is_added) {
    TokenSpan span{begin, end};
    if (data_.trim_spans) trim(text, is_added, span);
    out_.ids.push_back(id);
    out_.spans.push_back(span);
  }
  bool continues(size_t at) const { return (static_cast<unsigned char>(text_[at]) >> 6) == 2; }

  // What ByteLevel's trim_offsets does: white space at a token's ends is not part of its span.
  void trim(std::string_view token, bool is_added, TokenSpan& span) const {
    const auto space = [&](size_t at, size_t& next) {
      next = at;
      const bool whole = (static_cast<unsigned char>(token[at]) >> 6) != 2;
      if (token[at] == ' ') return ++next, true;
      if (!is_added || !whole) return false;
      return is_space(next_code_point(token, next));
    };
    // Counted in characters of the token, taken off in characters of the source.
    size_t lead = 0, trail = 0, next = 0;
    for (size_t at = 0; at < token.size() && space(at, next); at = next) ++lead;
    for (size_t end = token.size(); end > 0; ++trail) {
      size_t at = end - 1;
      while (at > 0 && (static_cast<unsigned char>(token[at]) >> 6) == 2) --at;
      if (!space(at, next) || next != end) break;
      end = at;
    }
    const bool first = out_.ids.empty() || span.begin == 0;
    if (lead == 1 && first && data_.trim_keeps_prefix_space) lead = 0;
    const auto inside = [this](size_t at) {
      return at < source_.size() && (static_cast<unsigned char>(source_[at]) >> 6) == 2;
    };
    for (; lead > 0 && span.begin < span.end; --lead) {
      do ++span.begin;
      while (span.begin < span.end && inside(span.begin));
    }
    for (; trail > 0 && span.end > span.begin; --trail) {
      do --span.end;
      while (span.end > span.begin && inside(span.end));
    }
  }

  const TokenizerData& data_;
  EncoderState& state_;
  std::string_view source_;
  Encoding& out_;
  std::string_view text_;
  size_t begin_ = 0, inner_ = 0, shift_ = 0, prefixed_ = 0;
  const OffsetMap *repair_ = nullptr, *normal_ = nullptr;
};

// f(begin, end) for each piece of a cut; pieces share out the text.
template <class F>
void each_piece(const Cut& cut, std::string_view text, F&& f) {
  if (cut.kind == Cut::Kind::kPattern) return for_each_word(cut.pattern, text, f);
  const bool digits = cut.kind == Cut::Kind::kEachDigit || cut.kind == Cut::Kind::kDigitRuns;
  const bool runs = cut.kind == Cut::Kind::kDigitRuns || cut.kind == Cut::Kind::kPunctRuns;
  const uint8_t mask = digits ? kNumber : kPunct;
  const CharClasses& classes = CharClasses::get();
  const char *p = text.data(), *end = p + text.size(), *piece = p;
  bool inside = false;
  while (p < end) {
    int size = 0;
    const bool hit = (classes.at(p, size) & mask) != 0;
    if (p > piece && (hit != inside || (hit && !runs))) {
      f(piece, p);
      piece = p;
    }
    inside = hit;
    p += size;
  }
  if (piece < end) f(piece, end);
}

template <class Sink>
class Run {
 public:
  Run(const TokenizerData& data, EncoderState& state, const EncodeOptions& options, Sink& sink)
      : data_(data), state_(state), options_(options), sink_(sink) {}

  void text(std::string_view source) {
    if (options_.add_special) around(data_.prefix);
    if (is_utf8(source)) {
      valid(source);
    } else {
      state_.repaired = repair_utf8(source);
      if constexpr (Sink::kSpans) {
        const OffsetMap map = map_of_repair(source, state_.repaired);
        sink_.repaired_by(&map);
        valid(state_.repaired);
        sink_.repaired_by(nullptr);
      } else {
        valid(state_.repaired);
      }
    }
    if (options_.add_special) around(data_.suffix);
  }

 private:
  void around(const std::vector<TokenId>& ids) {
    for (const TokenId id : ids) sink_.token(id, 0, 0);
  }
  // Pieces between tokens found by `finder` go to `piece`, with where they begin.
  template <class F>
  void between(const AddedTokenFinder& finder, std::string_view text, F&& piece) {
    if (finder.empty()) {
      if (!text.empty()) piece(text, size_t{0});
      return;
    }
    size_t taken = 0;
    for (size_t at = 0; at < text.size();) {
      const AddedTokenFinder::Found found = finder.find(text, at, taken, options_.parse_special);
      if (!found.any) break;
      if (found.begin > taken) piece(text.substr(taken, found.begin - taken), taken);
      found_token(found, text);
      taken = found.end;
      at = found.next;
    }
    if (taken < text.size()) piece(text.substr(taken), taken);
  }
  void found_token(const AddedTokenFinder::Found& found, std::string_view text) {
    if constexpr (Sink::kSpans) {
      sink_.inner(0);
      sink_.prefixed(false);
      sink_.added(found.id, sink_.source(found.begin, false), sink_.source(found.end, true),
                  text.substr(found.begin, found.end - found.begin));
    } else {
      (void)text;
      sink_.token(found.id, 0, 0);
    }
  }
  void valid(std::string_view text) {
    if constexpr (Sink::kSpans) sink_.from(0);
    between(data_.in_text, text, [&](std::string_view piece, size_t begin) {
      if constexpr (Sink::kSpans) sink_.from(begin);
      normalized(piece);
      if constexpr (Sink::kSpans) sink_.from(0);
    });
  }
  void normalized(std::string_view piece) {
    const auto words_of = [&](std::string_view part, size_t begin) {
      if constexpr (Sink::kSpans) sink_.inner(begin);
      words(part);
    };
    if (!data_.nfc) return between(data_.in_normalized, piece, words_of);
    if constexpr (Sink::kSpans) {
      OffsetMap map;
      state_.normalized = nfc_with_map(piece, map);
      sink_.normalized_by(&map);
      between(data_.in_normalized, state_.normalized, words_of);
      sink_.normalized_by(nullptr);
    } else {
      state_.normalized = nfc(std::string(piece));
      between(data_.in_normalized, state_.normalized, words_of);
    }
  }
  void words(std::string_view text) {
    sink_.words_of(text);
    if constexpr (Sink::kSpans) sink_.prefixed(false);
    const bool last = data_.byte_level_regex;
    if (!data_.prefix_space && data_.cuts.empty() && last) {
      by_pattern(Pattern::kGpt2, text);
    } else if (!data_.prefix_space && data_.cuts.size() == 1 && !last &&
               data_.cuts[0].kind == Cut::Kind::kPattern) {
      by_pattern(data_.cuts[0].pattern, text);
    } else {
      cut(0, text, text);
    }
    sink_.end_words();
  }
  void by_pattern(Pattern pattern, std::string_view text) {
    for_each_word(pattern, text, [this](const char* begin, const char* end) { sink_.word(begin, end); });
  }
  void cut(size_t step, std::string_view text, std::string_view whole) {
    if (step < data_.cuts.size()) {
      return each_piece(data_.cuts[step], text, [&](const char* begin, const char* end) {
        cut(step + 1, {begin, static_cast<size_t>(end - begin)}, whole);
      });
    }
    if (!data_.prefix_space || text.front() == ' ') return byte_level(text);
    sink_.end_words();
    state_.prefixed.assign(1, ' ').append(text);
    sink_.words_of(state_.prefixed);
    if constexpr (Sink::kSpans) {
      const size_t before = static_cast<size_t>(text.data() - whole.data());
      sink_.shift(before);
      sink_.prefixed(true);
      byte_level(state_.prefixed);
      sink_.prefixed(false);
      sink_.shift(0);
    } else {
      byte_level(state_.prefixed);
    }
    sink_.end_words();
    sink_.words_of(whole);
  }
  void byte_level(std::string_view text) {
    if (data_.byte_level_regex) {
      by_pattern(Pattern::kGpt2, text);
    } else {
      sink_.word(text.data(), text.data() + text.size());
    }
  }

  const TokenizerData& data_;
  EncoderState& state_;
  const EncodeOptions& options_;
  Sink& sink_;
};

}  // namespace

void encode(const TokenizerData& data, EncoderState& state, std::string_view text,
            const EncodeOptions& options, std::vector<TokenId>& out) {
  bug_if(text.size() > kMaxText, "a text too long to encode at once");
  IdSink sink(data, state, out);
  Run(data, state, options, sink).text(text);
}

void encode(const TokenizerData& data, EncoderState& state, std::string_view text,
            const EncodeOptions& options, Encoding& out) {
  bug_if(text.size() > kMaxText, "a text too long to encode at once");
  SpanSink sink(data, state, text, out);
  Run(data, state, options, sink).text(text);
}

}  // namespace leam::text::detail
