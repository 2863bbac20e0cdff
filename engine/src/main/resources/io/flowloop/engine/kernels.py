class Kernels(Module):
  __parameters__ = []
  __buffers__ = []
  training : bool

  def modulate(self: __torch__.Kernels, x: Tensor, shift: Tensor, scale: Tensor) -> Tensor:
    normed = torch.layer_norm(x, [torch.size(x, -1)], None, None, 9.9999999999999995e-07)
    return torch.addcmul(shift, normed, torch.add(scale, 1))

  def heads(self: __torch__.Kernels, x: Tensor, width: int) -> Tensor:
    split = torch.view(x, [torch.size(x, 0), torch.size(x, 1), -1, width])
    return split

  def stream_mlp(self: __torch__.Kernels, x: Tensor, attended: Tensor, mod: List[Tensor], w: List[Tensor]) -> Tensor:
    mixed = torch.addcmul(x, mod[2], torch.linear(attended, w[6], w[7]))
    hidden = torch.linear((self).modulate(mixed, mod[3], mod[4], ), w[8], w[9])
    return torch.addcmul(mixed, mod[5], torch.linear(torch.gelu(hidden, approximate="tanh"), w[10], w[11]))

  def stream_modulation(self: __torch__.Kernels, conditioning: Tensor, w: List[Tensor]) -> List[Tensor]:
    return torch.chunk(torch.unsqueeze(torch.linear(conditioning, w[0], w[1]), 1), 6, -1)

  def mmdit_block(self: __torch__.Kernels, image: Tensor, text: Tensor, conditioning: Tensor, iw: List[Tensor], tw: List[Tensor]) -> Tuple[Tensor, Tensor]:
    shared = torch.view(conditioning, [-1, torch.size(conditioning, 1)])
    imod = (self).stream_modulation(shared, iw, )
    tmod = (self).stream_modulation(shared, tw, )
    iqkv = torch.chunk(torch.linear((self).modulate(image, imod[0], imod[1], ), iw[2], iw[3]), 3, -1)
    tqkv = torch.chunk(torch.linear((self).modulate(text, tmod[0], tmod[1], ), tw[2], tw[3]), 3, -1)
    width = torch.size(iw[4], 0)
    iq = torch.rms_norm((self).heads(iqkv[0], width, ), [width], iw[4], 9.9999999999999995e-07)
    ik = torch.rms_norm((self).heads(iqkv[1], width, ), [width], iw[5], 9.9999999999999995e-07)
    tq = torch.rms_norm((self).heads(tqkv[0], width, ), [width], tw[4], 9.9999999999999995e-07)
    tk = torch.rms_norm((self).heads(tqkv[1], width, ), [width], tw[5], 9.9999999999999995e-07)
    q = torch.transpose(torch.cat([tq, iq], 1), 1, 2)
    k = torch.transpose(torch.cat([tk, ik], 1), 1, 2)
    v = torch.transpose(torch.cat([(self).heads(tqkv[2], width, ), (self).heads(iqkv[2], width, )], 1), 1, 2)
    attended = torch.flatten(torch.transpose(torch.scaled_dot_product_attention(q, k, v), 1, 2), 2)
    tokens = torch.size(text, 1)
    tattended = torch.narrow(attended, 1, 0, tokens)
    iattended = torch.narrow(attended, 1, tokens, torch.size(image, 1))
    return ((self).stream_mlp(image, iattended, imod, iw, ), (self).stream_mlp(text, tattended, tmod, tw, ))

  def time_embedding(self: __torch__.Kernels, sigmas: Tensor, frequencies: Tensor, w: List[Tensor]) -> Tensor:
    angles = torch.mul(torch.unsqueeze(torch.mul(sigmas, 1000), 1), frequencies)
    hidden = torch.silu(torch.linear(torch.cat([torch.cos(angles), torch.sin(angles)], -1), w[0], w[1]))
    return torch.silu(torch.linear(hidden, w[2], w[3]))

  def image_embedding(self: __torch__.Kernels, latents: Tensor, positions: Tensor, w: List[Tensor]) -> Tensor:
    return torch.add(torch.linear(latents, w[0], w[1]), positions)

  def text_embedding(self: __torch__.Kernels, ids: Tensor, w: List[Tensor]) -> Tensor:
    return torch.add(torch.embedding(w[0], ids), w[1])

  def output_velocity(self: __torch__.Kernels, image: Tensor, conditioning: Tensor, w: List[Tensor]) -> Tensor:
    mod = torch.chunk(torch.unsqueeze(torch.linear(conditioning, w[0], w[1]), 1), 2, -1)
    return torch.linear((self).modulate(image, mod[0], mod[1], ), w[2], w[3])

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
