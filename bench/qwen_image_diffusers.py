#!/usr/bin/env python3
"""Qwen-Image's transformer in diffusers with random weights, to measure flowloop against.

    python bench/qwen_image_diffusers.py --rows 1 16 --output diffusers.json
    ./flowloop bench --model qwen-image-random --parts forward --rows 1,16 model.device=gpu:0

The published geometry in bfloat16, 1024 image tokens (512x512 pixels) and 256 tokens of text unless
said otherwise; forwards of B rows, eager and with each block compiled. Weights are torch's initial
ones: speed does not depend on them. A time ends when the device is done. It needs torch with a GPU
and diffusers.

--output has all raw timings as JSON. --layers and --device make it small enough for a test.
"""

import argparse
import inspect
import json
import platform
import statistics
import sys
import time
from pathlib import Path

import diffusers
import torch
from diffusers import QwenImageTransformer2DModel

SCHEMA_VERSION = 1
GIB = 1 << 30
CHANNELS = 64
TEXT_WIDTH = 3584
PIXELS_OF_TOKEN = 16


def build(layers, device):
    """The network of the published sizes, made on its device in bfloat16."""
    torch.set_default_dtype(torch.bfloat16)
    with torch.device(device):
        model = QwenImageTransformer2DModel(
            patch_size=2,
            in_channels=CHANNELS,
            out_channels=16,
            num_layers=layers,
            attention_head_dim=128,
            num_attention_heads=24,
            joint_attention_dim=TEXT_WIDTH,
            axes_dims_rope=(16, 56, 56),
        )
    torch.set_default_dtype(torch.float32)
    return model.eval().requires_grad_(False)


def inputs(model, rows, args):
    """Arguments of a forward of so many rows, all of whose text is there."""
    lines, columns = args.height // PIXELS_OF_TOKEN, args.width // PIXELS_OF_TOKEN
    like = {"device": args.device, "dtype": torch.bfloat16}
    arguments = {
        "hidden_states": torch.randn(rows, lines * columns, CHANNELS, **like),
        "encoder_hidden_states": torch.randn(rows, args.text_tokens, TEXT_WIDTH, **like),
        "encoder_hidden_states_mask": None,
        "timestep": torch.full((rows,), 0.5, **like),
        "img_shapes": [[(1, lines, columns)]] * rows,
        "attention_kwargs": {},
        "return_dict": False,
    }
    # Older releases are told the lengths of the texts.
    if "txt_seq_lens" in inspect.signature(model.forward).parameters:
        arguments["txt_seq_lens"] = [args.text_tokens] * rows
    return arguments


def synchronize():
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def time_forward(way, model, rows, args):
    """Milliseconds of each forward that counts and the most memory, or why there are none."""
    result = {"way": way, "rows_per_forward": rows, "misfit": None}
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
    try:
        arguments = inputs(model, rows, args)
        millis = []
        for i in range(-args.warmup, args.iters):
            synchronize()
            start = time.perf_counter()
            (velocity,) = model(**arguments)
            synchronize()
            if i >= 0:
                millis.append(1e3 * (time.perf_counter() - start))
        if not torch.isfinite(velocity).all():
            raise SystemExit(f"{way}, {rows} rows: a velocity that is not finite")
    except torch.OutOfMemoryError as e:
        result["misfit"] = str(e).splitlines()[0]
        print(f"{way:10} B={rows:<3} does not fit: {result['misfit']}")
        return result
    result["ms"] = millis
    result["ms_median"] = statistics.median(millis)
    result["peak_bytes"] = torch.cuda.max_memory_reserved() if torch.cuda.is_available() else None
    memory = f"   {result['peak_bytes'] / GIB:.1f} GiB" if result["peak_bytes"] else ""
    print(
        f"{way:10} B={rows:<3} ms {statistics.median(millis):9.2f} ({min(millis):.2f}-{max(millis):.2f})"
        f"   ms a row {statistics.median(millis) / rows:8.2f}{memory}"
    )
    return result


def environment():
    return {
        "torch": torch.__version__,
        "diffusers": diffusers.__version__,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
    }


def options():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, nargs="+", default=[1, 2, 4, 8, 16], metavar="B",
                        help="rows of a forward (%(default)s)")
    parser.add_argument("--text-tokens", type=int, default=256, help="of a row (%(default)s)")
    parser.add_argument("--height", type=int, default=512, help="of a picture (%(default)s)")
    parser.add_argument("--width", type=int, default=512, help="of a picture (%(default)s)")
    parser.add_argument("--layers", type=int, default=60, help="blocks (%(default)s)")
    parser.add_argument("--device", default="cuda", help="where it runs (%(default)s)")
    parser.add_argument("--iters", type=int, default=5, help="timed forwards (%(default)s)")
    parser.add_argument("--warmup", type=int, default=2, help="forwards before them (%(default)s)")
    parser.add_argument("--eager-only", action="store_true", help="compile nothing")
    parser.add_argument("--output", type=Path, metavar="FILE", help="raw timings as JSON")
    return parser.parse_args()


@torch.no_grad()
def main():
    args = options()
    sys.stdout.reconfigure(line_buffering=True)
    start = time.perf_counter()
    model = build(args.layers, args.device)
    synchronize()
    parameters = sum(p.numel() for p in model.parameters())
    found = environment()
    print(f"torch {found['torch']}, diffusers {found['diffusers']}, {found['gpu'] or args.device}")
    print(f"{parameters:,} parameters, built in {time.perf_counter() - start:.0f} s")

    forwards = [time_forward("eager", model, rows, args) for rows in args.rows]
    if not args.eager_only:
        # Each size by itself: sizes that vary make slower code.
        for block in model.transformer_blocks:
            block.compile(dynamic=False)
        forwards += [time_forward("compiled", model, rows, args) for rows in args.rows]
    if args.output:
        result = {
            "schema_version": SCHEMA_VERSION,
            "environment": found,
            "parameters": parameters,
            "options": {k: v for k, v in vars(args).items() if k != "output"},
            "forwards": forwards,
        }
        args.output.write_text(json.dumps(result, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
