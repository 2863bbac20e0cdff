#!/usr/bin/env python3
"""What diffusers makes of a Qwen-Image folder, for `flowloop verify` to compare with.

    python bench/qwen_image_reference.py models/Qwen-Image
    ./flowloop verify models/Qwen-Image --tolerance 1e-1 model.device=gpu:0 model.dtype=bfloat16

Writes golden.safetensors into the folder: inputs and answers of every stage, prompts in the metadata.
It needs torch, diffusers and transformers, and a device that holds the model. In float32 (--dtype
float32, and model.dtype of the verification likewise) all stages agree to 1e-4; in bfloat16 both
sides round, each in its own way.
"""

import argparse
import json
from pathlib import Path

import numpy
import torch
from diffusers import QwenImagePipeline
from diffusers.pipelines.qwenimage.pipeline_qwenimage import calculate_shift
from safetensors.torch import save_file

PROMPTS = ['a sign that says "7382"', 'a large red banner reading "HELLO WORLD" on a wall']
WEIGHTS = [
    "img_in.weight",
    "proj_out.weight",
    "transformer_blocks.0.attn.add_k_proj.weight",
    "transformer_blocks.0.attn.to_q.weight",
    "transformer_blocks.{last}.img_mlp.net.2.weight",
]


def texts(pipe, prompts, negative):
    golden = {}
    for i, text in enumerate([*prompts, negative]):
        sentence = pipe.prompt_template_encode.format(text)
        golden[f"text.{i}.input_ids"] = pipe.tokenizer(sentence, return_tensors="pt").input_ids[0]
        golden[f"text.{i}.prompt_embeds"] = pipe.encode_prompt(text)[0][0]
    embeds, mask = pipe.encode_prompt(prompts)
    if mask is None:  # where all are of one length
        mask = torch.ones(embeds.shape[:2], dtype=torch.long, device=embeds.device)
    golden["text.batch.prompt_embeds"] = embeds
    golden["text.batch.mask"] = mask.long()
    return golden


def velocity(pipe, golden, latents, cells):
    """Of latents at two noise levels, and gradients of the mean of its squares."""
    network = pipe.transformer
    names = [name.format(last=len(network.transformer_blocks) - 1) for name in WEIGHTS]
    weights = {name: network.get_parameter(name).requires_grad_() for name in names}
    network.enable_gradient_checkpointing()
    levels = torch.linspace(0.9, 0.3, len(latents), device=latents.device)
    inputs = {
        "hidden_states": latents,
        "timestep": levels.to(latents.dtype),
        "encoder_hidden_states": golden["text.batch.prompt_embeds"],
        "encoder_hidden_states_mask": golden["text.batch.mask"],
    }
    network.train()  # checkpoints are for training alone
    answer = network(**inputs, img_shapes=[[(1, *cells)]] * len(latents), return_dict=False)[0]
    network.eval()
    loss = answer.float().square().mean()
    loss.backward()
    made = {f"transformer.{name}": value for name, value in inputs.items()}
    made |= {"transformer.velocity": answer, "grad.loss": loss.reshape(1)}
    return made | {f"grad.{name}": weight.grad for name, weight in weights.items()}


def walks(pipe, latents, args):
    made = {"pipeline.latents_in": latents}
    for name, scale in [("nocfg", 1.0), ("cfg4", 4.0)]:
        call = {
            "prompt": args.prompts,
            "negative_prompt": [args.negative] * len(args.prompts) if scale > 1 else None,
            "true_cfg_scale": scale,
            "height": args.height,
            "width": args.width,
            "num_inference_steps": args.steps,
            "max_sequence_length": 1024,
        }
        for kind, key in [("latent", "latents_out"), ("pt", "image")]:
            made[f"pipeline.{name}.{key}"] = pipe(**call, latents=latents, output_type=kind).images
        made[f"pipeline.{name}.sigmas"] = pipe.scheduler.sigmas
    return made


def vae(pipe, args, random):
    factor = pipe.vae_scale_factor
    latents = random(1, pipe.vae.config.z_dim, 1, args.height // factor, args.width // factor)
    pixels = random(1, 3, 1, args.height, args.width).clamp(-1, 1)
    return {
        "vae.latents": latents,
        "vae.decoded": pipe.vae.decode(latents).sample,
        "vae.pixels": pixels,
        "vae.encoded_mean": pipe.vae.encode(pixels).latent_dist.mean,
    }


def schedules(scheduler):
    made = {}
    config = scheduler.config
    for steps in (4, 10, 50):
        for length in (256, 1024, 4096):
            shift = calculate_shift(
                length,
                config.base_image_seq_len,
                config.max_image_seq_len,
                config.base_shift,
                config.max_shift,
            )
            scheduler.set_timesteps(sigmas=numpy.linspace(1, 1 / steps, steps), mu=shift)
            made[f"sigmas.steps{steps}.len{length}"] = scheduler.sigmas
    return made


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--prompts", nargs="+", default=PROMPTS)
    parser.add_argument("--negative", default=" ")
    parser.add_argument("--height", type=int, default=512)
    parser.add_argument("--width", type=int, default=512)
    parser.add_argument("--steps", type=int, default=4)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--dtype", choices=["float32", "bfloat16"], default="bfloat16")
    args = parser.parse_args()

    dtype = getattr(torch, args.dtype)
    pipe = QwenImagePipeline.from_pretrained(args.folder, torch_dtype=dtype).to(args.device)
    pipe.set_progress_bar_config(disable=True)
    for part in (pipe.transformer, pipe.text_encoder, pipe.vae):
        part.requires_grad_(False)
    generator = torch.Generator().manual_seed(0)

    def random(*shape):
        return torch.randn(*shape, generator=generator).to(args.device, dtype)

    token = 2 * pipe.vae_scale_factor
    cells = (args.height // token, args.width // token)
    shape = (len(args.prompts), cells[0] * cells[1], pipe.transformer.config.in_channels)
    with torch.no_grad():
        golden = texts(pipe, args.prompts, args.negative)
        golden |= walks(pipe, random(*shape), args)
        golden |= vae(pipe, args, random)
        golden |= schedules(pipe.scheduler)
    golden |= velocity(pipe, golden, random(*shape), cells)
    tensors = {
        name: (value.float() if value.is_floating_point() else value).detach().cpu().clone()
        for name, value in golden.items()
    }
    metadata = {"prompts": json.dumps(args.prompts), "negative": args.negative}
    target = args.folder / "golden.safetensors"
    save_file({name: value.contiguous() for name, value in tensors.items()}, target, metadata)
    print(f"{target}: {len(tensors)} tensors")


if __name__ == "__main__":
    main()
