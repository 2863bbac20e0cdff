
  def linear(self: __torch__.Kernels, x: Tensor, w: Tensor, b: Tensor) -> Tensor:
    return torch.to(torch.linear(torch.to(x, 15), torch.to(w, 15), torch.to(b, 15)), 6)

  def linear_gelu(self: __torch__.Kernels, x: Tensor, w: Tensor, b: Tensor) -> Tensor:
    return (self).gelu((self).linear(x, w, b, ), )
