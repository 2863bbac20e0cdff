
  # Dense layers of the CPU by oneDNN: on processors that MKL does not favour, twice as fast. Below 32
  # rows its set-up costs more than the product. Recorded and unrecorded forms give the same bits.
  def linear(self: __torch__.Kernels, x: Tensor, w: Tensor, b: Tensor) -> Tensor:
    rows = torch.floordiv(torch.numel(x), torch.size(x, -1))
    if torch.lt(rows, 32):
      y = torch.linear(x, w, b)
    elif torch.is_grad_enabled():
      y = torch.to_dense(torch.mkldnn_linear(torch.to_mkldnn(x), w, b))
    else:
      y = ops.mkldnn._linear_pointwise(x, w, b, "none", annotate(List[Optional[number]], []), "")
    return y
