
  # What FusedBlocks runs between its fusions, and the fusions in libtorch's operators. In place
  # where they can, so never recorded.
  def fused_like(self: __torch__.Kernels, x: Tensor, y: Tensor) -> Tensor:
    return torch.contiguous(torch.to(x, ops.prim.dtype(y)))

  def fused_bfloat16(self: __torch__.Kernels, x: Tensor) -> Tensor:
    return torch.to(x, 15)

  # Normalized tokens of both streams, with the columns of their widest layer's weight, and q, k and v
  # of all tokens, the image's first.
  def fused_buffers(self: __torch__.Kernels, image: Tensor, text: Tensor, norm: Tensor, image_layer: Tensor, text_layer: Tensor) -> List[Tensor]:
    rows = torch.size(image, 0)
    width = torch.size(norm, 0)
    tokens = torch.add(torch.size(image, 1), torch.size(text, 1))
    joint = [rows, tokens, torch.floordiv(torch.size(image, 2), width), width]
    inormed = torch.new_empty(image, [rows, torch.size(image, 1), torch.size(image_layer, 1)])
    tnormed = torch.new_empty(text, [rows, torch.size(text, 1), torch.size(text_layer, 1)])
    return [inormed, tnormed, torch.new_empty(image, joint), torch.new_empty(image, joint), torch.new_empty(image, joint)]

  # The first columns of the buffer of normalized tokens.
  def fused_result(self: __torch__.Kernels, normed: Tensor, x: Tensor) -> Tensor:
    return torch.contiguous(torch.narrow(normed, 2, 0, torch.size(x, 2)))

  # A layer is its weight and bias. An adapter (A, B) makes it four tensors, with (x A^T) B^T added to
  # its product; or three, where what it reads has room behind x for x A^T: then the columns of B
  # stand behind those of the weight, and one product computes both.
  def fused_beside(self: __torch__.Kernels, weight: Tensor, pairs: List[Tensor]) -> List[Tensor]:
    dtype = ops.prim.dtype(weight)
    return [torch.to(pairs[0], dtype), torch.to(pairs[1], dtype)]

  # Each pair adapts as many rows of the weight; ranks together are filled up to a multiple of 8.
  def fused_widened(self: __torch__.Kernels, weight: Tensor, pairs: List[Tensor]) -> List[Tensor]:
    out = torch.size(weight, 0)
    part = torch.floordiv(torch.mul(out, 2), torch.len(pairs))
    columns = annotate(List[Tensor], [weight])
    rows = annotate(List[Tensor], [])
    ranks = 0
    for i in range(torch.floordiv(torch.len(pairs), 2)):
      a = pairs[torch.mul(i, 2)]
      if torch.gt(torch.numel(a), 0):
        b = torch.new_zeros(weight, [out, torch.size(a, 0)])
        _0 = torch.copy_(torch.narrow(b, 0, torch.mul(i, part), part), pairs[torch.add(torch.mul(i, 2), 1)])
        _1 = torch.append(columns, b)
        _2 = torch.append(rows, torch.to(a, ops.prim.dtype(weight)))
        ranks = torch.add(ranks, torch.size(a, 0))
    missing = torch.remainder(torch.neg(ranks), 8)
    _3 = torch.append(columns, torch.new_zeros(weight, [out, missing]))
    _4 = torch.append(rows, torch.new_zeros(weight, [missing, torch.size(weight, 1)]))
    return [torch.cat(columns, 1), torch.cat(rows, 0)]

  # The tokens that a layer multiplies, as a matrix.
  def fused_input(self: __torch__.Kernels, normed: Tensor, layer: List[Tensor]) -> Tensor:
    tokens = torch.flatten(normed, 0, 1)
    if torch.eq(torch.len(layer), 3):
      a = layer[2]
      width = torch.size(a, 1)
      low = torch.narrow(tokens, 1, width, torch.size(a, 0))
      _0 = torch.mm(torch.narrow(tokens, 1, 0, width), torch.t(a), out=low)
    return torch.narrow(tokens, 1, 0, torch.size(layer[0], 1))

  def fused_linear(self: __torch__.Kernels, normed: Tensor, layer: List[Tensor]) -> Tensor:
    y = torch.addmm(layer[1], (self).fused_input(normed, layer, ), torch.t(layer[0]))
    return torch.view(y, [torch.size(normed, 0), torch.size(normed, 1), -1])

  # A GPU's product takes the tanh form of GELU along; a CPU's takes another function.
  def fused_linear_gelu(self: __torch__.Kernels, normed: Tensor, layer: List[Tensor]) -> Tensor:
    if ops.prim.is_cuda(normed):
      y = torch._addmm_activation(layer[1], (self).fused_input(normed, layer, ), torch.t(layer[0]), use_gelu=True)
      activated = torch.view(y, [torch.size(normed, 0), torch.size(normed, 1), -1])
    else:
      activated = torch.gelu_((self).fused_linear(normed, layer, ), approximate="tanh")
    return activated

  # Without its bias.
  def fused_product(self: __torch__.Kernels, x: Tensor, layer: List[Tensor]) -> Tensor:
    y = torch.linear(x, layer[0], None)
    if torch.eq(torch.len(layer), 4):
      low = torch.flatten(torch.linear(x, layer[2], None), 0, 1)
      _0 = torch.addmm_(torch.flatten(y, 0, 1), low, torch.t(layer[3]))
    return y

  # Of both streams at once, since a call costs more than the small tensors of one of them.
  def fused_qkv(self: __torch__.Kernels, image: Tensor, text: Tensor, image_layer: List[Tensor], text_layer: List[Tensor]) -> Tuple[Tensor, Tensor]:
    return ((self).fused_linear(image, image_layer, ), (self).fused_linear(text, text_layer, ))

  # Without the last bias.
  def fused_mlp(self: __torch__.Kernels, image: Tensor, text: Tensor, image_up: List[Tensor], image_down: List[Tensor], text_up: List[Tensor], text_down: List[Tensor]) -> Tuple[Tensor, Tensor]:
    y = (self).fused_product((self).fused_linear_gelu(image, image_up, ), image_down, )
    z = (self).fused_product((self).fused_linear_gelu(text, text_up, ), text_down, )
    return (y, z)

  # A product without its bias into `out`, by rows of the batch: attended tokens of a stream lie apart.
  def fused_product_into(self: __torch__.Kernels, out: Tensor, x: Tensor, layer: List[Tensor]) -> Tensor:
    rows = torch.size(x, 0)
    y = torch.bmm(x, torch.expand(torch.t(layer[0]), [rows, -1, -1]), out=out)
    if torch.eq(torch.len(layer), 4):
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
    return torch.copy_(torch.narrow(out, 2, 0, torch.size(x, 2)), torch.addcmul(shift, normed, factor))

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
