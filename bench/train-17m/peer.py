"""The same training step in PyTorch, written plainly: bf16 autocast, F.scaled_dot_product_attention, AdamW.

Usage: peer.py TOKENS.u16 STEPS THREADS. Prints key=value pairs on one line.
"""
import resource
import sys
import time

start = time.perf_counter()
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

V, C, LAYERS, HEADS, FFN, T, B = 16384, 384, 6, 6, 1024, 256, 16


def rope_tables():
    angle = torch.outer(torch.arange(T).float(), 10000.0 ** (-torch.arange(0, C // HEADS, 2).float() / (C // HEADS)))
    return torch.cat([angle, angle], -1).cos(), torch.cat([angle, angle], -1).sin()


def rotate(x, cos, sin):
    a, b = x.chunk(2, -1)
    return x * cos + torch.cat([-b, a], -1) * sin


class Layer(nn.Module):
    def __init__(self):
        super().__init__()
        self.norm1, self.norm2 = nn.RMSNorm(C, eps=1e-5), nn.RMSNorm(C, eps=1e-5)
        self.q, self.k, self.v, self.o = (nn.Linear(C, C, bias=False) for _ in range(4))
        self.gate, self.up = nn.Linear(C, FFN, bias=False), nn.Linear(C, FFN, bias=False)
        self.down = nn.Linear(FFN, C, bias=False)

    def forward(self, x, cos, sin):
        h = self.norm1(x)
        q, k, v = (w(h).view(B, T, HEADS, C // HEADS).transpose(1, 2) for w in (self.q, self.k, self.v))
        q, k = rotate(q, cos, sin).to(v.dtype), rotate(k, cos, sin).to(v.dtype)
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.o(y.transpose(1, 2).reshape(B, T, C))
        h = self.norm2(x)
        return x + self.down(F.silu(self.gate(h)) * self.up(h))


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.table = nn.Embedding(V, C)
        self.layers = nn.ModuleList(Layer() for _ in range(LAYERS))
        self.norm = nn.RMSNorm(C, eps=1e-5)
        for p in self.parameters():
            if p.dim() > 1:
                nn.init.normal_(p, std=0.02)

    def forward(self, ids, targets, cos, sin):
        x = self.table(ids)
        for layer in self.layers:
            x = layer(x, cos, sin)
        logits = F.linear(self.norm(x), self.table.weight)
        return F.cross_entropy(logits.view(-1, V).float(), targets.view(-1))


def main():
    tokens = torch.from_numpy(np.fromfile(sys.argv[1], dtype="<u2").astype(np.int64))
    steps = int(sys.argv[2])
    torch.set_num_threads(int(sys.argv[3]))
    torch.manual_seed(1)
    model, (cos, sin) = Model(), rope_tables()
    matrices = [p for p in model.layers.parameters() if p.dim() > 1]
    others = [p for p in model.parameters() if not any(p is m for m in matrices)]
    optimizer = torch.optim.AdamW([{"params": matrices, "weight_decay": 0.1}, {"params": others, "weight_decay": 0.0}],
                                  lr=1e-3, betas=(0.9, 0.95), eps=1e-8)

    def step(n):
        at = n * B * T % (len(tokens) - B * T - 1)
        ids, targets = tokens[at:at + B * T].view(B, T), tokens[at + 1:at + B * T + 1].view(B, T)
        optimizer.zero_grad(set_to_none=True)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            loss = model(ids, targets, cos, sin)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        return loss.item()

    first_loss = step(0)
    first = time.perf_counter() - start
    step(1)
    times = []
    for n in range(steps):
        began = time.perf_counter()
        step(2 + n)
        times.append(time.perf_counter() - began)
    seconds = sorted(times)[len(times) // 2]
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(f"peer tokens_per_second={B * T / seconds:.1f} first_loss={first_loss:.4f} first_step_seconds={first:.2f} "
          f"memory_bytes={memory} version={torch.__version__}")


main()
