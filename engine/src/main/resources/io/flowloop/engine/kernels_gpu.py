
  def gelu(self: __torch__.Kernels, x: Tensor) -> Tensor:
    return torch.gelu(x, approximate="tanh")

  def attention(self: __torch__.Kernels, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    return torch.scaled_dot_product_attention(q, k, v, None, 0., False)

  def attention_kernel(self: __torch__.Kernels, q: Tensor) -> Tensor:
    return torch.full([], torch._fused_sdp_choice(q, q, q, None, 0., False), dtype=3)

  # Each stream has scales of its own here: what many rows share is slow to repeat on a GPU.
  def head_scales(self: __torch__.Kernels, blocks: List[Tensor], image: int, text: int) -> List[Tensor]:
    scales = annotate(List[Tensor], [])
    for i in range(torch.floordiv(torch.len(blocks), 20)):
      _0 = torch.append(scales, blocks[torch.add(torch.mul(i, 20), 2)])
    return scales

  # Queries, keys and values of a stream, (k, tokens, heads, width), as products of their own: norms
  # and copies of thirds of one product, which lie apart, cost more than three products do.
  def stream_heads(self: __torch__.Kernels, x: Tensor, w: List[Tensor], adapters: List[Tensor], at: int) -> List[Tensor]:
    width = torch.size(w[2], 0)
    weights = torch.chunk(w[0], 3)
    biases = torch.chunk(w[1], 3)
    pairs = (self).part_adapters(adapters, at, torch.size(w[0], 0), )
    heads = annotate(List[Tensor], [])
    for i in range(3):
      y = (self).adapted((self).linear(x, weights[i], biases[i], ), x, pairs, torch.mul(i, 2), )
      _0 = torch.append(heads, torch.unflatten(y, -1, [-1, width]))
    return heads

  # Pairs of queries, keys and values, or none: an adapter of the whole layer is cut as its weight is.
  def part_adapters(self: __torch__.Kernels, adapters: List[Tensor], at: int, out: int) -> List[Tensor]:
    if torch.lt(torch.len(adapters), 24):
      pairs = annotate(List[Tensor], [])
    elif torch.eq(torch.size(adapters[torch.add(at, 1)], 0), out):
      a = adapters[at]
      b = torch.chunk(adapters[torch.add(at, 1)], 3)
      pairs = [a, b[0], a, b[1], a, b[2]]
    else:
      pairs = adapters[at:torch.add(at, 6)]
    return pairs

  def normed_heads(self: __torch__.Kernels, x: Tensor, w: Tensor, rows: int) -> Tensor:
    normed = torch.rms_norm(x, [torch.size(w, 0)], w, 9.9999999999999995e-07)
    return torch.expand(normed, [rows, -1, -1, -1])

  # Queries and keys are turned as one tensor, in half as many calls. One text may be that of all rows.
  def joint_heads(self: __torch__.Kernels, image: Tensor, text: Tensor, scale: Tensor, rotations: Tensor, iw: List[Tensor], tw: List[Tensor], adapters: List[Tensor]) -> Tuple[Tensor, Tensor, Tensor]:
    rows = torch.size(image, 0)
    iheads = (self).stream_heads(image, iw, adapters, 0, )
    theads = (self).stream_heads(text, tw, adapters, 12, )
    queries = [(self).normed_heads(iheads[0], iw[2], rows, ), (self).normed_heads(theads[0], tw[2], rows, )]
    keys = [(self).normed_heads(iheads[1], iw[3], rows, ), (self).normed_heads(theads[1], tw[3], rows, )]
    both = torch.unflatten(torch.cat([queries[0], queries[1], keys[0], keys[1]], 1), 1, [2, -1])
    turned = torch.to((self).rotated(both, torch.unsqueeze(rotations, 1), ), ops.prim.dtype(image))
    joint = torch.unbind(torch.transpose(turned, 2, 3), 1)
    values = torch.cat([iheads[2], torch.expand(theads[2], [rows, -1, -1, -1])], 1)
    return (joint[0], joint[1], torch.transpose(values, 1, 2))
