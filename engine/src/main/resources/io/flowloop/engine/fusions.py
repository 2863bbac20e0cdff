
  # What FusedBlocks runs between its fusions, and the fusions in libtorch's operators. In place
  # where they can, so never recorded.
  def fused_like(self: __torch__.Kernels, x: Tensor, y: Tensor) -> Tensor:
    return torch.contiguous(torch.to(x, ops.prim.dtype(y)))

  def fused_bfloat16(self: __torch__.Kernels, x: Tensor) -> Tensor:
    return torch.to(x, 15)

  # Normalized tokens of both streams, then q, k and v of all tokens, the image's first.
  def fused_buffers(self: __torch__.Kernels, image: Tensor, text: Tensor, norm: Tensor) -> List[Tensor]:
    width = torch.size(norm, 0)
    tokens = torch.add(torch.size(image, 1), torch.size(text, 1))
    joint = [torch.size(image, 0), tokens, torch.floordiv(torch.size(image, 2), width), width]
    return [torch.empty_like(image), torch.empty_like(text), torch.new_empty(image, joint), torch.new_empty(image, joint), torch.new_empty(image, joint)]

  # A layer is its weight and bias and, if it is adapted, A of all its adapters, (rank, in), and B of
  # each of its equal parts, (out / parts, rank of the part).
  def fused_adapter(self: __torch__.Kernels, weight: Tensor, pairs: List[Tensor]) -> List[Tensor]:
    dtype = ops.prim.dtype(weight)
    first = annotate(List[Tensor], [])
    second = annotate(List[Tensor], [])
    for i in range(torch.floordiv(torch.len(pairs), 2)):
      a = pairs[torch.mul(i, 2)]
      if torch.eq(torch.numel(a), 0):
        _0 = torch.append(second, torch.new_empty(weight, [0, 0]))
      else:
        _1 = torch.append(first, torch.to(a, dtype))
        _2 = torch.append(second, torch.to(pairs[torch.add(torch.mul(i, 2), 1)], dtype))
    return torch.add([torch.cat(first, 0)], second)

  def fused_adapted(self: __torch__.Kernels, y: Tensor, x: Tensor, layer: List[Tensor]) -> Tensor:
    if torch.gt(torch.len(layer), 2):
      low = torch.flatten(torch.linear(x, layer[2], None), 0, 1)
      high = torch.view(y, [torch.size(low, 0), -1])
      width = torch.floordiv(torch.size(y, -1), torch.sub(torch.len(layer), 3))
      start = 0
      for i in range(torch.sub(torch.len(layer), 3)):
        b = layer[torch.add(i, 3)]
        rank = torch.size(b, 1)
        if torch.gt(rank, 0):
          part = torch.narrow(high, 1, torch.mul(i, width), width)
          _0 = torch.addmm_(part, torch.narrow(low, 1, start, rank), torch.t(b))
        start = torch.add(start, rank)
    return y

  def fused_linear(self: __torch__.Kernels, x: Tensor, layer: List[Tensor]) -> Tensor:
    return (self).fused_adapted(torch.linear(x, layer[0], layer[1]), x, layer, )

  def fused_product(self: __torch__.Kernels, x: Tensor, layer: List[Tensor]) -> Tensor:
    return (self).fused_adapted(torch.linear(x, layer[0], None), x, layer, )

  # A GPU's product takes the tanh form of GELU along; a CPU's takes another function.
  def fused_linear_gelu(self: __torch__.Kernels, x: Tensor, layer: List[Tensor]) -> Tensor:
    if torch.__and__(ops.prim.is_cuda(x), torch.eq(torch.len(layer), 2)):
      y = torch._addmm_activation(layer[1], torch.flatten(x, 0, 1), torch.t(layer[0]), use_gelu=True)
      activated = torch.view(y, [torch.size(x, 0), torch.size(x, 1), -1])
    else:
      activated = torch.gelu_((self).fused_linear(x, layer, ), approximate="tanh")
    return activated

  # Into `out`, by rows of the batch: attended tokens of one stream lie apart.
  def fused_product_into(self: __torch__.Kernels, out: Tensor, x: Tensor, layer: List[Tensor]) -> Tensor:
    rows = torch.size(x, 0)
    y = torch.bmm(x, torch.expand(torch.t(layer[0]), [rows, -1, -1]), out=out)
    if torch.gt(torch.len(layer), 2):
      low = torch.bmm(x, torch.expand(torch.t(layer[2]), [rows, -1, -1]))
      _0 = torch.baddbmm_(out, low, torch.expand(torch.t(layer[3]), [rows, -1, -1]))
    return y

  def fused_attention(self: __torch__.Kernels, q: Tensor, k: Tensor, v: Tensor, cudnn: bool) -> Tensor:
    hq = torch.transpose(q, 1, 2)
    hk = torch.transpose(k, 1, 2)
    hv = torch.transpose(v, 1, 2)
    if cudnn:
      a, _0, _1, _2, _3, _4, _5, _6, _7, = torch._scaled_dot_product_cudnn_attention(hq, hk, hv, None, False)
      heads = a
    else:
      heads = torch.scaled_dot_product_attention(hq, hk, hv)
    return torch.flatten(torch.transpose(heads, 1, 2), 2)

  # Attention and the products behind it, without their bias. Rows come in runs of equal text length,
  # (rows, tokens of text) each; zeros for what stands behind a shorter text.
  def fused_joint(self: __torch__.Kernels, image: Tensor, text: Tensor, joint: List[Tensor], runs: Tensor, image_out: List[Tensor], text_out: List[Tensor], cudnn: bool) -> Tuple[Tensor, Tensor]:
    tokens = torch.size(image, 1)
    y = torch.empty_like(image)
    if torch.gt(torch.size(runs, 0), 1):
      z = torch.zeros_like(text)
    else:
      z = torch.empty_like(text)
    start = 0
    for i in range(torch.size(runs, 0)):
      run = torch.select(runs, 0, i)
      rows = int(torch.select(run, 0, 0))
      words = int(torch.select(run, 0, 1))
      length = torch.add(tokens, words)
      q = torch.narrow(torch.narrow(joint[0], 0, start, rows), 1, 0, length)
      k = torch.narrow(torch.narrow(joint[1], 0, start, rows), 1, 0, length)
      v = torch.narrow(torch.narrow(joint[2], 0, start, rows), 1, 0, length)
      attended = (self).fused_attention(q, k, v, cudnn, )
      _0 = (self).fused_product_into(torch.narrow(y, 0, start, rows), torch.narrow(attended, 1, 0, tokens), image_out, )
      below = torch.narrow(torch.narrow(z, 0, start, rows), 1, 0, words)
      _1 = (self).fused_product_into(below, torch.narrow(attended, 1, tokens, words), text_out, )
      start = torch.add(start, rows)
    return (y, z)

  def fused_joint_by_libtorch(self: __torch__.Kernels, image: Tensor, text: Tensor, joint: List[Tensor], runs: Tensor, image_out: List[Tensor], text_out: List[Tensor]) -> Tuple[Tensor, Tensor]:
    return (self).fused_joint(image, text, joint, runs, image_out, text_out, False, )

  def fused_joint_by_cudnn(self: __torch__.Kernels, image: Tensor, text: Tensor, joint: List[Tensor], runs: Tensor, image_out: List[Tensor], text_out: List[Tensor]) -> Tuple[Tensor, Tensor]:
    return (self).fused_joint(image, text, joint, runs, image_out, text_out, True, )

  # A part of the modulation, for all tokens of a row: (k or 1, 1, D).
  def fused_part(self: __torch__.Kernels, modulation: Tensor, part: Tensor, after: int, x: Tensor) -> Tensor:
    width = torch.size(x, -1)
    start = torch.mul(torch.add(int(part), after), width)
    return torch.unsqueeze(torch.narrow(modulation, 1, start, width), 1)

  def fused_normalize(self: __torch__.Kernels, x: Tensor, modulation: Tensor, part: Tensor, out: Tensor) -> Tensor:
    shift = (self).fused_part(modulation, part, 0, x, )
    factor = (self).fused_part(modulation, part, 1, x, )
    normed = torch.layer_norm(x, [torch.size(x, -1)], None, None, 9.9999999999999995e-07)
    return torch.copy_(out, torch.addcmul(shift, normed, factor))

  def fused_add(self: __torch__.Kernels, x: Tensor, y: Tensor, bias: Tensor, modulation: Tensor, part: Tensor) -> Tensor:
    return torch.addcmul_(x, (self).fused_part(modulation, part, 2, x, ), torch.add(y, bias))

  def fused_turned(self: __torch__.Kernels, x: Tensor, norm: Tensor, rotations: Tensor) -> Tensor:
    normed = torch.to(torch.rms_norm(x, [torch.size(norm, 0)], norm, 9.9999999999999995e-07), 6)
    pairs = torch.view_as_complex(torch.contiguous(torch.unflatten(normed, -1, [-1, 2])))
    angles = torch.unsqueeze(torch.view_as_complex(rotations), 1)
    return torch.flatten(torch.view_as_real(torch.mul(pairs, angles)), -2)

  def fused_stream_heads(self: __torch__.Kernels, qkv: Tensor, start: int, norms: List[Tensor], rotations: Tensor, joint: List[Tensor]) -> Tensor:
    tokens = torch.size(qkv, 1)
    parts = torch.unbind(torch.unflatten(qkv, -1, [3, -1, torch.size(norms[0], 0)]), 2)
    angles = torch.narrow(rotations, 0, start, tokens)
    _0 = torch.copy_(torch.narrow(joint[0], 1, start, tokens), (self).fused_turned(parts[0], norms[0], angles, ))
    _1 = torch.copy_(torch.narrow(joint[1], 1, start, tokens), (self).fused_turned(parts[1], norms[1], angles, ))
    return torch.copy_(torch.narrow(joint[2], 1, start, tokens), parts[2])

  def fused_heads(self: __torch__.Kernels, image: Tensor, text: Tensor, norms: List[Tensor], rotations: Tensor, joint: List[Tensor]) -> Tensor:
    _0 = (self).fused_stream_heads(image, 0, norms[:2], rotations, joint, )
    return (self).fused_stream_heads(text, torch.size(image, 1), norms[2:], rotations, joint, )
