
  def gelu(self: __torch__.Kernels, x: Tensor) -> Tensor:
    return torch.gelu(x, approximate="tanh")

  def attention(self: __torch__.Kernels, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    return torch.scaled_dot_product_attention(q, k, v, None, 0., False, scale=1.)

  def attention_kernel(self: __torch__.Kernels, q: Tensor) -> Tensor:
    return torch.full([], torch._fused_sdp_choice(q, q, q, None, 0., False, scale=1.), dtype=3)
