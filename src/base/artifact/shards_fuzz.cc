// A hostile token shard: any bytes give documents inside the shard and ids inside the vocabulary, or an
// error; never a crash.
#include <unistd.h>

#include <cstdlib>

#include "base/artifact/shards.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const std::string path = "/tmp/leam-shards-fuzz-" + std::to_string(::getpid());
  const auto env = leam::Env::real();
  auto out = env->create(path);
  if (!out.ok() || !(*out)->write({reinterpret_cast<const char*>(data), size}).ok() || !(*out)->close().ok())
    return 0;
  const auto shard = leam::artifact::Shard::open(*env, path);
  if (!shard.ok()) return 0;
  std::vector<uint32_t> ids(shard->tokens());
  if (shard->read(0, ids).ok()) {
    for (const uint32_t id : ids) {
      if (id >= shard->vocabulary().size) std::abort();
    }
  }
  for (uint64_t i = 0; i < shard->documents(); ++i) {
    const auto d = shard->document(i);
    if (d.begin > d.end || d.end > shard->tokens()) std::abort();
    if (d.begin < d.end && shard->document_at(d.begin) != i) std::abort();
  }
  return 0;
}
