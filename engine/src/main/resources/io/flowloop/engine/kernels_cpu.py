
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
