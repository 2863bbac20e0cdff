#!/usr/bin/env python3
"""The glyph model in plain PyTorch, to measure flowloop against.

    ./flowloop bench --peer-file peer.safetensors
    python bench/peer_pytorch.py peer.safetensors --threads 1 --compile

The peer file has flowloop's weights, noise and images of one rollout. This program draws the same
rows from the same noise, batched (the rows of a prompt in one forward) and singly (one row a
forward), checks that its latents and images are flowloop's, and then times the ways in turns
(A B A B ...), since machines are noisy. It exits with 1 if an image differs by more than one grey
level or a latent by 1e-3 or more. It needs torch and numpy.

--output has all raw timings as JSON, --forward-only times the network alone, --profile shows where
a forward's time goes.
"""

import argparse
import json
import math
import platform
import statistics
import struct
import sys
import time
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

SCHEMA_VERSION = 1
MAX_LATENT_DIFFERENCE = 1e-3
MAX_GREY_LEVELS = 1
EPSILON = 1e-6
MAX_PERIOD = 10_000
DTYPES = {"F32": np.float32, "I64": np.int64, "U8": np.uint8}


# The peer file


def read_safetensors(path):
    """Tensors by name, and the metadata: an 8-byte length, a JSON header, the data."""
    data = bytearray(Path(path).read_bytes())
    (length,) = struct.unpack_from("<Q", data)
    header = json.loads(data[8 : 8 + length])
    metadata = header.pop("__metadata__", {})
    tensors = {}
    for name, entry in header.items():
        begin, end = (8 + length + offset for offset in entry["data_offsets"])
        values = np.frombuffer(data[begin:end], DTYPES[entry["dtype"]])
        tensors[name] = torch.from_numpy(values.reshape(entry["shape"]))
    return tensors, metadata


class Peer:
    """What a peer file says: the model, the rows to draw and flowloop's answers."""

    def __init__(self, path):
        tensors, self.metadata = read_safetensors(path)
        version = self.metadata.get("schemaVersion")
        if version != str(SCHEMA_VERSION):
            raise SystemExit(f"{path}: schemaVersion {version} (expected: {SCHEMA_VERSION})")
        prefix = "rollout."
        rollout = {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}
        self.weights = {k: v for k, v in tensors.items() if not k.startswith(prefix)}
        self.token_ids = rollout["token_ids"]
        self.sigmas = rollout["sigmas"].tolist()
        self.initial_latents = rollout["initial_latents"]
        self.step_noise = rollout["step_noise"]
        self.final_latents = rollout["final_latents"]
        self.log_probs = rollout["log_probs"]
        self.images = rollout["images"]
        self.rows_per_prompt = int(self.metadata["rollout.n"])
        self.guidance_scale = float(self.metadata["sampler.guidanceScale"])
        self.window_start = int(self.metadata["sdeWindowStart"])
        self.patch = int(self.metadata["patch"])
        self.grid = tuple(size // self.patch for size in self.images.shape[1:3])

    def batches(self, batched):
        """The slices of rows that share a forward."""
        size = self.rows_per_prompt if batched else 1
        return [slice(row, row + size) for row in range(0, len(self.initial_latents), size)]


# The network


class Stream(nn.Module):
    """The weights of one modality in a block, and what it does without the other one."""

    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.mod = nn.Linear(width, 6 * width)
        self.to_qkv = nn.Linear(width, 3 * width)
        self.norm_q = nn.RMSNorm(width // heads, EPSILON)
        self.norm_k = nn.RMSNorm(width // heads, EPSILON)
        self.to_out = nn.Linear(width, width)
        self.mlp = nn.Sequential(
            nn.Linear(width, 4 * width), nn.GELU(approximate="tanh"), nn.Linear(4 * width, width)
        )

    def qkv(self, x, shift, scale):
        qkv = self.to_qkv(modulate(x, shift, scale)).unflatten(-1, (3, self.heads, -1))
        q, k, v = qkv.unbind(2)
        return self.norm_q(q), self.norm_k(k), v

    def finish(self, x, attended, gate_attention, shift, scale, gate_mlp):
        x = x + gate_attention * self.to_out(attended)
        return x + gate_mlp * self.mlp(modulate(x, shift, scale))


class Block(nn.Module):
    """A dual-stream block: image and text tokens meet in joint attention."""

    def __init__(self, width, heads):
        super().__init__()
        self.image = Stream(width, heads)
        self.text = Stream(width, heads)

    def forward(self, image, text, conditioning):
        image_mod = self.image.mod(conditioning).unsqueeze(1).chunk(6, -1)
        text_mod = self.text.mod(conditioning).unsqueeze(1).chunk(6, -1)
        image_qkv = self.image.qkv(image, *image_mod[:2])
        text_qkv = self.text.qkv(text, *text_mod[:2])
        q, k, v = (torch.cat(pair, 1).transpose(1, 2) for pair in zip(text_qkv, image_qkv))
        attended = F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2)
        text_attended, image_attended = attended.split([text.shape[1], image.shape[1]], 1)
        return (
            self.image.finish(image, image_attended, *image_mod[2:]),
            self.text.finish(text, text_attended, *text_mod[2:]),
        )


class Denoiser(nn.Module):
    """The velocity of latents (k, S, C) at a sigma (1), given text tokens (k, L, D)."""

    def __init__(self, width, depth, heads, channels, text_tokens, vocabulary, grid):
        super().__init__()
        self.text_embed = nn.ModuleDict(
            {
                "token": nn.Embedding(vocabulary, width),
                "position": nn.Embedding(text_tokens, width),
            }
        )
        self.time_embed = nn.Sequential(
            nn.Linear(width, width), nn.SiLU(), nn.Linear(width, width), nn.SiLU()
        )
        self.image_embed = nn.Linear(channels, width)
        self.blocks = nn.ModuleList(Block(width, heads) for _ in range(depth))
        self.output = nn.ModuleDict(
            {"mod": nn.Linear(width, 2 * width), "proj": nn.Linear(width, channels)}
        )
        self.register_buffer("frequencies", frequencies(width // 2), persistent=False)
        self.register_buffer("positions", positions(*grid, width), persistent=False)

    def encode(self, ids):
        return self.text_embed["token"](ids) + self.text_embed["position"].weight

    def forward(self, latents, sigma, text):
        angles = (1000 * sigma).unsqueeze(1) * self.frequencies
        conditioning = self.time_embed(torch.cat([angles.cos(), angles.sin()], -1))
        image = self.image_embed(latents) + self.positions
        for block in self.blocks:
            image, text = block(image, text, conditioning)
        shift, scale = self.output["mod"](conditioning).unsqueeze(1).chunk(2, -1)
        return self.output["proj"](modulate(image, shift, scale))


def modulate(x, shift, scale):
    return F.layer_norm(x, x.shape[-1:], eps=EPSILON) * (1 + scale) + shift


def frequencies(count):
    return (MAX_PERIOD ** (-torch.arange(count, dtype=torch.float64) / count)).float()


def positions(rows, columns, width):
    """Sine features of each token's line and column, a half of the width each: (S, D)."""
    features = []
    for index in torch.meshgrid(torch.arange(rows), torch.arange(columns), indexing="ij"):
        angles = index.reshape(-1, 1) * frequencies(width // 4)
        features += [angles.sin(), angles.cos()]
    return torch.cat(features, -1)


def load(peer):
    vocabulary, width = peer.weights["text_embed.token.weight"].shape
    model = Denoiser(
        width=width,
        depth=int(peer.metadata["depth"]),
        heads=int(peer.metadata["heads"]),
        channels=peer.patch**2,
        text_tokens=peer.token_ids.shape[1],
        vocabulary=vocabulary,
        grid=peer.grid,
    )
    model.load_state_dict(peer.weights)
    return model.eval().requires_grad_(False)


# The sampler


def step_coefficients(peer, i):
    """Factors of state, velocity and noise of a denoising step; its log-prob's scale and offset."""
    sigma, after = peer.sigmas[i], peer.sigmas[i + 1]
    dt = after - sigma
    level = float(peer.metadata["sampler.noiseLevel"])
    kind = peer.metadata["sampler.sdeType"]
    if not 0 <= i - peer.window_start < len(peer.step_noise):
        return 1.0, dt, 0.0, 0.0, 0.0
    if kind == "cps":
        std = after * math.sin(level * math.pi / 2)
        kept = math.sqrt(max(0, after**2 - std**2))
        return (1 - after) + kept, kept * (1 - sigma) - (1 - after) * sigma, std, 1.0, 0.0
    diffusion = level
    if kind == "sde":
        diffusion *= math.sqrt(sigma / (1 - (peer.sigmas[1] if sigma == 1 else sigma)))
    drift = diffusion**2 / (2 * sigma)
    std = diffusion * math.sqrt(-dt)
    offset = -math.log(std) - 0.5 * math.log(2 * math.pi)
    return 1 + drift * dt, (1 + drift * (1 - sigma)) * dt, std, 1 / (2 * std**2), offset


class Sampler:
    def __init__(self, peer, model, velocity):
        self.peer = peer
        self.model = model
        self.velocity = velocity
        steps = range(len(peer.sigmas) - 1)
        self.coefficients = [step_coefficients(peer, i) for i in steps]
        self.sigmas = [torch.tensor([peer.sigmas[i]]) for i in steps]

    def guided_velocity(self, x, sigma, text):
        if self.peer.guidance_scale == 1:
            return self.velocity(x, sigma, text)
        negative, positive = self.velocity(torch.cat([x, x]), sigma, text).chunk(2)
        return torch.lerp(negative, positive, self.peer.guidance_scale)

    def text(self, ids, rows):
        """The tokens of one prompt, for all rows of a forward."""
        text = self.model.encode(ids).expand(rows, -1, -1)
        if self.peer.guidance_scale == 1:
            return text
        return torch.cat([self.model.encode(torch.zeros_like(ids)).expand_as(text), text])

    def draw(self, rows):
        """Final latents (k, S, C), log-probs (k, W) and images of rows of one prompt."""
        x = self.peer.initial_latents[rows]
        text = self.text(self.peer.token_ids[rows.start // self.peer.rows_per_prompt], len(x))
        log_probs = []
        for i, (a, b, std, scale, offset) in enumerate(self.coefficients):
            x = a * x + b * self.guided_velocity(x, self.sigmas[i], text)
            if std:
                mean = x
                x = mean + std * self.peer.step_noise[i - self.peer.window_start, rows]
                log_probs.append(offset - scale * (x - mean).square().mean((1, 2)))
        log_probs = torch.stack(log_probs, 1) if log_probs else x.new_zeros(len(x), 0)
        return x, log_probs, decode(x, self.peer)

    def draw_all(self, batched):
        parts = [self.draw(rows) for rows in self.peer.batches(batched)]
        return [torch.cat(part) for part in zip(*parts)]


def decode(latents, peer):
    """Grey pixels (k, H, W, 3) of latents in [-1, 1]: a token is a patch."""
    rows, columns = peer.grid
    patches = latents.view(-1, rows, columns, peer.patch, peer.patch)
    grey = patches.transpose(2, 3).reshape(-1, *peer.images.shape[1:3])
    pixels = ((grey.clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8)
    return pixels.unsqueeze(-1).expand(-1, -1, -1, 3)


# Checks and timings


def check(name, peer, drawn):
    """How far a way's rows are from flowloop's; says so."""
    latents, log_probs, images = drawn
    grey = (images.int() - peer.images.int()).abs()
    log_prob_distances = (log_probs - peer.log_probs).abs()
    result = {
        "latents_max_difference": (latents - peer.final_latents).abs().max().item(),
        "log_probs_max_difference": max(log_prob_distances.flatten().tolist(), default=0.0),
        "images_differing_bytes": int(grey.count_nonzero()),
        "images_bytes": grey.numel(),
        "images_max_grey_levels": int(grey.max()),
    }
    result["equal"] = (
        result["latents_max_difference"] < MAX_LATENT_DIFFERENCE
        and result["images_max_grey_levels"] <= MAX_GREY_LEVELS
    )
    print(
        f"{name:24} {'same images' if result['equal'] else 'OTHER IMAGES'}: latents differ by at"
        f" most {result['latents_max_difference']:.1e}, log-probs by"
        f" {result['log_probs_max_difference']:.1e}, {result['images_differing_bytes']} of"
        f" {result['images_bytes']} bytes by {result['images_max_grey_levels']} grey levels"
    )
    return result


def timed_in_turns(ways, iters, warmup):
    """Seconds of each call, by way; the ways take turns."""
    seconds = {name: [] for name in ways}
    for i in range(-warmup, iters):
        for name, call in ways.items():
            start = time.perf_counter()
            call()
            if i >= 0:
                seconds[name].append(time.perf_counter() - start)
    return seconds


def spread(values):
    return f"{statistics.median(values):8.2f} ({min(values):.2f}-{max(values):.2f})"


def time_rollouts(peer, samplers, iters, warmup):
    """Rows of the first prompt, batched and singly, by every sampler."""
    group = slice(0, peer.rows_per_prompt)
    singles = peer.batches(batched=False)[group]
    ways = {}
    for kind, sampler in samplers.items():
        ways[f"{kind} batched"] = lambda s=sampler: s.draw(group)
        ways[f"{kind} single"] = lambda s=sampler: [s.draw(row) for row in singles]
    rows = peer.rows_per_prompt
    steps = len(peer.sigmas) - 1
    results = []
    for name, seconds in timed_in_turns(ways, iters, warmup).items():
        per_forward = rows if name.endswith("batched") else 1
        forwards = steps * rows // per_forward
        print(
            f"{name:24} images/s {spread([rows / s for s in seconds])}"
            f"   ms a denoising step {spread([1e3 * s / forwards for s in seconds])}"
            f"   ms a row {spread([1e3 * s / rows for s in seconds])}"
        )
        results.append(
            {
                "way": name,
                "rows": rows,
                "rows_per_forward": per_forward,
                "denoising_steps": steps,
                "seconds": seconds,
                "images_per_second_median": rows / statistics.median(seconds),
            }
        )
    return results


def forward_inputs(peer, model, rows):
    """Latents, a sigma and text for a forward of any number of rows."""
    index = torch.arange(rows) % len(peer.initial_latents)
    text = model.encode(peer.token_ids[index // peer.rows_per_prompt])
    return peer.initial_latents[index], torch.tensor([peer.sigmas[1]]), text


def time_forwards(peer, model, velocities, row_counts, iters, warmup):
    """The network alone, at every number of rows."""
    inputs = {rows: forward_inputs(peer, model, rows) for rows in row_counts}
    ways = {
        (kind, rows): lambda v=velocity, x=inputs[rows]: v(*x)
        for rows in row_counts
        for kind, velocity in velocities.items()
    }
    results = []
    for (kind, rows), seconds in timed_in_turns(ways, iters, warmup).items():
        millis = [1e3 * s for s in seconds]
        print(
            f"{f'{kind} forward B={rows}':24} ms {spread(millis)}"
            f"   ms a row {spread([m / rows for m in millis])}"
        )
        results.append(
            {
                "way": kind,
                "rows_per_forward": rows,
                "seconds": seconds,
                "ms_median": statistics.median(millis),
            }
        )
    return results


def profile(peer, model, rows, iters):
    inputs = forward_inputs(peer, model, rows)
    model(*inputs)
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as profiler:
        for _ in range(iters):
            model(*inputs)
    print(f"\neager forward, B={rows}, {iters} times:")
    print(profiler.key_averages().table("self_cpu_time_total", row_limit=20))


def compiled(peer, model, row_counts):
    """The network compiled for forwards of these sizes, or None where that fails."""
    network = torch.compile(model, dynamic=False)
    start = time.perf_counter()
    try:
        for rows in row_counts:
            network(*forward_inputs(peer, model, rows))
    except Exception as e:  # the compiler's errors have no type in common
        print(f"torch.compile failed, going on without: {type(e).__name__}: {str(e)[:300]}")
        return None
    print(f"compiled for B = {row_counts} in {time.perf_counter() - start:.0f} s")
    return network


def environment(peer):
    return {
        "torch": torch.__version__,
        "threads": torch.get_num_threads(),
        "cpu": cpu(),
        "cpu_capability": torch.backends.cpu.get_cpu_capability(),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "peer_file": peer.metadata,
    }


def cpu():
    info = Path("/proc/cpuinfo")
    names = info.read_text().splitlines() if info.exists() else []
    return next((n.split(": ")[1] for n in names if n.startswith("model name")), platform.machine())


def options():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("peer_file", help="written by ./flowloop bench --peer-file")
    parser.add_argument("--threads", type=int, help="of one operator; default: torch's own")
    parser.add_argument("--rows", type=int, nargs="+", default=[1, 8, 16, 64], metavar="B",
                        help="rows of a forward to time the network alone with (%(default)s)")
    parser.add_argument("--iters", type=int, default=10, help="timed turns (%(default)s)")
    parser.add_argument("--warmup", type=int, default=3, help="turns before them (%(default)s)")
    parser.add_argument("--compile", action="store_true", help="time torch.compile as well")
    parser.add_argument("--forward-only", action="store_true", help="time no rollouts")
    parser.add_argument("--profile", type=int, metavar="B",
                        help="print the operators of an eager forward of B rows, and time nothing")
    parser.add_argument("--output", type=Path, metavar="FILE", help="raw timings as JSON")
    return parser.parse_args()


@torch.inference_mode()
def main():
    args = options()
    sys.stdout.reconfigure(line_buffering=True)
    if args.threads:
        torch.set_num_threads(args.threads)
    peer = Peer(args.peer_file)
    model = load(peer)
    velocities = {"eager": model}
    if args.compile:
        network = compiled(peer, model, sorted({1, peer.rows_per_prompt, *args.rows}))
        if network is not None:
            velocities["compiled"] = network
    samplers = {kind: Sampler(peer, model, v) for kind, v in velocities.items()}
    print(f"torch {torch.__version__}, {torch.get_num_threads()} threads, {cpu()}")

    result = {"schema_version": SCHEMA_VERSION, "environment": environment(peer), "checks": {}}
    for kind, sampler in samplers.items():
        for way in ("batched", "single"):
            name = f"{kind} {way}"
            result["checks"][name] = check(name, peer, sampler.draw_all(way == "batched"))
    if not all(found["equal"] for found in result["checks"].values()):
        return 1
    if args.profile:
        profile(peer, model, args.profile, args.iters)
        return 0
    result["forwards"] = time_forwards(
        peer, model, velocities, args.rows, args.iters, args.warmup
    )
    if not args.forward_only:
        result["rollouts"] = time_rollouts(peer, samplers, args.iters, args.warmup)
    if args.output:
        args.output.write_text(json.dumps(result, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
