// Fuzz target: any bytes as a web archive, packed or not, and its HTTP responses.
#include "pipeline/crawl/read/http.h"
#include "pipeline/crawl/read/lines.h"
#include "pipeline/crawl/read/warc.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace leam::crawl;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  WarcReader reader(ByteSource::over(bytes), {1u << 20});
  WarcRecord record;
  while (reader.next(record)) parse_http(record.block, 1u << 20);
  parse_http(bytes, 1u << 20);
  LineReader lines(ByteSource::over(bytes), 1u << 16);
  std::string_view line;
  while (lines.next(line)) {
  }
  return 0;
}
