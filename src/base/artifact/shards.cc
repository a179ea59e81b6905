#include "base/artifact/shards.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <map>

namespace leam::artifact {
namespace {

constexpr std::string_view kMagic = "LEAMTOKS", kEndMagic = "LEAMTEND";
constexpr uint64_t kHeaderBytes = 64, kFooterBytes = 72, kRecordBytes = 48;

template <class T>
T little(T v) {
  if constexpr (std::endian::native == std::endian::big) {
    auto raw = std::bit_cast<std::array<unsigned char, sizeof(T)>>(v);
    std::reverse(raw.begin(), raw.end());
    return std::bit_cast<T>(raw);
  }
  return v;
}

template <class T>
T load(std::string_view bytes, uint64_t at) {
  T v;
  std::memcpy(&v, bytes.data() + at, sizeof v);
  return little(v);
}

template <class T>
void store(std::string& out, T v) {
  v = little(v);
  char raw[sizeof v];
  std::memcpy(raw, &v, sizeof v);
  out.append(raw, sizeof raw);
}

void pad_to_8(std::string& out, uint64_t size) {
  out.append((8 - size % 8) % 8, '\0');
}

class FileShardWriter : public ShardWriter {
 public:
  FileShardWriter(Env& env, std::string path, const ShardVocabulary& vocabulary)
      : env_(env), path_(std::move(path)), vocabulary_(vocabulary), wide_(vocabulary.size > 65536) {}

  Result<void> open() {
    out_ = LEAM_TRY(env_.create(path_ + ".tmp"));
    std::string h(kMagic);
    store(h, kShardVersion);
    store(h, static_cast<uint32_t>(wide_ ? 4 : 2));
    store(h, vocabulary_.size);
    store(h, vocabulary_.tokenizer.high);
    store(h, vocabulary_.tokenizer.low);
    store(h, vocabulary_.end_of_text);
    store(h, uint32_t{0});
    store(h, uint64_t{0});
    store(h, hash64(h));
    return put(h);
  }

  Result<void> add(const ShardDocument& document, std::span<const uint32_t> ids) override {
    buffer_.clear();
    if (wide_) {
      for (const uint32_t id : ids) store(buffer_, id);
    } else {
      buffer_.resize(ids.size() * 2);
      for (size_t i = 0; i < ids.size(); ++i) {
        buffer_[2 * i] = static_cast<char>(ids[i] & 0xff);
        buffer_[2 * i + 1] = static_cast<char>(ids[i] >> 8 & 0xff);
      }
    }
    const auto above = [this](uint32_t id) { return id >= vocabulary_.size; };
    bug_if(std::any_of(ids.begin(), ids.end(), above), "an id of a shard is outside its vocabulary");
    LEAM_TRY(put(buffer_));
    tokens_ += ids.size();
    store(table_, document.id.high);
    store(table_, document.id.low);
    store(table_, tokens_);
    store(table_, document.text_bytes);
    store(table_, document.text_chars);
    store(table_, number(langs_, document.lang));
    store(table_, number(sources_, document.source));
    ++documents_;
    return {};
  }

  Result<void> close() override {
    buffer_.clear();
    pad_to_8(buffer_, out_->offset());
    LEAM_TRY(put(buffer_));
    const uint64_t documents_at = out_->offset();
    LEAM_TRY(put(table_));
    const uint64_t names_at = out_->offset();
    buffer_.clear();
    append_names(langs_);
    append_names(sources_);
    pad_to_8(buffer_, buffer_.size());
    LEAM_TRY(put(buffer_));
    std::string footer;
    store(footer, tokens_);
    store(footer, documents_);
    store(footer, documents_at);
    store(footer, names_at);
    store(footer, out_->offset() + kFooterBytes);
    const Hash128 all = hasher_.value();
    store(footer, all.high);
    store(footer, all.low);
    store(footer, hash64(footer));
    footer += kEndMagic;
    LEAM_TRY(put(footer));
    LEAM_TRY(out_->sync());
    LEAM_TRY(out_->close());
    return env_.rename(path_ + ".tmp", path_);
  }

  uint64_t tokens() const override { return tokens_; }
  uint64_t documents() const override { return documents_; }

 private:
  using Names = std::map<std::string, uint32_t, std::less<>>;

  Result<void> put(std::string_view bytes) {
    hasher_.add(bytes);
    return out_->write(bytes);
  }
  static uint32_t number(Names& names, std::string_view name) {
    const auto found = names.find(name);
    if (found != names.end()) return found->second;
    const uint32_t next = static_cast<uint32_t>(names.size());
    names.emplace(name, next);
    return next;
  }
  void append_names(const Names& names) {
    std::vector<std::string_view> in_order(names.size());
    for (const auto& [name, n] : names) in_order[n] = name;
    store(buffer_, static_cast<uint32_t>(names.size()));
    for (const std::string_view name : in_order) {
      store(buffer_, static_cast<uint32_t>(name.size()));
      buffer_ += name;
    }
  }

  Env& env_;
  std::string path_;
  ShardVocabulary vocabulary_;
  bool wide_;
  std::unique_ptr<OutFile> out_;
  Hasher hasher_;
  std::string buffer_, table_;
  Names langs_, sources_;
  uint64_t tokens_ = 0, documents_ = 0;
};

constexpr const char* kHint = "delete the token folder and run the stage again";

}  // namespace

std::string shard_name(std::string_view split, uint64_t number) {
  return fmt::format("{}-{:05}{}", split, number, kShardSuffix);
}

Result<std::unique_ptr<ShardWriter>> ShardWriter::create(Env& env, const std::string& path,
                                                         const ShardVocabulary& vocabulary) {
  auto writer = std::make_unique<FileShardWriter>(env, path, vocabulary);
  LEAM_TRY(writer->open());
  return std::unique_ptr<ShardWriter>(std::move(writer));
}

Error Shard::corrupt(uint64_t byte, const std::string& what) const {
  return Error(ErrorCode::kCorrupt, "artifact.shards", fmt::format("{} at byte {}: {}", path_, byte, what),
               kHint);
}

Result<Shard> Shard::open(const Env& env, const std::string& path) {
  Shard shard;
  shard.path_ = path;
  shard.file_ = LEAM_TRY(env.map(path));
  shard.bytes_ = shard.file_->bytes();
  LEAM_TRY(shard.check_header());
  LEAM_TRY(shard.check_footer());
  LEAM_TRY(shard.check_documents());
  return shard;
}

Result<void> Shard::check_header() {
  if (bytes_.size() < kHeaderBytes) return corrupt(bytes_.size(), "the file ends inside its header");
  if (bytes_.substr(0, kMagic.size()) != kMagic) return corrupt(0, "not a token shard");
  if (const auto version = load<uint32_t>(bytes_, 8); version != kShardVersion) {
    return corrupt(
        8, fmt::format("token shard of version {}, this leam reads version {}", version, kShardVersion));
  }
  if (load<uint64_t>(bytes_, 56) != hash64(bytes_.substr(0, 56)))
    return corrupt(56, "the header's checksum does not agree with it");
  const auto id_bytes = load<uint32_t>(bytes_, 12);
  if (id_bytes != 2 && id_bytes != 4) return corrupt(12, fmt::format("ids of {} bytes", id_bytes));
  id_bytes_ = static_cast<int>(id_bytes);
  vocabulary_.size = load<uint64_t>(bytes_, 16);
  vocabulary_.tokenizer = {load<uint64_t>(bytes_, 24), load<uint64_t>(bytes_, 32)};
  vocabulary_.end_of_text = load<uint32_t>(bytes_, 40);
  if (vocabulary_.size == 0 || vocabulary_.size > (uint64_t{1} << (8 * id_bytes)))
    return corrupt(16, fmt::format("a vocabulary of {} in ids of {} bytes", vocabulary_.size, id_bytes));
  if (vocabulary_.end_of_text >= vocabulary_.size)
    return corrupt(40, fmt::format("end-of-text id {} outside the vocabulary", vocabulary_.end_of_text));
  return {};
}

Result<void> Shard::check_footer() {
  const uint64_t size = bytes_.size();
  if (size < kHeaderBytes + kFooterBytes || bytes_.substr(size - kEndMagic.size()) != kEndMagic)
    return corrupt(size, "the file is cut short: it does not end with a footer");
  const uint64_t at = size - kFooterBytes;
  if (load<uint64_t>(bytes_, at + 56) != hash64(bytes_.substr(at, 56)))
    return corrupt(at + 56, "the footer's checksum does not agree with it");
  n_tokens_ = load<uint64_t>(bytes_, at);
  n_documents_ = load<uint64_t>(bytes_, at + 8);
  documents_at_ = load<uint64_t>(bytes_, at + 16);
  const uint64_t names_at = load<uint64_t>(bytes_, at + 24);
  if (load<uint64_t>(bytes_, at + 32) != size)
    return corrupt(at + 32, fmt::format("the footer is of a file of {} bytes, this one has {}",
                                        load<uint64_t>(bytes_, at + 32), size));
  // Counts are compared by division: a hostile one must not wrap around.
  const uint64_t body = at - kHeaderBytes;
  if (n_tokens_ > body / static_cast<uint64_t>(id_bytes_))
    return corrupt(at, fmt::format("{} tokens do not fit into the file", n_tokens_));
  const uint64_t ids_end = kHeaderBytes + n_tokens_ * static_cast<uint64_t>(id_bytes_);
  if (documents_at_ != (ids_end + 7) / 8 * 8 || documents_at_ > at)
    return corrupt(at + 16, "the document table does not follow the ids");
  if (n_documents_ > (at - documents_at_) / kRecordBytes)
    return corrupt(at + 8, fmt::format("{} documents do not fit into the file", n_documents_));
  if (names_at != documents_at_ + n_documents_ * kRecordBytes)
    return corrupt(at + 24, "the names do not follow the document table");
  uint64_t next = 0;
  langs_ = LEAM_TRY(names(names_at, at, &next));
  sources_ = LEAM_TRY(names(next, at, &next));
  if ((next + 7) / 8 * 8 != at) return corrupt(next, "bytes between the names and the footer");
  return {};
}

Result<std::vector<std::string_view>> Shard::names(uint64_t at, uint64_t end, uint64_t* next) const {
  if (end - at < 4) return corrupt(at, "a list of names is cut short");
  const uint32_t count = load<uint32_t>(bytes_, at);
  at += 4;
  if (count > (end - at) / 4) return corrupt(at - 4, fmt::format("{} names do not fit into the file", count));
  std::vector<std::string_view> list;
  list.reserve(count);
  for (uint32_t i = 0; i < count; ++i) {
    if (end - at < 4) return corrupt(at, "a name is cut short");
    const uint32_t size = load<uint32_t>(bytes_, at);
    at += 4;
    if (size > end - at) return corrupt(at - 4, fmt::format("a name of {} bytes is cut short", size));
    list.push_back(bytes_.substr(at, size));
    at += size;
  }
  *next = at;
  return list;
}

Result<void> Shard::check_documents() const {
  uint64_t before = 0;
  for (uint64_t i = 0; i < n_documents_; ++i) {
    const uint64_t at = documents_at_ + i * kRecordBytes;
    const uint64_t end = load<uint64_t>(bytes_, at + 16);
    if (end < before || end > n_tokens_)
      return corrupt(at + 16, fmt::format("document {} ends at token {}", i, end));
    if (load<uint32_t>(bytes_, at + 40) >= langs_.size())
      return corrupt(at + 40, fmt::format("document {} has an unknown language", i));
    if (load<uint32_t>(bytes_, at + 44) >= sources_.size())
      return corrupt(at + 44, fmt::format("document {} has an unknown source", i));
    before = end;
  }
  if (before != n_tokens_) return corrupt(documents_at_, "the last ids belong to no document");
  return {};
}

ShardDocument Shard::document(uint64_t index) const {
  bug_if(index >= n_documents_, "document index outside the shard");
  const uint64_t at = documents_at_ + index * kRecordBytes;
  ShardDocument d;
  d.id = {load<uint64_t>(bytes_, at), load<uint64_t>(bytes_, at + 8)};
  d.begin = index == 0 ? 0 : load<uint64_t>(bytes_, at - kRecordBytes + 16);
  d.end = load<uint64_t>(bytes_, at + 16);
  d.text_bytes = load<uint64_t>(bytes_, at + 24);
  d.text_chars = load<uint64_t>(bytes_, at + 32);
  d.lang = langs_[load<uint32_t>(bytes_, at + 40)];
  d.source = sources_[load<uint32_t>(bytes_, at + 44)];
  return d;
}

uint64_t Shard::document_at(uint64_t position) const {
  bug_if(position >= n_tokens_, "token position outside the shard");
  uint64_t low = 0, high = n_documents_;  // the first document whose end is after the position
  while (low < high) {
    const uint64_t mid = low + (high - low) / 2;
    if (load<uint64_t>(bytes_, documents_at_ + mid * kRecordBytes + 16) > position) {
      high = mid;
    } else {
      low = mid + 1;
    }
  }
  return low;
}

uint32_t Shard::id(uint64_t position) const {
  bug_if(position >= n_tokens_, "token position outside the shard");
  const uint64_t at = kHeaderBytes + position * static_cast<uint64_t>(id_bytes_);
  return id_bytes_ == 2 ? load<uint16_t>(bytes_, at) : load<uint32_t>(bytes_, at);
}

Result<void> Shard::read(uint64_t begin, std::span<uint32_t> out) const {
  if (begin > n_tokens_ || out.size() > n_tokens_ - begin) {
    return Error(ErrorCode::kInvalid, "artifact.shards",
                 fmt::format("{}: tokens {} to {} of {}", path_, begin, begin + out.size(), n_tokens_));
  }
  const char* p = bytes_.data() + kHeaderBytes + begin * static_cast<uint64_t>(id_bytes_);
  uint32_t highest = 0;
  if (id_bytes_ == 2) {
    for (size_t i = 0; i < out.size(); ++i) {
      uint16_t v;
      std::memcpy(&v, p + 2 * i, 2);
      out[i] = little(v);
      highest = std::max(highest, out[i]);
    }
  } else {
    for (size_t i = 0; i < out.size(); ++i) {
      uint32_t v;
      std::memcpy(&v, p + 4 * i, 4);
      out[i] = little(v);
      highest = std::max(highest, out[i]);
    }
  }
  if (!out.empty() && highest >= vocabulary_.size) {
    const auto bad =
        std::find_if(out.begin(), out.end(), [this](uint32_t v) { return v >= vocabulary_.size; });
    const uint64_t token = begin + static_cast<uint64_t>(bad - out.begin());
    return corrupt(kHeaderBytes + token * static_cast<uint64_t>(id_bytes_),
                   fmt::format("id {} is outside the vocabulary of {}", *bad, vocabulary_.size));
  }
  return {};
}

Result<void> Shard::verify() const {
  const uint64_t at = bytes_.size() - kFooterBytes;
  const Hash128 stored{load<uint64_t>(bytes_, at + 40), load<uint64_t>(bytes_, at + 48)};
  if (hash128(bytes_.substr(0, at)) != stored)
    return corrupt(at + 40, "the checksum over the file does not agree with its bytes");
  std::vector<uint32_t> piece(1 << 16);
  for (uint64_t begin = 0; begin < n_tokens_; begin += piece.size()) {
    const size_t n = static_cast<size_t>(std::min<uint64_t>(piece.size(), n_tokens_ - begin));
    LEAM_TRY(read(begin, std::span(piece).first(n)));
  }
  return {};
}

Result<ShardSet> ShardSet::open(const Env& env, const std::string& folder, std::string_view split) {
  ShardSet set;
  set.first_token_.push_back(0);
  set.first_document_.push_back(0);
  for (const DirEntry& e : LEAM_TRY(env.list(folder, false))) {
    if (e.is_dir || !e.path.starts_with(fmt::format("{}-", split)) || !e.path.ends_with(kShardSuffix))
      continue;
    set.shards_.push_back(LEAM_TRY(Shard::open(env, path_join(folder, e.path))));
    const Shard& last = set.shards_.back();
    if (last.vocabulary() != set.vocabulary()) {
      return Error(
          ErrorCode::kInvalid, "artifact.shards",
          fmt::format("{} and {} are of different tokenizers", set.shards_.front().path(), last.path()),
          kHint);
    }
    set.first_token_.push_back(set.first_token_.back() + last.tokens());
    set.first_document_.push_back(set.first_document_.back() + last.documents());
  }
  if (set.shards_.empty()) {
    return Error(ErrorCode::kNotFound, "artifact.shards",
                 fmt::format("no {}-*{} in {}", split, kShardSuffix, folder), "run `leam tokens` first");
  }
  return set;
}

namespace {
// The part that holds `index` when part i begins at first[i].
size_t part_of(const std::vector<uint64_t>& first, uint64_t index) {
  return static_cast<size_t>(std::upper_bound(first.begin(), first.end(), index) - first.begin()) - 1;
}
}  // namespace

std::pair<size_t, uint64_t> ShardSet::locate(uint64_t position) const {
  bug_if(position >= tokens(), "token position outside the shards");
  const size_t i = part_of(first_token_, position);
  return {i, position - first_token_[i]};
}

ShardDocument ShardSet::document(uint64_t index) const {
  bug_if(index >= documents(), "document index outside the shards");
  const size_t i = part_of(first_document_, index);
  ShardDocument d = shards_[i].document(index - first_document_[i]);
  d.begin += first_token_[i];
  d.end += first_token_[i];
  return d;
}

uint64_t ShardSet::document_at(uint64_t position) const {
  const auto [i, inside] = locate(position);
  return first_document_[i] + shards_[i].document_at(inside);
}

Result<void> ShardSet::read(uint64_t begin, std::span<uint32_t> out) const {
  if (begin > tokens() || out.size() > tokens() - begin) {
    return Error(ErrorCode::kInvalid, "artifact.shards",
                 fmt::format("tokens {} to {} of {}", begin, begin + out.size(), tokens()));
  }
  while (!out.empty()) {
    const auto [i, inside] = locate(begin);
    const size_t n = static_cast<size_t>(std::min<uint64_t>(out.size(), shards_[i].tokens() - inside));
    LEAM_TRY(shards_[i].read(inside, out.first(n)));
    begin += n;
    out = out.subspan(n);
  }
  return {};
}

}  // namespace leam::artifact
