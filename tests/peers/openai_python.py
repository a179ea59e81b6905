#!/usr/bin/env python3
"""OpenAI's own client for Python against `leam serve` (needs the package openai).

Usage: python openai_python.py LEAM MODEL_FOLDER
Starts a server of its own on a free port with a ledger of its own, asks it in every way the API has, and
compares what the client was told with `leam bill report`. Ends with "N checks passed" or the first failure.
"""
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import urllib.error
import urllib.request

import openai

checks = 0


def check(condition, what):
    global checks
    if not condition:
        sys.exit(f"FAILED: {what}")
    checks += 1


def fails_with(kind, param, call, code=None):
    try:
        call()
    except kind as e:
        check(e.param == param, f"{kind.__name__} names {e.param!r} instead of {param!r}: {e}")
        if code:
            check(e.code == code, f"code {e.code!r} instead of {code!r}")
        return
    except openai.APIError as e:
        sys.exit(f"FAILED: {type(e).__name__} instead of {kind.__name__}: {e}")
    sys.exit(f"FAILED: no {kind.__name__} for {param}")


def main(leam, model_folder):
    folder = tempfile.mkdtemp(prefix="leam-openai-")
    ledger = os.path.join(folder, "ledger.db")
    model = os.path.basename(os.path.normpath(model_folder))
    key = subprocess.run([leam, "serve", "key", "add", "python", "--ledger", ledger],
                         capture_output=True, text=True, check=True).stdout.strip()
    server = subprocess.Popen([leam, "serve", "--model", model_folder, "--port", "0", "--ledger", ledger],
                              stdout=subprocess.PIPE, text=True, cwd=folder)
    address = server.stdout.readline().strip()
    check(address.startswith("http://127.0.0.1:"), f"first line is {address!r}")
    client = openai.OpenAI(base_url=address + "/v1", api_key=key, max_retries=0)
    told = {"prompt_tokens": 0, "completion_tokens": 0, "requests": 0}

    def count(usage):
        check(usage.total_tokens == usage.prompt_tokens + usage.completion_tokens, "usage adds up")
        told["prompt_tokens"] += usage.prompt_tokens
        told["completion_tokens"] += usage.completion_tokens
        told["requests"] += 1

    check([m.id for m in client.models.list()] == [model], "models.list")
    check(client.models.retrieve(model).id == model, "models.retrieve")

    # Completions: whole, streamed, the same text for the same seed.
    ask = dict(model=model, prompt="The model", max_tokens=24, temperature=0.9, top_p=0.9, seed=7)
    whole = client.completions.create(**ask)
    count(whole.usage)
    check(whole.object == "text_completion" and whole.choices[0].finish_reason in ("length", "stop"), "completion")
    check(whole.usage.completion_tokens <= 24, "max_tokens")
    text, usage = "", None
    for chunk in client.completions.create(**ask, stream=True, stream_options={"include_usage": True}):
        text += chunk.choices[0].text if chunk.choices else ""
        usage = chunk.usage or usage
    count(usage)
    check(text == whole.choices[0].text, "streamed text is the whole text")
    check(usage == whole.usage, "streamed usage is the whole usage")
    logprobs = client.completions.create(model=model, prompt="The", max_tokens=3, logprobs=2, seed=1)
    count(logprobs.usage)
    check(len(logprobs.choices[0].logprobs.tokens) == logprobs.usage.completion_tokens, "logprobs")

    # Chat: whole and streamed, roles, stop strings, parts.
    talk = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": [{"type": "text", "text": "Hallo"}]}]
    chat = client.chat.completions.create(model=model, messages=talk, max_completion_tokens=30, seed=3)
    count(chat.usage)
    check(chat.choices[0].message.role == "assistant", "role")
    text, usage = "", None
    with client.chat.completions.create(model=model, messages=talk, max_tokens=30, seed=3, stream=True,
                                        stream_options={"include_usage": True}) as stream:
        for chunk in stream:
            if chunk.choices:
                text += chunk.choices[0].delta.content or ""
            usage = chunk.usage or usage
    count(usage)
    check(text == chat.choices[0].message.content, "streamed chat is the whole chat")
    if len(text) > 8:
        stop = text[3:6]
        stopped = client.chat.completions.create(model=model, messages=talk, max_tokens=30, seed=3, stop=[stop])
        count(stopped.usage)
        check(stopped.choices[0].message.content == text[:text.index(stop)], "stop string")
        check(stopped.choices[0].finish_reason == "stop", "finish_reason")
    probs = client.chat.completions.create(model=model, messages=talk, max_tokens=4, logprobs=True, top_logprobs=2)
    count(probs.usage)
    check(len(probs.choices[0].logprobs.content[0].top_logprobs) == 2, "chat logprobs")

    # Greedy is the same every time, alone and among eight others.
    def greedy():
        answer = client.completions.create(model=model, prompt="Once upon a time", max_tokens=30, temperature=0)
        return answer.choices[0].text, answer.usage
    alone, usage = greedy()
    count(usage)
    results = []
    threads = [threading.Thread(target=lambda: results.append(greedy())) for _ in range(9)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    check(len(results) == 9 and all(text == alone for text, _ in results), "greedy among others")
    for _, usage in results:
        count(usage)

    # Each fault is the right exception and names its field.
    base = dict(model=model, prompt="x", max_tokens=2)
    bad = openai.BadRequestError
    fails_with(bad, "temperature", lambda: client.completions.create(**base, temperature=3))
    fails_with(bad, "n", lambda: client.completions.create(**base, n=2))
    fails_with(bad, "echo", lambda: client.completions.create(**base, echo=True))
    fails_with(bad, "max_tokens", lambda: client.completions.create(model=model, prompt="x", max_tokens=-1))
    fails_with(bad, "nonsense", lambda: client.completions.create(**base, extra_body={"nonsense": 1}))
    fails_with(bad, "tools", lambda: client.chat.completions.create(
        model=model, messages=talk, tools=[{"type": "function", "function": {"name": "f"}}]))
    fails_with(bad, "messages[0].role", lambda: client.chat.completions.create(
        model=model, messages=[{"role": "nobody", "content": "x"}]))
    fails_with(bad, "prompt", lambda: client.completions.create(model=model, prompt="word " * 5000, max_tokens=2),
               "context_length_exceeded")
    fails_with(openai.NotFoundError, "model", lambda: client.completions.create(model="gpt", prompt="x"),
               "model_not_found")
    wrong = openai.OpenAI(base_url=address + "/v1", api_key=key[:-4] + "0000", max_retries=0)
    fails_with(openai.AuthenticationError, None, lambda: wrong.models.list(), "invalid_api_key")
    broken = urllib.request.Request(address + "/v1/completions", data=b"{", headers={"Authorization": f"Bearer {key}"})
    try:
        urllib.request.urlopen(broken)
        check(False, "broken JSON is refused")
    except urllib.error.HTTPError as e:
        check(e.code == 400 and "error" in json.load(e), "broken JSON")

    # The ledger says what the client was told.
    report = json.loads(subprocess.run([leam, "bill", "report", "--json", "--ledger", ledger], check=True,
                                       capture_output=True, text=True).stdout)
    total = report["total"]
    for name, value in told.items():
        check(total[name] == value, f"ledger {name} {total[name]}, told {value}")
    check(total["micro_eur"] == 10 * (told["prompt_tokens"] + told["completion_tokens"]), "price")

    # A client that leaves is charged for what was generated; then the server ends in order.
    with client.completions.create(model=model, prompt="x", max_tokens=200, stream=True,
                                   logit_bias={"0": -100}) as stream:
        next(iter(stream))
    server.send_signal(signal.SIGTERM)
    check(server.wait(timeout=60) == 0, "exit code after SIGTERM")
    report = json.loads(subprocess.run([leam, "bill", "report", "--json", "--ledger", ledger], check=True,
                                       capture_output=True, text=True).stdout)
    check(report["total"]["requests"] == told["requests"] + 1, "the disconnected request is settled")
    check(report["rows"]["open"] == 0, "no reservation is open")
    print(f"{checks} checks passed (openai {openai.__version__})")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2]))
