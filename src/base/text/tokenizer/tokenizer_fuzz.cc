// A hostile tokenizer.json: any bytes give a tokenizer whose ids lie in its vocabulary and whose text is
// UTF-8, or an error; never a crash.
#include <cstdlib>

#include "base/text/tokenizer.h"
#include "base/text/utf8.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view file(reinterpret_cast<const char*>(data), size);
  const auto t = leam::text::Tokenizer::parse(file, "fuzz");
  if (!t.ok()) return 0;
  // The file's own bytes are as good a text as any.
  for (const std::string_view text : {std::string_view("the  don't <x> 123\n\xff"), file.substr(0, 200)}) {
    const auto e = t->encode_spans(text);
    for (size_t i = 0; i < e.ids.size(); ++i) {
      if (e.ids[i] >= t->vocab_size() || e.spans[i].begin > e.spans[i].end || e.spans[i].end > text.size())
        std::abort();
    }
    if (t->encode(text) != e.ids || !leam::text::is_utf8(t->decode(e.ids, false))) std::abort();
  }
  return 0;
}
