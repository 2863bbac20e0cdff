class Kernels(Module):
  __parameters__ = []
  __buffers__ = []
  training : bool

  def guide(self: __torch__.Kernels, velocity: Tensor, scale: Tensor) -> Tensor:
    parts = torch.chunk(velocity, 2, 0)
    return torch.lerp(parts[0], parts[1], scale)

  # Guided, with the length that each token has without guidance.
  def guide_rescaled(self: __torch__.Kernels, velocity: Tensor, scale: Tensor) -> Tensor:
    guided = (self).guide(velocity, scale, )
    length = torch.linalg_vector_norm(torch.chunk(velocity, 2, 0)[1], 2, [-1], True)
    return torch.mul(guided, torch.div(length, torch.linalg_vector_norm(guided, 2, [-1], True)))

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
      _0 = torch.append(products, torch.to(torch.sum(torch.mul(values[i], gradients[i])), 6))
    return torch.sum(torch.stack(products))

  # dtypes by number: 6 is float32, 15 bfloat16.
  def from_bfloat16_bits(self: __torch__.Kernels, bits: Tensor) -> Tensor:
    return torch.view_copy(bits, dtype=15)

  def float32_copy(self: __torch__.Kernels, x: Tensor) -> Tensor:
    return torch.to(x, 6, False, True)

  def bfloat16_copy(self: __torch__.Kernels, x: Tensor) -> Tensor:
    return torch.to(x, 15, False, True)

  def joined(self: __torch__.Kernels, parts: List[Tensor]) -> Tensor:
    return torch.cat(parts, 0)

  def swapped(self: __torch__.Kernels, halves: List[Tensor]) -> Tensor:
    parts = torch.chunk(halves[0], 2, 0)
    return torch.cat([parts[1], parts[0]], 0)

  def assign(self: __torch__.Kernels, target: Tensor, values: Tensor) -> Tensor:
    return torch.copy_(torch.detach(target), values)

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

  # An embedding of words, moved by one of places.
  def word_embedding(self: __torch__.Kernels, ids: Tensor, w: List[Tensor]) -> Tensor:
    return torch.add(torch.embedding(w[0], ids), w[1])
