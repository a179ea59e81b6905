#!/usr/bin/env python3
"""Compares a model folder's logits as leam computes them with those of Hugging Face transformers.

Usage: hf_logits.py BUILD_DIR MODEL_DIR     (needs torch and transformers)

Loads MODEL_DIR with AutoModelForCausalLM in float32 and with leam (program engine_nn_bench) in float32, on
random sequences over the whole context, and fails when a logit differs by more than 1e-4 of the largest one.
Also encodes text with the folder's tokenizer.json in transformers and generates a few tokens, which shows that
the folder is complete. The gradients' comparison is a unit test (DecoderTest, tests/fixtures/llama_tiny).
"""
import json
import subprocess
import sys
import tempfile

import numpy as np
import torch
from transformers import AutoModelForCausalLM, PreTrainedTokenizerFast

build, folder = sys.argv[1], sys.argv[2]
config = json.load(open(f"{folder}/config.json"))
vocab, context = config["vocab_size"], config["max_position_embeddings"]
rng = np.random.default_rng(1)
lengths = [1, 7, min(64, context), context]
sequences = [rng.integers(0, vocab, n) for n in lengths]

with tempfile.TemporaryDirectory() as work:
    with open(f"{work}/ids", "w") as f:
        f.writelines(" ".join(map(str, s)) + "\n" for s in sequences)
    subprocess.run([f"{build}/engine_nn_bench", folder, f"{work}/ids", "f32", f"{work}/out"], check=True)
    ours = np.fromfile(f"{work}/out", dtype=np.float32).reshape(-1, vocab)

model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
with torch.no_grad():
    theirs = np.concatenate([model(torch.from_numpy(s)[None]).logits[0].numpy() for s in sequences])
worst = np.abs(ours - theirs).max() / np.abs(theirs).max()
same = (ours.argmax(-1) == theirs.argmax(-1)).mean()
print(f"{len(ours)} rows of {vocab} logits: largest difference {worst:.2e} of the largest logit, "
      f"the same first choice in {100 * same:.2f} % of rows")

try:
    tokenizer = PreTrainedTokenizerFast(tokenizer_file=f"{folder}/tokenizer.json")
except Exception:  # a fixture without a tokenizer
    tokenizer = None
if tokenizer is not None:
    ids = torch.tensor([[config["bos_token_id"]] + tokenizer.encode("The ")])
    out = model.generate(ids, max_new_tokens=20, do_sample=False)
    print("transformers continues:", repr(tokenizer.decode(out[0])))
if worst > 1e-4:
    sys.exit("the logits differ")
