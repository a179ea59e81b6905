#include <dlfcn.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <dnnl.hpp>
#include <map>
#include <mutex>
#include <unordered_map>
#include <vector>

#include "base/core/rng.h"
#include "engine/tensor/cpu/products.h"

namespace leam::tensor::cpu {
namespace {

using Desc = dnnl::memory::desc;
using Tag = dnnl::memory::format_tag;

dnnl::memory::data_type type_of(DType type) {
  return type == DType::kBF16 ? dnnl::memory::data_type::bf16 : dnnl::memory::data_type::f32;
}

// oneDNN starts its own threads inside of a primitive when it was built with OpenMP. Our tasks are the
// threads: on each of them the OpenMP that oneDNN brought along, if any, is told to stay alone. Looked
// up by name, because which OpenMP that is (or whether it is one) is the library's affair.
void set_library_threads(int threads) {
  using SetThreads = void (*)(int);
  if (void* f = ::dlsym(RTLD_DEFAULT, "omp_set_num_threads")) reinterpret_cast<SetThreads>(f)(threads);
}

void stay_on_this_thread() {
  thread_local bool done = false;
  if (done) return;
  set_library_threads(1);
  done = true;
}

dnnl::primitive_attr attributes(bool accumulate) {
  dnnl::primitive_attr a;
  a.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  if (accumulate) {
    dnnl::post_ops ops;
    ops.append_sum(1.0f);
    a.set_post_ops(ops);
  }
  return a;
}

dnnl::matmul::primitive_desc make_desc(const dnnl::engine& engine, const Desc& a, const Desc& b,
                                       const Desc& c, bool accumulate) {
  const dnnl::primitive_attr attr = attributes(accumulate);
#if DNNL_VERSION_MAJOR >= 3
  return {engine, a, b, c, attr};
#else
  return {dnnl::matmul::desc(a, b, c), attr, engine};
#endif
}

Desc rows_desc(int64_t rows, int64_t cols, DType type) {
  return {{rows, cols}, type_of(type), Tag::ab};
}

struct RightKey {
  int64_t k, n;
  DType in;
  auto operator<=>(const RightKey&) const = default;
};

struct Right {
  Desc desc;
  PackLayout layout = PackLayout::kForeign;
};

}  // namespace

class Product {
 public:
  Product(const dnnl::engine& engine, const ProductShape& shape, const Desc& right)
      : pd(make_desc(engine, rows_desc(shape.m, shape.k, shape.in), right,
                     rows_desc(shape.m, shape.n, shape.out), shape.accumulate)),
        primitive(pd) {}
  dnnl::matmul::primitive_desc pd;
  dnnl::matmul primitive;
};

struct Products::State {
  dnnl::engine engine{dnnl::engine::kind::cpu, 0};
  bool bf16 = false;
  mutable std::mutex mutex;
  mutable std::map<RightKey, Right> rights;
  mutable std::map<ProductShape, std::unique_ptr<Product>> products;
  mutable std::map<ProductShape, std::vector<int64_t>> heights;
  mutable std::map<ProductShape, bool> wide;

  // The layout that the full tile prefers is the one for every height.
  const Right& right(int64_t k, int64_t n, DType in) const {
    const std::lock_guard lock(mutex);
    const RightKey key{k, n, in};
    if (const auto it = rights.find(key); it != rights.end()) return it->second;
    stay_on_this_thread();
    const Desc any({k, n}, type_of(in), Tag::any);
    const dnnl::matmul::primitive_desc pd =
        make_desc(engine, rows_desc(kTile, k, in), any, rows_desc(kTile, n, DType::kF32), false);
    Right right;
    right.desc = pd.weights_desc();
    if (right.desc == rows_desc(k, n, in)) {
      right.layout = PackLayout::kRows;
    } else if (in == DType::kF32 && right.desc == Desc({k, n}, type_of(in), Tag::BA16a64b)) {
      right.layout = PackLayout::kBlocks;
    } else if (in == DType::kBF16 && right.desc == Desc({k, n}, type_of(in), Tag::BA16a64b2a)) {
      right.layout = PackLayout::kPairs;
    }
    return rights.emplace(key, std::move(right)).first->second;
  }
};

Products::Products() : state_(std::make_unique<State>()) {
  stay_on_this_thread();
  try {
    const std::string name = implementation(DType::kBF16);
    state_->bf16 = name.find("bf16") != std::string::npos || name.find("amx") != std::string::npos ||
                   name.find("avx10") != std::string::npos;
  } catch (const dnnl::error&) {
    state_->bf16 = false;  // no bf16 product below AVX-512
  }
}

Products::~Products() = default;

bool Products::has_bf16() const {
  return state_->bf16;
}

std::string Products::library() const {
  const dnnl_version_t* v = dnnl_version();
  return "oneDNN " + std::to_string(v->major) + "." + std::to_string(v->minor) + "." +
         std::to_string(v->patch);
}

std::string Products::implementation(DType in) const {
  const Desc any({512, 512}, type_of(in), Tag::any);
  return make_desc(state_->engine, rows_desc(kTile, 512, in), any, rows_desc(kTile, 512, DType::kF32), false)
      .impl_info_str();
}

PackLayout Products::layout(int64_t k, int64_t n, DType in) const {
  return state_->right(k, n, in).layout;
}

size_t Products::packed_bytes(int64_t k, int64_t n, DType in) const {
  return state_->right(k, n, in).desc.get_size();
}

void Products::reorder(const void* b, int64_t ld, bool transposed, int64_t k, int64_t n, DType in,
                       void* packed) const {
  stay_on_this_thread();
  const Right& right = state_->right(k, n, in);
  const Desc from = transposed ? Desc({k, n}, type_of(in), dnnl::memory::dims{1, ld})
                               : Desc({k, n}, type_of(in), dnnl::memory::dims{ld, 1});
  dnnl::memory source(from, state_->engine, const_cast<void*>(b));
  dnnl::memory target(right.desc, state_->engine, packed);
  dnnl::stream stream(state_->engine);
  dnnl::reorder(source, target).execute(stream, source, target);
  stream.wait();
}

const Product& Products::get(const ProductShape& shape) const {
  const Right& right = state_->right(shape.k, shape.n, shape.in);
  const std::lock_guard lock(state_->mutex);
  std::unique_ptr<Product>& slot = state_->products[shape];
  if (slot == nullptr) {
    stay_on_this_thread();
    slot = std::make_unique<Product>(state_->engine, shape, right.desc);
  }
  return *slot;
}

struct ProductCall::State {
  dnnl::stream stream;
  const Product* product = nullptr;
  std::shared_ptr<std::byte[]> scratch;
  dnnl::memory a, b, c, pad;
  std::array<dnnl_exec_arg_t, 4> args{};
};

ProductCall::ProductCall(const Products& products, Memory& memory, const ProductShape& shape)
    : state_(std::make_unique<State>()) {
  stay_on_this_thread();
  const dnnl::engine& engine = products.state_->engine;
  State& s = *state_;
  s.stream = dnnl::stream(engine);
  s.product = &products.get(shape);
  const auto& pd = s.product->pd;
  const Desc pad = pd.scratchpad_desc();
  s.scratch = memory.allocate(pad.get_size());
  s.a = dnnl::memory(pd.src_desc(), engine, nullptr);
  s.b = dnnl::memory(pd.weights_desc(), engine, nullptr);
  s.c = dnnl::memory(pd.dst_desc(), engine, nullptr);
  s.pad = dnnl::memory(pad, engine, s.scratch.get());
  s.args = {{{DNNL_ARG_SRC, s.a.get()},
             {DNNL_ARG_WEIGHTS, s.b.get()},
             {DNNL_ARG_DST, s.c.get()},
             {DNNL_ARG_SCRATCHPAD, s.pad.get()}}};
}

ProductCall::~ProductCall() = default;
ProductCall::ProductCall(ProductCall&&) noexcept = default;
ProductCall& ProductCall::operator=(ProductCall&&) noexcept = default;

// Through the C interface: the C++ one allocates on every call, and attention makes many small ones.
void ProductCall::operator()(const void* a, const void* packed_b, void* c) {
  State& s = *state_;
  const bool failed = dnnl_memory_set_data_handle(s.a.get(), const_cast<void*>(a)) != dnnl_success ||
                      dnnl_memory_set_data_handle(s.b.get(), const_cast<void*>(packed_b)) != dnnl_success ||
                      dnnl_memory_set_data_handle(s.c.get(), c) != dnnl_success ||
                      dnnl_primitive_execute(s.product->primitive.get(), s.stream.get(),
                                             static_cast<int>(s.args.size()), s.args.data()) != dnnl_success;
  bug_if(failed, "oneDNN refused a product that it had made");
}

namespace {

// Numbers of all sizes and signs: a sum in another order shows in some of the many results.
std::shared_ptr<std::byte[]> random_numbers(Memory& memory, size_t bytes, DType type, uint64_t salt) {
  auto block = memory.allocate(bytes);
  // Four numbers a Philox block: many are drawn before the first step.
  const size_t count = bytes / size_of(type);
  for (size_t i = 0; i < count; i += 4) {
    const auto words = philox({static_cast<uint32_t>(i / 4), 0, static_cast<uint32_t>(salt), 0},
                              {1, purpose("product check")});
    for (size_t k = 0; k < std::min<size_t>(4, count - i); ++k) {
      const float size = static_cast<float>(1 << (words[k] & 7)) * 0x1p-34f;
      const float x = size * static_cast<float>(static_cast<int32_t>(words[k]));
      if (type == DType::kF32) {
        std::memcpy(block.get() + 4 * (i + k), &x, 4);
      } else {
        const BF16 b = to_bf16(x);
        std::memcpy(block.get() + 2 * (i + k), &b, 2);
      }
    }
  }
  return block;
}

}  // namespace

int64_t Products::height(ProductShape shape, int64_t rows) const {
  bug_if(rows < 1 || rows > kTile, "a product tile of " + std::to_string(rows) + " rows");
  if (rows == kTile) return kTile;
  shape.m = kTile;
  const auto smallest = [rows](const std::vector<int64_t>& good) {
    for (const int64_t h : good)
      if (h >= rows) return h;
    return kTile;
  };
  {
    const std::lock_guard lock(state_->mutex);
    if (const auto it = state_->heights.find(shape); it != state_->heights.end()) return smallest(it->second);
  }
  Memory memory;
  const auto a =
      random_numbers(memory, static_cast<size_t>(kTile * shape.k) * size_of(shape.in), shape.in, 0);
  const auto b = random_numbers(memory, packed_bytes(shape.k, shape.n, shape.in), shape.in, 1);
  const size_t row_bytes = static_cast<size_t>(shape.n) * size_of(shape.out);
  const auto full = random_numbers(memory, static_cast<size_t>(kTile) * row_bytes, shape.out, 2);
  const auto start = memory.allocate(static_cast<size_t>(kTile) * row_bytes);
  std::memcpy(start.get(), full.get(), static_cast<size_t>(kTile) * row_bytes);
  ProductCall(*this, memory, shape)(a.get(), b.get(), full.get());

  std::vector<int64_t> good;
  for (const int64_t h : {1, 4, 16, 32}) {
    ProductShape small = shape;
    small.m = h;
    ProductCall call(*this, memory, small);
    const auto c = memory.allocate(static_cast<size_t>(h) * row_bytes);
    bool same = true;
    for (int64_t row = 0; row + h <= kTile && same; ++row) {
      const size_t offset = static_cast<size_t>(row) * row_bytes, size = static_cast<size_t>(h) * row_bytes;
      std::memcpy(c.get(), start.get() + offset, size);
      call(a.get() + static_cast<size_t>(row * shape.k) * size_of(shape.in), b.get(), c.get());
      same = std::memcmp(c.get(), full.get() + offset, size) == 0;
    }
    if (same) good.push_back(h);
  }
  const std::lock_guard lock(state_->mutex);
  state_->heights[shape] = good;
  return smallest(good);
}

bool Products::wide_as_panels(const ProductShape& shape, int64_t panel) const {
  {
    const std::lock_guard lock(state_->mutex);
    if (const auto it = state_->wide.find(shape); it != state_->wide.end()) return it->second;
  }
  Memory memory;
  const auto a =
      random_numbers(memory, static_cast<size_t>(kTile * shape.k) * size_of(shape.in), shape.in, 0);
  const auto b = random_numbers(memory, packed_bytes(shape.k, shape.n, shape.in), shape.in, 1);
  const auto wide = memory.allocate(static_cast<size_t>(kTile * shape.n) * size_of(shape.out));
  ProductCall(*this, memory, shape)(a.get(), b.get(), wide.get());
  bool same = true;
  for (int64_t n = 0; n < shape.n && same; n += panel) {
    ProductShape part = shape;
    part.n = std::min(panel, shape.n - n);
    const auto c = memory.allocate(static_cast<size_t>(kTile * part.n) * size_of(shape.out));
    const size_t offset =
        n == 0 ? 0 : packed_bytes(shape.k, panel, shape.in) * static_cast<size_t>(n / panel);
    ProductCall(*this, memory, part)(a.get(), b.get() + offset, c.get());
    for (int64_t row = 0; row < kTile && same; ++row) {
      const auto bytes = [&](int64_t elements) { return static_cast<size_t>(elements) * size_of(shape.out); };
      same = std::memcmp(c.get() + bytes(row * part.n), wide.get() + bytes(row * shape.n + n),
                         bytes(part.n)) == 0;
    }
  }
  const std::lock_guard lock(state_->mutex);
  state_->wide[shape] = same;
  return same;
}

double plain_product_seconds(const ProductShape& shape, bool a_transposed, bool b_transposed, int threads,
                             double for_seconds) {
  const auto desc = [](int64_t rows, int64_t cols, DType type, bool transposed) {
    return Desc({rows, cols}, type_of(type), transposed ? Tag::ba : Tag::ab);
  };
  set_library_threads(threads);
  const dnnl::engine engine(dnnl::engine::kind::cpu, 0);
  const Desc a = desc(shape.m, shape.k, shape.in, a_transposed),
             b = desc(shape.k, shape.n, shape.in, b_transposed), c = desc(shape.m, shape.n, shape.out, false);
  const dnnl::matmul::primitive_desc pd = make_desc(engine, a, b, c, shape.accumulate);
  const dnnl::matmul product(pd);
  Memory memory;
  std::unordered_map<int, dnnl::memory> args;
  std::vector<std::shared_ptr<std::byte[]>> held;
  for (const auto& [arg, d] : {std::pair{DNNL_ARG_SRC, a},
                               {DNNL_ARG_WEIGHTS, b},
                               {DNNL_ARG_DST, c},
                               {DNNL_ARG_SCRATCHPAD, Desc(pd.scratchpad_desc())}}) {
    held.push_back(memory.allocate(d.get_size()));
    std::memset(held.back().get(), 0, d.get_size());
    args.emplace(arg, dnnl::memory(d, engine, held.back().get()));
  }
  dnnl::stream stream(engine);
  const auto now = [] { return std::chrono::steady_clock::now(); };
  const auto since = [&](auto start) { return std::chrono::duration<double>(now() - start).count(); };
  double best = 1e30;
  for (const auto start = now(); since(start) < for_seconds || best > 1e29;) {
    const auto one = now();
    product.execute(stream, args);
    stream.wait();
    best = std::min(best, since(one));
  }
  set_library_threads(1);
  return best;
}

}  // namespace leam::tensor::cpu
