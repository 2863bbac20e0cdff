
  # Dense layers of the CPU by oneDNN: on processors that MKL does not favour, twice as fast. Below 32
  # rows its set-up costs more than the product. Its inference form, which can fuse GELU, knows no
  # gradient, and the form that autograd knows rounds in another way: what is recorded is the second,
  # with the bits of the first written over its own.
  def has_few_rows(self: __torch__.Kernels, x: Tensor) -> bool:
    return torch.lt(torch.floordiv(torch.numel(x), torch.size(x, -1)), 32)

  def inferred(self: __torch__.Kernels, x: Tensor, w: Tensor, b: Tensor, activation: str, form: str) -> Tensor:
    return ops.mkldnn._linear_pointwise(x, w, b, activation, annotate(List[Optional[number]], []), form)

  # Of libtorch 2.7.1, oneDNN's gradient of x is wrong for some widths of y, no multiples of 64 among them.
  def differentiable(self: __torch__.Kernels, x: Tensor, w: Tensor, b: Tensor) -> Tensor:
    if torch.eq(torch.remainder(torch.size(w, 0), 64), 0):
      y = torch.to_dense(torch.mkldnn_linear(torch.to_mkldnn(x), w, b))
    else:
      y = torch.linear(x, w, b)
    return y

  def valued(self: __torch__.Kernels, graph: Tensor, x: Tensor, w: Tensor, b: Tensor, activation: str, form: str) -> Tensor:
    value = (self).inferred(torch.detach(x), torch.detach(w), torch.detach(b), activation, form, )
    _0 = torch.copy_(torch.detach(graph), value)
    return graph

  def linear(self: __torch__.Kernels, x: Tensor, w: Tensor, b: Tensor) -> Tensor:
    if (self).has_few_rows(x, ):
      y = torch.linear(x, w, b)
    elif torch.is_grad_enabled():
      y = (self).valued((self).differentiable(x, w, b, ), x, w, b, "none", "", )
    else:
      y = (self).inferred(x, w, b, "none", "", )
    return y

  def linear_gelu(self: __torch__.Kernels, x: Tensor, w: Tensor, b: Tensor) -> Tensor:
    if (self).has_few_rows(x, ):
      y = (self).gelu(torch.linear(x, w, b), )
    elif torch.is_grad_enabled():
      y = (self).valued((self).gelu((self).differentiable(x, w, b, ), ), x, w, b, "gelu", "tanh", )
    else:
      y = (self).inferred(x, w, b, "gelu", "tanh", )
    return y
