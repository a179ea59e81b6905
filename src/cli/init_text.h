// The leam.toml that `leam init` writes; {name}, {source} and {input} are filled in by fmt.
#pragma once

namespace leam::cli {

inline constexpr const char* kInitText =
    R"toml(# A leam project: one section a stage. `leam run` runs what is not up to date, `leam status` says why.
# Lines that start with # show the default. Paths are relative to this file.

[project]
name = {name}
seed = 1                        # the same seed, inputs and keys give the same bytes

[crawl]                         # pages → documents/                         docs/crawl.md
# max_broken_share = 0.05       # more broken pages than this stop the stage

[crawl.inputs]                  # name = folder or file of HTML, WARC, JSONL or text; the name is kept per document
{source} = {input}

[corpus]                        # documents/ → corpus/                       docs/corpus.md
# languages = ["de", "fr"]      # default: the 24 official EU languages
# tdm = "honour"                # pages that reserve text and data mining are left out
# near_duplicates = 0.8         # Jaccard similarity from which two pages count as one; 0: do not look
# heldout = 0.02                # share never trained on
# mix = "temperature"           # or "unimax", "none"
# alpha = 0.7                   # of the temperature mix: 1 keeps the sizes, 0 makes languages equal

[corpus.rules]
# min_chars = 200
# min_words = 20

[tokens]                        # corpus/ → tokens/: tokenizer.json and shards   docs/tokens.md
# vocab = 16384

[train]                         # tokens/ → model/: a Hugging Face folder    docs/train.md
budget = "3min"                 # chooses size and tokens that fit; or name them:
# d_model = 384
# layers = 6
# heads = 6
# steps = 1000

[eval]                          # bits per byte per language → eval/         docs/eval.md
# max_bytes = 100000            # of held-out text a language

[serve]                         # leam serve                                 docs/serve.md
# port = 8080
# ledger = "ledger.db"
# price_per_1k_prompt_micro_eur = 10000       # 0.01 € per 1,000 tokens
# price_per_1k_completion_micro_eur = 10000

[energy]                        # what estimates rest on, where nothing can be measured
# watts_per_cpu = 10.0
# pue = 1.2
# grams_co2e_per_kwh = 210.0
)toml";

}  // namespace leam::cli
