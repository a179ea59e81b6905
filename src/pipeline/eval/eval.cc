#include "pipeline/eval/eval.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>

#include "base/core/hash.h"
#include "base/core/machine.h"
#include "base/core/version.h"
#include "base/text/tokenizer.h"
#include "base/text/unicode.h"
#include "base/text/utf8.h"
#include "engine/infer/generate.h"
#include "engine/nn/decoder.h"
#include "engine/tensor/cpu/products.h"
#include "engine/tensor/dispatch.h"
#include "pipeline/eval/report.h"
#include "pipeline/eval/score.h"
#include "pipeline/eval/selection.h"
#include "pipeline/eval/zstd_baseline.h"

namespace leam::eval {
namespace {

constexpr std::string_view kWhere = "eval";
constexpr uint64_t kAllDictionaryText = 512u << 20;  // of all languages together

// A finished language's file in the work folder; codes come from a file, so they are not used as names.
std::string part_path(const artifact::StageWork& work, std::string_view what, const std::string& lang) {
  return path_join(work.work_folder(), fmt::format("{}-{}.json", what, hash128(lang).hex()));
}

class Run {
 public:
  Run(const Config& c, Context& ctx, artifact::StageWork& work, tensor::KernelChoice kernels)
      : c_(c),
        ctx_(ctx),
        work_(work),
        dispatch_(kernels),
        exec_{ctx.pool, memory_, dispatch_},
        meter_(ctx.env, c.energy),
        started_(ctx.env.monotonic_ns()) {}
  Result<void> go();

 private:
  Result<void> load();
  Result<void> compress();
  Result<void> score_all();
  Result<Continuation> continuation(const artifact::Document& d);
  Result<void> finish();
  Result<void> check() const { return ctx_.stop.check(kWhere, "finished languages are kept"); }

  const Config& c_;
  Context& ctx_;
  artifact::StageWork& work_;
  tensor::Memory memory_;
  tensor::Dispatch dispatch_;
  tensor::Exec exec_;
  EnergyMeter meter_;
  int64_t started_;
  std::unique_ptr<nn::Decoder> decoder_;
  std::unique_ptr<text::Tokenizer> tokenizer_;
  int32_t end_of_text_ = 0;
  std::vector<Sample> samples_;
  Evaluation result_;
};

Result<void> Run::load() {
  const bool bf16 = c_.dtype == "bf16" || (c_.dtype == "auto" && dispatch_.products().has_bf16());
  decoder_ = LEAM_TRY(
      nn::Decoder::load(ctx_.env, exec_, c_.model, bf16 ? tensor::DType::kBF16 : tensor::DType::kF32));
  tokenizer_ = std::make_unique<text::Tokenizer>(LEAM_TRY(text::Tokenizer::load(ctx_.env, c_.model)));
  const nn::DecoderConfig& m = decoder_->config();
  if (static_cast<int64_t>(tokenizer_->vocab_size()) > m.vocab) {
    return Error(ErrorCode::kInvalid, kWhere,
                 fmt::format("{}: the tokenizer has {} ids and the model {}", c_.model,
                             tokenizer_->vocab_size(), m.vocab),
                 "they do not belong together");
  }
  if (m.eos_ids.empty()) {
    return Error(ErrorCode::kInvalid, kWhere,
                 fmt::format("{}/config.json: eos_token_id is missing", c_.model),
                 "evaluation needs the token that ends a document");
  }
  end_of_text_ = static_cast<int32_t>(m.eos_ids[0]);
  samples_ = LEAM_TRY(select_heldout(ctx_.env, c_.corpus, c_.max_bytes, ctx_.stop));
  if (samples_.empty()) {
    return Error(ErrorCode::kInvalid, kWhere, fmt::format("{}: no held-out document with text", c_.corpus),
                 "give [corpus] more documents or a larger held-out share");
  }
  result_.parameters = m.parameter_count();
  result_.context = m.max_context;
  result_.vocabulary = m.vocab;
  result_.dtype = tensor::to_string(decoder_->compute());
  result_.stride =
      c_.stride > 0 ? std::min(c_.stride, m.max_context) : std::max<int64_t>(1, m.max_context / 2);
  result_.max_bytes = c_.max_bytes;
  result_.temperature = c_.temperature;
  result_.top_p = c_.top_p;
  result_.seed = c_.seed;
  return {};
}

// zstd, a language a task.
Result<void> Run::compress() {
  std::vector<const Sample*> todo;
  std::vector<std::string> langs;
  for (const Sample& s : samples_) {
    if (ctx_.env.exists(part_path(work_, "zstd", s.lang))) continue;
    todo.push_back(&s);
    langs.push_back(s.lang);
  }
  if (todo.empty()) return {};
  const uint64_t each = std::min<uint64_t>(c_.dictionary_text, kAllDictionaryText / samples_.size());
  ctx_.reporter.progress({.what = "reading the corpus for zstd", .unit = "bytes", .extra = {}});
  const auto texts = LEAM_TRY(training_texts(ctx_.env, c_.corpus, langs, each, ctx_.stop));
  std::vector<LanguageResult> done(todo.size());
  // As many at a time as there are threads, so that progress is told and a stop is heard in between.
  const auto at_once = static_cast<size_t>(ctx_.pool.threads());
  for (size_t first = 0; first < todo.size(); first += at_once) {
    LEAM_TRY(check());
    ctx_.reporter.progress({.what = "compressing with zstd -19",
                            .done = static_cast<double>(first),
                            .total = static_cast<double>(todo.size()),
                            .unit = "languages",
                            .extra = {}});
    const size_t n = std::min(at_once, todo.size() - first);
    ctx_.pool.run(n, [&](size_t k) {
      const Sample& s = *todo[first + k];
      const std::vector<std::string>& train = texts.at(s.lang);
      LanguageResult& r = done[first + k];
      r.lang = s.lang;
      for (const std::string& t : train) r.dictionary_text_bytes += t.size();
      // The better one for zstd; a trained one is better whenever there is text enough.
      for (const std::string& dictionary :
           {train_dictionary(train, c_.dictionary_bytes), raw_dictionary(train, c_.dictionary_bytes)}) {
        ZstdCompressor zstd(dictionary);
        uint64_t bytes = 0;
        for (const artifact::Document& d : s.documents) bytes += zstd.compressed_bytes(d.text);
        if (r.zstd_bytes != 0 && bytes >= r.zstd_bytes) continue;
        r.zstd_bytes = bytes;
        r.dictionary_bytes = dictionary.size();
      }
    });
    for (size_t k = first; k < first + n; ++k)
      LEAM_TRY(ctx_.env.write_atomic(part_path(work_, "zstd", done[k].lang), pretty_json(to_json(done[k]))));
  }
  return {};
}

Result<Continuation> Run::continuation(const artifact::Document& d) {
  Continuation c{
      .lang = d.lang, .document = d.id, .prompt = first_words(d.text, c_.prompt_words), .text = {}};
  std::vector<int32_t> prompt{end_of_text_};
  for (const text::TokenId id : tokenizer_->encode(c.prompt, {.add_special = false, .parse_special = false}))
    prompt.push_back(static_cast<int32_t>(id));
  const auto room = static_cast<size_t>(std::max<int64_t>(1, result_.context / 2));
  if (prompt.size() > room) {
    prompt.resize(room);
    std::vector<text::TokenId> kept(prompt.begin() + 1, prompt.end());
    c.prompt = tokenizer_->decode(kept);
  }
  infer::GenerateOptions options;
  options.max_tokens = c_.continuation;
  options.sampling.temperature = c_.temperature;
  options.sampling.top_p = c_.top_p;
  options.sampling.seed = hash64(d.id, c_.seed);
  const infer::Generated g = LEAM_TRY(infer::generate(*decoder_, exec_, *tokenizer_, prompt, options));
  c.text = g.text;
  c.tokens = static_cast<int64_t>(g.ids.size());
  c.ended = g.ended;
  return c;
}

Result<void> Run::score_all() {
  struct Todo {
    const Sample* sample = nullptr;
    std::vector<std::vector<int32_t>> sequences;
    int64_t work = 0;
  };
  const ScoreOptions options{.stride = result_.stride};
  std::vector<Todo> todo;
  int64_t work = 0, done = 0;
  text::Encoder encoder = tokenizer_->encoder();
  for (const Sample& s : samples_) {
    if (ctx_.env.exists(part_path(work_, "model", s.lang))) continue;
    LEAM_TRY(check());
    Todo t{&s, {}, 0};
    std::vector<text::TokenId> ids;
    for (const artifact::Document& d : s.documents) {
      ids.clear();
      encoder.encode(d.text, {.add_special = false, .parse_special = false}, ids);
      std::vector<int32_t> sequence{end_of_text_};
      for (const text::TokenId id : ids) sequence.push_back(static_cast<int32_t>(id));
      sequence.push_back(end_of_text_);
      t.sequences.push_back(std::move(sequence));
    }
    t.work = planned_tokens(t.sequences, result_.context, options);
    work += t.work;
    todo.push_back(std::move(t));
  }
  for (const Todo& t : todo) {
    const Sample& s = *t.sample;
    const auto tell = [&](int64_t tokens) -> Result<void> {
      ctx_.reporter.progress({.what = "scoring held-out documents",
                              .done = static_cast<double>(done + tokens),
                              .total = static_cast<double>(work),
                              .unit = "tokens",
                              .extra = s.lang});
      return check();
    };
    LanguageResult r;
    r.lang = s.lang;
    r.documents = s.documents.size();
    r.bytes = s.bytes;
    r.heldout_documents = s.heldout_documents;
    r.heldout_bytes = s.heldout_bytes;
    for (const double nats : LEAM_TRY(score(*decoder_, exec_, t.sequences, options, tell))) r.nats += nats;
    for (const auto& sequence : t.sequences) r.tokens += sequence.size() - 1;
    for (const artifact::Document& d : s.documents) r.chars += text::count_code_points(d.text);
    json::array continuations;
    for (size_t i = 0; i < s.documents.size() && i < static_cast<size_t>(c_.prompts); ++i) {
      LEAM_TRY(check());
      continuations.push_back(to_json(LEAM_TRY(continuation(s.documents[i]))));
    }
    done += t.work;
    json::object part = to_json(r);
    part["continuations"] = std::move(continuations);
    LEAM_TRY(ctx_.env.write_atomic(part_path(work_, "model", s.lang), pretty_json(part)));
  }
  return {};
}

Result<void> Run::finish() {
  for (const Sample& s : samples_) {
    const auto read = [&](std::string_view what) -> Result<json::value> {
      const std::string path = part_path(work_, what, s.lang);
      json::value v = LEAM_TRY(parse_json(LEAM_TRY(ctx_.env.read_file(path)), path));
      if (!v.is_object()) return Error(ErrorCode::kCorrupt, kWhere, path + " is not a JSON object");
      return v;
    };
    const json::value model = LEAM_TRY(read("model")), zstd = LEAM_TRY(read("zstd"));
    const std::string path = part_path(work_, "model", s.lang);
    LanguageResult r = LEAM_TRY(language_from_json(model.get_object(), path));
    const LanguageResult z =
        LEAM_TRY(language_from_json(zstd.get_object(), part_path(work_, "zstd", s.lang)));
    r.zstd_bytes = z.zstd_bytes;
    r.dictionary_bytes = z.dictionary_bytes;
    r.dictionary_text_bytes = z.dictionary_text_bytes;
    result_.languages.push_back(std::move(r));
    const json::value* continuations = model.get_object().if_contains("continuations");
    if (continuations == nullptr || !continuations->is_array()) continue;
    for (const json::value& c : continuations->get_array()) {
      if (c.is_object())
        result_.continuations.push_back(LEAM_TRY(continuation_from_json(c.get_object(), path)));
    }
  }
  LEAM_TRY(ctx_.env.write_atomic(path_join(c_.out, "report.json"), pretty_json(to_json(result_))));
  LEAM_TRY(ctx_.env.write_atomic(path_join(c_.out, "report.html"), to_html(result_)));
  const LanguageResult all = result_.total();
  const double seconds = static_cast<double>(ctx_.env.monotonic_ns() - started_) * 1e-9;
  const std::string run = path_join(c_.out, artifact::kRunFolder);
  LEAM_TRY(ctx_.env.make_dirs(run));
  LEAM_TRY(ctx_.env.write_atomic(path_join(run, "record.json"), pretty_json(json::object{
                                                                    {"format", 1},
                                                                    {"stage", "eval"},
                                                                    {"leam", version()},
                                                                    {"commit", commit()},
                                                                    {"machine", to_json(this_machine())},
                                                                    {"seconds", seconds},
                                                                    {"energy", meter_.so_far().to_json()},
                                                                })));
  return work_.finish(json::object{{"languages", result_.languages.size()},
                                   {"documents", all.documents},
                                   {"bytes", all.bytes},
                                   {"tokens", all.tokens},
                                   {"continuations", result_.continuations.size()}});
}

Result<void> Run::go() {
  LEAM_TRY(load());
  LEAM_TRY(compress());
  LEAM_TRY(score_all());
  return finish();
}

}  // namespace

std::string first_words(std::string_view text, int64_t words) {
  size_t at = 0, end = 0;
  int64_t seen = 0;
  bool in_word = false;
  while (at < text.size()) {
    const char32_t c = text::next_code_point(text, at);
    if (text::is_space(c)) {
      if (in_word && ++seen == words) break;
      in_word = false;
    } else {
      in_word = true;
      end = at;
    }
  }
  const size_t first = text.find_first_not_of(" \n\t\r");
  return first == std::string_view::npos || end <= first ? "" : std::string(text.substr(first, end - first));
}

Result<Config> Config::from(const leam::Config& file) {
  Config c;
  Section s = file.section("eval");
  c.corpus = s.path("corpus", c.corpus);
  c.model = s.path("model", c.model);
  c.out = s.path("out", c.out);
  c.max_bytes =
      static_cast<uint64_t>(s.integer("max_bytes", static_cast<int64_t>(c.max_bytes), 1, int64_t{1} << 40));
  c.dictionary_bytes = static_cast<uint64_t>(
      s.integer("dictionary_bytes", static_cast<int64_t>(c.dictionary_bytes), 1024, int64_t{1} << 30));
  c.dictionary_text = static_cast<uint64_t>(
      s.integer("dictionary_text", static_cast<int64_t>(c.dictionary_text), 1024, int64_t{1} << 31));
  c.stride = s.integer("stride", 0, 0, 1 << 20);
  c.prompts = s.integer("prompts", c.prompts, 0, 1000);
  c.prompt_words = s.integer("prompt_words", c.prompt_words, 1, 10'000);
  c.continuation = s.integer("continuation", c.continuation, 1, 1 << 20);
  c.temperature = s.number("temperature", c.temperature, 0, 10);
  c.top_p = s.number("top_p", c.top_p, 1e-6, 1);
  c.dtype = s.choice("dtype", c.dtype, {"auto", "f32", "bf16"});
  LEAM_TRY(s.finish());
  c.seed = static_cast<uint64_t>(file.section("project").integer("seed", 1, 0, INT64_MAX));
  c.energy = LEAM_TRY(EnergyAssumptions::from(file));
  return c;
}

artifact::StagePlan plan(const Config& c) {
  artifact::StagePlan p;
  p.stage = "eval";
  p.out = c.out;
  p.kind = "report";
  p.params = {{"max_bytes", c.max_bytes},
              {"dictionary_bytes", c.dictionary_bytes},
              {"dictionary_text", c.dictionary_text},
              {"stride", c.stride},
              {"prompts", c.prompts},
              {"prompt_words", c.prompt_words},
              {"continuation", c.continuation},
              {"temperature", c.temperature},
              {"top_p", c.top_p},
              {"dtype", c.dtype},
              {"seed", c.seed}};
  p.inputs = {{"corpus", c.corpus}, {"model", c.model}};
  return p;
}

Result<void> run(const Config& c, Context& ctx) {
  artifact::StageWork work = LEAM_TRY(artifact::StageWork::begin(ctx.env, plan(c)));
  if (work.fresh()) {
    ctx.reporter.note("evaluation is up to date: " + c.out);
    return {};
  }
  const auto kernels = LEAM_TRY(tensor::kernel_choice(std::getenv("LEAM_KERNEL")));
  Run run(c, ctx, work, kernels);
  return run.go();
}

}  // namespace leam::eval
