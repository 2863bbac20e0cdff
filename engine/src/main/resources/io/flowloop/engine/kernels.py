class Kernels(Module):
  __parameters__ = []
  __buffers__ = []
  training : bool

  def time_embedding(self: __torch__.Kernels, sigmas: Tensor, frequencies: Tensor, w: List[Tensor]) -> Tensor:
    angles = torch.mul(torch.unsqueeze(torch.mul(sigmas, 1000), 1), frequencies)
    hidden = torch.silu((self).linear(torch.cat([torch.cos(angles), torch.sin(angles)], -1), w[0], w[1], ))
    return torch.silu((self).linear(hidden, w[2], w[3], ))

  def modulation(self: __torch__.Kernels, sigmas: Tensor, frequencies: Tensor, time: List[Tensor], w: List[Tensor]) -> Tensor:
    conditioning = (self).time_embedding(sigmas, frequencies, time, )
    parts = annotate(List[Tensor], [])
    for i in range(torch.floordiv(torch.len(w), 2)):
      at = torch.mul(i, 2)
      _0 = torch.append(parts, (self).linear(conditioning, w[at], w[torch.add(at, 1)], ))
    return (self).factors(torch.cat(parts, 1), torch.size(conditioning, 1), )

  # Shift, scale and gate follow one another; a scale s multiplies by 1 + s.
  def factors(self: __torch__.Kernels, modulation: Tensor, width: int) -> Tensor:
    chunks = torch.view(modulation, [torch.size(modulation, 0), -1, width])
    places = torch.remainder(torch.arange(torch.size(chunks, 1), dtype=4, layout=0, device=ops.prim.device(modulation)), 3)
    return torch.flatten(torch.add(chunks, torch.unsqueeze(torch.eq(places, 1), 1)), 1)

  def rows(self: __torch__.Kernels, x: Tensor) -> List[Tensor]:
    return torch.split(x, 1, 0)

  def blocks_modulation(self: __torch__.Kernels, modulation: Tensor, positions: Tensor) -> List[Tensor]:
    return torch.split(modulation, torch.mul(torch.size(positions, -1), 12), 1)

  def modulate(self: __torch__.Kernels, x: Tensor, shift: Tensor, factor: Tensor) -> Tensor:
    width = torch.size(x, -1)
    if torch.eq(torch.numel(factor), width):
      modulated = torch.layer_norm(x, [width], torch.view(factor, [width]), torch.view(shift, [width]), 9.9999999999999995e-07)
    else:
      modulated = torch.addcmul(shift, torch.layer_norm(x, [width], None, None, 9.9999999999999995e-07), factor)
    return modulated

  def heads(self: __torch__.Kernels, qkv: Tensor, width: int) -> Tensor:
    split = torch.view(qkv, [torch.size(qkv, 0), torch.size(qkv, 1), 3, -1, width])
    return torch.permute(split, [2, 0, 3, 1, 4])

  # Scales of queries and keys for every token, text first, of all blocks at once: (2, 1, 1, L + S, width) each.
  def head_scales(self: __torch__.Kernels, blocks: List[Tensor], text: int, image: int) -> List[Tensor]:
    scales = annotate(List[Tensor], [])
    for i in range(torch.floordiv(torch.len(blocks), 20)):
      at = torch.mul(i, 20)
      _0 = torch.extend(scales, blocks[torch.add(at, 12):torch.add(at, 14)])
      _1 = torch.extend(scales, blocks[torch.add(at, 2):torch.add(at, 4)])
    width = torch.size(scales[0], 0)
    streams = torch.view(torch.cat(scales, 0), [-1, 2, 2, 1, 1, width])
    tokens = torch.arange(torch.add(text, image), dtype=4, layout=0, device=ops.prim.device(scales[0]))
    stream = torch.to(torch.ge(tokens, text), 4)
    return torch.unbind(torch.permute(torch.index_select(streams, 1, stream), [0, 2, 3, 4, 1, 5]), 0)

  # The fourth root of the width in queries and in keys is attention's 1 / sqrt(width).
  def joint_attention(self: __torch__.Kernels, image: Tensor, text: Tensor, mod: List[Tensor], scale: Tensor, iw: List[Tensor], tw: List[Tensor]) -> Tensor:
    iqkv = (self).linear((self).modulate(image, mod[0], mod[1], ), iw[0], iw[1], )
    tqkv = (self).linear((self).modulate(text, mod[6], mod[7], ), tw[0], tw[1], )
    width = torch.size(iw[2], 0)
    theads = torch.expand((self).heads(tqkv, width, ), [-1, torch.size(image, 0), -1, -1, -1])
    qkv = torch.cat([theads, (self).heads(iqkv, width, )], 3)
    qk = torch.narrow(qkv, 0, 0, 2)
    norm = torch.linalg_vector_norm(qk, 2, [-1], True)
    root = torch.rsqrt(torch.add(torch.mul(torch.square(norm), torch.pow(width, -0.5)), torch.mul(torch.pow(width, 0.5), 9.9999999999999995e-07)))
    normed = torch.unbind(torch.mul(torch.mul(qk, root), scale), 0)
    return (self).attention(normed[0], normed[1], torch.select(qkv, 0, 2), )

  def merged(self: __torch__.Kernels, attended: Tensor, start: int, tokens: int) -> Tensor:
    return torch.flatten(torch.transpose(torch.narrow(attended, 2, start, tokens), 1, 2), 2)

  def stream_mlp(self: __torch__.Kernels, x: Tensor, attended: Tensor, mod: List[Tensor], w: List[Tensor]) -> Tensor:
    mixed = torch.addcmul(x, mod[0], (self).linear(attended, w[4], w[5], ))
    hidden = (self).linear_gelu((self).modulate(mixed, mod[1], mod[2], ), w[6], w[7], )
    return torch.addcmul(mixed, mod[3], (self).linear(hidden, w[8], w[9], ))

  def block_modulation(self: __torch__.Kernels, modulation: Tensor, image: Tensor) -> List[Tensor]:
    return torch.unbind(torch.view(modulation, [-1, 12, 1, torch.size(image, -1)]), 1)

  def block(self: __torch__.Kernels, image: Tensor, text: Tensor, modulation: Tensor, scale: Tensor, iw: List[Tensor], tw: List[Tensor]) -> Tuple[Tensor, Tensor]:
    mod = (self).block_modulation(modulation, image, )
    attended = (self).joint_attention(image, text, mod, scale, iw, tw, )
    tokens = torch.size(text, 1)
    iattended = (self).merged(attended, tokens, torch.size(image, 1), )
    tattended = (self).merged(attended, 0, tokens, )
    return ((self).stream_mlp(image, iattended, mod[2:6], iw, ), (self).stream_mlp(text, tattended, mod[8:12], tw, ))

  def last_block(self: __torch__.Kernels, image: Tensor, text: Tensor, modulation: Tensor, scale: Tensor, iw: List[Tensor], tw: List[Tensor]) -> Tensor:
    mod = (self).block_modulation(modulation, image, )
    attended = (self).joint_attention(image, text, mod, scale, iw, tw, )
    return (self).stream_mlp(image, (self).merged(attended, torch.size(text, 1), torch.size(image, 1), ), mod[2:6], iw, )

  def mmdit_block(self: __torch__.Kernels, image: Tensor, text: Tensor, modulation: Tensor, w: List[Tensor]) -> Tuple[Tensor, Tensor]:
    scales = (self).head_scales(w, torch.size(text, 1), torch.size(image, 1), )
    return (self).block(image, text, modulation, scales[0], w[:10], w[10:], )

  def last_mmdit_block(self: __torch__.Kernels, image: Tensor, text: Tensor, modulation: Tensor, w: List[Tensor]) -> Tensor:
    scales = (self).head_scales(w, torch.size(text, 1), torch.size(image, 1), )
    return (self).last_block(image, text, modulation, scales[0], w[:10], w[10:], )

  def image_embedding(self: __torch__.Kernels, latents: Tensor, positions: Tensor, w: List[Tensor]) -> Tensor:
    return torch.add((self).linear(latents, w[0], w[1], ), positions)

  def text_embedding(self: __torch__.Kernels, ids: Tensor, w: List[Tensor]) -> Tensor:
    return torch.add(torch.embedding(w[0], ids), w[1])

  def output_velocity(self: __torch__.Kernels, image: Tensor, modulation: Tensor, w: List[Tensor]) -> Tensor:
    mod = torch.chunk(torch.unsqueeze(modulation, 1), 2, -1)
    return (self).linear((self).modulate(image, mod[0], mod[1], ), w[0], w[1], )

  def mmdit_velocity(self: __torch__.Kernels, latents: Tensor, text: Tensor, modulation: Tensor, positions: Tensor, image_embed: List[Tensor], blocks: List[Tensor], output: List[Tensor]) -> Tensor:
    mod = (self).blocks_modulation(modulation, positions, )
    scales = (self).head_scales(blocks, torch.size(text, 1), torch.size(latents, 1), )
    last = torch.sub(torch.len(mod), 2)
    image = (self).image_embedding(latents, positions, image_embed, )
    words = text
    for i in range(last):
      at = torch.mul(i, 20)
      middle = torch.add(at, 10)
      image0, words0, = (self).block(image, words, mod[i], scales[i], blocks[at:middle], blocks[middle:torch.add(at, 20)], )
      image = image0
      words = words0
    at = torch.mul(last, 20)
    middle = torch.add(at, 10)
    final = (self).last_block(image, words, mod[last], scales[last], blocks[at:middle], blocks[middle:torch.add(at, 20)], )
    return (self).output_velocity(final, mod[-1], output, )

  def guide(self: __torch__.Kernels, velocity: Tensor, scale: Tensor) -> Tensor:
    parts = torch.chunk(velocity, 2, 0)
    return torch.lerp(parts[0], parts[1], scale)

  def ode_step(self: __torch__.Kernels, x: Tensor, velocity: Tensor, c: Tensor) -> Tensor:
    k = torch.unbind(c, 0)
    return torch.addcmul(torch.mul(x, k[0]), velocity, k[1])

  def sde_step(self: __torch__.Kernels, x: Tensor, velocity: Tensor, noise: Tensor, c: Tensor) -> Tuple[Tensor, Tensor, Tensor]:
    mean = (self).ode_step(x, velocity, c, )
    k = torch.unbind(c, 0)
    after = torch.addcmul(mean, noise, k[2])
    return (after, mean, (self).log_prob(after, mean, c, ))

  def log_prob(self: __torch__.Kernels, after: Tensor, mean: Tensor, c: Tensor) -> Tensor:
    k = torch.unbind(c, 0)
    squares = torch.square(torch.sub(after, mean))
    return torch.sub(k[4], torch.mul(torch.mean(torch.flatten(squares, 1), [1]), k[3]))

  def divergence(self: __torch__.Kernels, mean: Tensor, other: Tensor, scale: Tensor) -> Tensor:
    squares = torch.square(torch.sub(mean, other))
    return torch.mul(torch.mean(torch.flatten(squares, 1), [1]), scale)

  def guarded_log_ratio(self: __torch__.Kernels, log_ratio: Tensor, shift: Tensor, std: Tensor) -> Tensor:
    return torch.mul(torch.add(log_ratio, shift), std)

  def clipped_loss(self: __torch__.Kernels, log_ratio: Tensor, advantages: Tensor, clip: Tensor) -> Tuple[Tensor, Tensor]:
    ratio = torch.exp(log_ratio)
    clipped = torch.clamp(ratio, torch.sub(torch.ones_like(clip), clip), torch.add(clip, 1))
    loss = torch.neg(torch.minimum(torch.mul(advantages, ratio), torch.mul(advantages, clipped)))
    return (loss, ratio)

  def masked_loss(self: __torch__.Kernels, log_ratio: Tensor, advantages: Tensor, divergence: Tensor, limit: Tensor) -> Tuple[Tensor, Tensor, Tensor]:
    ratio = torch.exp(log_ratio)
    away = torch.gt(torch.mul(torch.sub(ratio, 1), advantages), 0)
    cut = torch.logical_and(away, torch.ge(divergence, limit))
    loss = torch.masked_fill(torch.neg(torch.mul(advantages, ratio)), cut, 0)
    return (loss, ratio, torch.to(cut, 6))

  def weighted_sum(self: __torch__.Kernels, losses: Tensor, scale: Tensor) -> Tensor:
    return torch.mul(torch.sum(losses), scale)

  def inner_product(self: __torch__.Kernels, values: List[Tensor], gradients: List[Tensor]) -> Tensor:
    products = annotate(List[Tensor], [])
    for i in range(torch.len(values)):
      _0 = torch.append(products, torch.sum(torch.mul(values[i], gradients[i])))
    return torch.sum(torch.stack(products))

  # dtypes by number: 6 is float32, 15 bfloat16.
  def from_bfloat16_bits(self: __torch__.Kernels, bits: Tensor) -> Tensor:
    return torch.view_copy(bits, dtype=15)

  def float32_copy(self: __torch__.Kernels, x: Tensor) -> Tensor:
    return torch.to(x, 6, False, True)

  def bfloat16_copy(self: __torch__.Kernels, x: Tensor) -> Tensor:
    return torch.to(x, 15, False, True)

  def assign(self: __torch__.Kernels, target: Tensor, values: Tensor) -> Tensor:
    return torch.copy_(torch.detach(target), values)

  def lora_weight(self: __torch__.Kernels, base: Tensor, a: Tensor, b: Tensor, scale: Tensor) -> Tensor:
    return torch.add(base, torch.mul(torch.matmul(b, a), scale))

  def lora_merge(self: __torch__.Kernels, weight: Tensor, base: Tensor, a: Tensor, b: Tensor, scale: Tensor) -> Tensor:
    return (self).assign(weight, (self).lora_weight(base, a, b, scale, ), )

  def lora_gradients(self: __torch__.Kernels, gradient: Tensor, a: Tensor, b: Tensor, scale: Tensor) -> Tuple[Tensor, Tensor]:
    scaled = torch.mul(gradient, scale)
    return (torch.matmul(torch.t(b), scaled), torch.matmul(scaled, torch.t(a)))

  def squared_error(self: __torch__.Kernels, prediction: Tensor, target: Tensor) -> Tensor:
    return torch.mean(torch.square(torch.sub(prediction, target)))

  def clip_gradients(self: __torch__.Kernels, max_norm: Tensor, g: List[Tensor]) -> Tensor:
    norm = torch.linalg_vector_norm(torch.stack(torch._foreach_norm(g, 2)), 2)
    factor = torch.clamp(torch.div(max_norm, torch.add(norm, 9.9999999999999995e-07)), None, 1.)
    torch._foreach_mul_(g, factor)
    return norm

  def adamw_step(self: __torch__.Kernels, lr: Tensor, decay: Tensor, p: List[Tensor], g: List[Tensor], m: List[Tensor], v: List[Tensor], s: List[Tensor]) -> Tensor:
    torch._fused_adamw_(p, g, m, v, [], s, lr=lr, beta1=0.90000000000000002, beta2=0.999, weight_decay=float(decay), eps=1e-08, amsgrad=False, maximize=False)
    return lr

  def ema_step(self: __torch__.Kernels, weight: Tensor, e: List[Tensor], p: List[Tensor]) -> Tensor:
    torch._foreach_lerp_(e, p, float(weight))
    return weight
