
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

  def stream_heads(self: __torch__.Kernels, qkv: Tensor, w: List[Tensor]) -> Tuple[Tensor, Tensor, Tensor]:
    width = torch.size(w[2], 0)
    parts = torch.unbind((self).heads(qkv, width, ), 0)
    q = torch.rms_norm(parts[0], [width], w[2], 9.9999999999999995e-07)
    k = torch.rms_norm(parts[1], [width], w[3], 9.9999999999999995e-07)
    return (q, k, parts[2])

  def joint(self: __torch__.Kernels, image: Tensor, text: Tensor) -> Tensor:
    return torch.cat([image, torch.expand(text, [torch.size(image, 0), -1, -1, -1])], 2)

  def joint_heads(self: __torch__.Kernels, iqkv: Tensor, tqkv: Tensor, scale: Tensor, rotations: Tensor, iw: List[Tensor], tw: List[Tensor]) -> Tuple[Tensor, Tensor, Tensor]:
    iq, ik, iv, = (self).stream_heads(iqkv, iw, )
    tq, tk, tv, = (self).stream_heads(tqkv, tw, )
    dtype = ops.prim.dtype(iqkv)
    q = torch.to((self).rotated((self).joint(iq, tq, ), rotations, ), dtype)
    k = torch.to((self).rotated((self).joint(ik, tk, ), rotations, ), dtype)
    return (q, k, (self).joint(iv, tv, ))
