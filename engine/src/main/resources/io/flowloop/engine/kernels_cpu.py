
  # gelu's tanh form as x * sigmoid(2 u), u = sqrt(2 / pi) (x + 0.044715 x^3): the CPU's sigmoid is
  # vectorised better than its tanh.
  def gelu(self: __torch__.Kernels, x: Tensor) -> Tensor:
    slope = torch.addcmul(torch.full([], 1.5957691216057308), x, x, value=0.071354816272600247)
    if torch.is_grad_enabled():
      y = torch.mul(torch.sigmoid_(torch.mul(slope, x)), x)
    else:
      y = torch.mul_(torch.sigmoid_(torch.mul_(slope, x)), x)
    return y

  # Few tokens: two matrix products are faster than the fused kernel, which wins by not storing the
  # weights of many.
  def attention(self: __torch__.Kernels, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    if torch.le(torch.size(k, 2), 256):
      keys = torch.transpose(torch.flatten(k, 0, 1), 1, 2)
      weights = torch.softmax(torch.bmm(torch.flatten(q, 0, 1), keys), -1)
      attended = torch.view(torch.bmm(weights, torch.flatten(v, 0, 1)), torch.size(q))
    else:
      attended = torch.scaled_dot_product_attention(q, k, v, None, 0., False, scale=1.)
    return attended

  def attention_kernel(self: __torch__.Kernels, q: Tensor) -> Tensor:
    if torch.le(torch.size(q, 2), 256):
      choice = -1
    else:
      choice = torch._fused_sdp_choice(q, q, q, None, 0., False, scale=1.)
    return torch.full([], choice, dtype=3)

  # Scales of queries and keys for every token of all blocks at once: (2, 1, 1, S + L, width) each.
  def head_scales(self: __torch__.Kernels, blocks: List[Tensor], image: int, text: int) -> List[Tensor]:
    scales = annotate(List[Tensor], [])
    for i in range(torch.floordiv(torch.len(blocks), 20)):
      at = torch.mul(i, 20)
      _0 = torch.extend(scales, blocks[torch.add(at, 2):torch.add(at, 4)])
      _1 = torch.extend(scales, blocks[torch.add(at, 12):torch.add(at, 14)])
    width = torch.size(scales[0], 0)
    streams = torch.view(torch.cat(scales, 0), [-1, 2, 2, 1, 1, width])
    tokens = torch.arange(torch.add(text, image), dtype=4, layout=0, device=ops.prim.device(scales[0]))
    stream = torch.to(torch.ge(tokens, image), 4)
    return torch.unbind(torch.permute(torch.index_select(streams, 1, stream), [0, 2, 3, 4, 1, 5]), 0)

  # A part without an adapter gets zeros; an adapter of the whole layer stands in the place of q's.
  def adapted_qkv(self: __torch__.Kernels, y: Tensor, x: Tensor, adapters: List[Tensor], at: int) -> Tensor:
    if torch.lt(torch.len(adapters), 24):
      z = y
    elif torch.eq(torch.size(adapters[torch.add(at, 1)], 0), torch.size(y, -1)):
      z = (self).adapted(y, x, adapters, at, )
    else:
      parts = annotate(List[Tensor], [])
      third = torch.floordiv(torch.size(y, -1), 3)
      for i in range(3):
        place = torch.add(at, torch.mul(i, 2))
        if torch.eq(torch.numel(adapters[place]), 0):
          part = torch.zeros_like(torch.narrow(y, -1, 0, third))
        else:
          part = (self).low_rank(x, adapters[place], adapters[torch.add(place, 1)], )
        _0 = torch.append(parts, part)
      z = torch.add(y, torch.cat(parts, -1))
    return z

  def heads(self: __torch__.Kernels, qkv: Tensor, width: int) -> Tensor:
    split = torch.view(qkv, [torch.size(qkv, 0), torch.size(qkv, 1), 3, -1, width])
    return torch.permute(split, [2, 0, 3, 1, 4])

  # The fourth root of the width in queries and in keys is attention's 1 / sqrt(width).
  def joint_heads(self: __torch__.Kernels, image: Tensor, text: Tensor, scale: Tensor, rotations: Tensor, iw: List[Tensor], tw: List[Tensor], adapters: List[Tensor]) -> Tuple[Tensor, Tensor, Tensor]:
    iqkv = (self).adapted_qkv((self).linear(image, iw[0], iw[1], ), image, adapters, 0, )
    tqkv = (self).adapted_qkv((self).linear(text, tw[0], tw[1], ), text, adapters, 12, )
    width = torch.size(iw[2], 0)
    theads = torch.expand((self).heads(tqkv, width, ), [-1, torch.size(iqkv, 0), -1, -1, -1])
    qkv = torch.cat([(self).heads(iqkv, width, ), theads], 3)
    qk = torch.narrow(qkv, 0, 0, 2)
    norm = torch.linalg_vector_norm(qk, 2, [-1], True, dtype=6)
    root = torch.rsqrt(torch.add(torch.mul(torch.square(norm), torch.pow(width, -0.5)), torch.mul(torch.pow(width, 0.5), 9.9999999999999995e-07)))
    turned = (self).rotated(torch.mul(torch.mul(qk, root), scale), rotations, )
    normed = torch.unbind(torch.to(turned, ops.prim.dtype(qkv)), 0)
    return (normed[0], normed[1], torch.select(qkv, 0, 2))
