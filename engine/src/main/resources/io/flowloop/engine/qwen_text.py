
  # Qwen2.5-VL's language model over the text of one prompt. Norms and rotations compute in float32
  # (dtype 6), whatever the dtype of the weights; all else computes in that.
  def qwen_tokens(self: __torch__.Kernels, ids: Tensor, w: Tensor) -> Tensor:
    return torch.embedding(w, ids)

  def qwen_norm(self: __torch__.Kernels, x: Tensor, w: Tensor, epsilon: Tensor) -> Tensor:
    exact = torch.to(x, 6)
    root = torch.rsqrt(torch.add(torch.mean(torch.square(exact), [-1], True), epsilon))
    return torch.mul(w, torch.type_as(torch.mul(exact, root), w))

  # (1, L, h * W) to (1, h, L, W), where rope is (2, L, W / 2).
  def qwen_heads(self: __torch__.Kernels, x: Tensor, w: Tensor, b: Tensor, rope: Tensor) -> Tensor:
    width = torch.mul(torch.size(rope, -1), 2)
    split = torch.view(torch.linear(x, w, b), [torch.size(x, 0), torch.size(x, 1), -1, width])
    return torch.transpose(split, 1, 2)

  # Feature i of the first half of a head turns with feature i of the second.
  def qwen_rotated(self: __torch__.Kernels, x: Tensor, rope: Tensor) -> Tensor:
    halves = torch.chunk(torch.to(x, 6), 2, -1)
    turn = torch.unbind(rope, 0)
    first = torch.sub(torch.mul(halves[0], turn[0]), torch.mul(halves[1], turn[1]))
    second = torch.add(torch.mul(halves[1], turn[0]), torch.mul(halves[0], turn[1]))
    return torch.type_as(torch.cat([first, second], -1), x)

  def qwen_attention(self: __torch__.Kernels, x: Tensor, rope: Tensor, w: List[Tensor]) -> Tensor:
    q = (self).qwen_rotated((self).qwen_heads(x, w[0], w[1], rope, ), rope, )
    k = (self).qwen_rotated((self).qwen_heads(x, w[2], w[3], rope, ), rope, )
    v = (self).qwen_heads(x, w[4], w[5], rope, )
    shared = torch.floordiv(torch.size(q, 1), torch.size(k, 1))
    keys = torch.repeat_interleave(k, shared, 1)
    values = torch.repeat_interleave(v, shared, 1)
    attended = torch.scaled_dot_product_attention(q, keys, values, None, 0., True)
    return torch.linear(torch.flatten(torch.transpose(attended, 1, 2), 2), w[6], None)

  def qwen_layer(self: __torch__.Kernels, x: Tensor, rope: Tensor, epsilon: Tensor, w: List[Tensor]) -> Tensor:
    attended = (self).qwen_attention((self).qwen_norm(x, w[0], epsilon, ), rope, w[1:8], )
    mixed = torch.add(x, attended)
    normed = (self).qwen_norm(mixed, w[8], epsilon, )
    gate = torch.silu(torch.linear(normed, w[9], None))
    hidden = torch.mul(gate, torch.linear(normed, w[10], None))
    return torch.add(mixed, torch.linear(hidden, w[11], None))

  def qwen_output(self: __torch__.Kernels, x: Tensor, w: Tensor, epsilon: Tensor) -> Tensor:
    return torch.to((self).qwen_norm(x, w, epsilon, ), 6)
