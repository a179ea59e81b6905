#include "base/text/tokenizer/bpe.h"

#include <algorithm>
#include <bit>

#include "base/core/result.h"

namespace leam::text::detail {
namespace {

// Up to here looking at all pairs for the lowest rank is faster than keeping a heap.
constexpr size_t kScanLimit = 96;
static_assert(kScanLimit < 256);

using Symbol = BpeScratch::Symbol;

void first_symbols(const BpeModel& model, std::string_view word, std::vector<Symbol>& symbols) {
  symbols.clear();
  bool unk_before = false;
  for (const char c : word) {
    uint32_t id = model.byte_ids[static_cast<uint8_t>(c)];
    const bool unk = id == kNone;
    if (unk) {
      if (model.unk == kNone) {
        // Left out as it is by the original; its bytes count for the token before.
        if (!symbols.empty()) ++symbols.back().bytes;
        continue;
      }
      if (unk_before && model.fuse_unk) {
        ++symbols.back().bytes;
        continue;
      }
      id = model.unk;
    }
    unk_before = unk;
    symbols.push_back({id, 1});
  }
}

// Places stay where they are; `next` leads over those that went into another. A place's key is the rank of
// its pair with the place number behind, so that the smallest key is the leftmost pair of the lowest rank.
void merge_by_scan(const BpeModel& model, std::vector<Symbol>& symbols) {
  const unsigned n = static_cast<unsigned>(symbols.size());
  Symbol* s = symbols.data();
  uint32_t key[kScanLimit + 1], merged[kScanLimit + 1];
  uint8_t next[kScanLimit + 1], before[kScanLimit + 2];
  const auto rate = [&](unsigned i) {
    key[i] = kNone;
    if (next[i] == n) return;
    const MergeTable::Merge& m = model.merges.find(s[i].id, s[next[i]].id);
    if (m.rank == kNone) return;
    key[i] = m.rank << 8 | i;
    merged[i] = m.id;
  };
  for (unsigned i = 0; i < n; ++i) {
    next[i] = static_cast<uint8_t>(i + 1);
    before[i + 1] = static_cast<uint8_t>(i);
  }
  for (unsigned i = 0; i < n; ++i) rate(i);
  while (true) {
    uint32_t least = kNone;
    for (unsigned i = 0; i < n; ++i) least = std::min(least, key[i]);
    if (least == kNone) break;
    const unsigned i = least & 255, j = next[i];
    s[i].id = merged[i];
    s[i].bytes += s[j].bytes;
    next[i] = next[j];
    before[next[j]] = static_cast<uint8_t>(i);
    key[j] = kNone;
    rate(i);
    if (i > 0) rate(before[i]);
  }
  size_t to = 0;
  for (unsigned i = 0; i < n; i = next[i]) s[to++] = s[i];
  symbols.resize(to);
}

void merge_by_heap(const BpeModel& model, BpeScratch& scratch) {
  const uint32_t n = static_cast<uint32_t>(scratch.symbols.size());
  std::vector<BpeScratch::Node>& nodes = scratch.nodes;
  std::vector<BpeScratch::Candidate>& heap = scratch.heap;
  nodes.resize(n);
  heap.clear();
  for (uint32_t i = 0; i < n; ++i) {
    const Symbol& s = scratch.symbols[i];
    nodes[i] = {s.id, s.bytes, i + 1 < n ? i + 1 : kNone, i > 0 ? i - 1 : kNone};
  }
  using Candidate = BpeScratch::Candidate;
  const auto later = [](const Candidate& a, const Candidate& b) {
    return a.rank != b.rank ? a.rank > b.rank : a.at > b.at;
  };
  const auto candidate = [&](uint32_t at) {
    if (at == kNone || nodes[at].next == kNone) return Candidate{kNone, at, kNone};
    const MergeTable::Merge& m = model.merges.find(nodes[at].id, nodes[nodes[at].next].id);
    return Candidate{m.rank, at, m.id};
  };
  for (uint32_t i = 0; i + 1 < n; ++i) {
    if (const Candidate c = candidate(i); c.rank != kNone) heap.push_back(c);
  }
  std::make_heap(heap.begin(), heap.end(), later);
  const auto push = [&](uint32_t at) {
    if (const Candidate c = candidate(at); c.rank != kNone) {
      heap.push_back(c);
      std::push_heap(heap.begin(), heap.end(), later);
    }
  };
  while (!heap.empty()) {
    std::pop_heap(heap.begin(), heap.end(), later);
    const Candidate top = heap.back();
    heap.pop_back();
    BpeScratch::Node& left = nodes[top.at];
    // A node that went into another has no bytes; a pair that changed has another rank.
    if (left.bytes == 0 || candidate(top.at).rank != top.rank) continue;
    BpeScratch::Node& right = nodes[left.next];
    left.id = top.merged;
    left.bytes += right.bytes;
    left.next = right.next;
    right.bytes = 0;
    if (left.next != kNone) nodes[left.next].prev = top.at;
    push(top.at);
    push(left.prev);
  }
  scratch.symbols.clear();
  for (uint32_t i = 0; i != kNone; i = nodes[i].next)
    scratch.symbols.push_back({nodes[i].id, nodes[i].bytes});
}

}  // namespace

MergeTable::MergeTable(size_t n) {
  // At most half full, so that a search ends soon.
  const size_t slots = std::bit_ceil(std::max<size_t>(2 * n, 2));
  table_.resize(slots);
  mask_ = slots - 1;
  shift_ = 64 - std::countr_zero(slots);
}

void MergeTable::set(uint32_t left, uint32_t right, uint32_t rank, uint32_t id) {
  const uint64_t pair = static_cast<uint64_t>(left) << 32 | right;
  size_t i = slot(pair);
  while (table_[i].pair != kFree && table_[i].pair != pair) i = (i + 1) & mask_;
  if (table_[i].pair == kFree) {
    bug_if(2 * (size_ + 1) > table_.size(), "more merges than the table was made for");
    ++size_;
  }
  table_[i] = {pair, rank, id};
}

void encode_word(const BpeModel& model, std::string_view word, BpeScratch& scratch,
                 std::vector<uint32_t>& ids, std::vector<uint32_t>* bytes) {
  first_symbols(model, word, scratch.symbols);
  // A rank must leave room for the place in a key of 32 bits.
  if (scratch.symbols.size() > kScanLimit || model.merges.size() >= (1u << 24) - 1) {
    merge_by_heap(model, scratch);
  } else if (scratch.symbols.size() > 1) {
    merge_by_scan(model, scratch.symbols);
  }
  for (const Symbol& s : scratch.symbols) {
    ids.push_back(s.id);
    if (bytes != nullptr) bytes->push_back(s.bytes);
  }
}

}  // namespace leam::text::detail
