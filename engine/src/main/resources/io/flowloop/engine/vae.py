
  # Qwen-Image's VAE for single images. Its convolutions are causal in time: to the first frame, all
  # frames before it are zeros, so of a weight (out, in, 3, 3, 3) only the last slice in time counts.
  def vae_weight(self: __torch__.Kernels, w: Tensor) -> Tensor:
    if torch.eq(torch.dim(w), 5):
      weight = torch.clone(torch.select(w, 2, -1), memory_format=0)
    else:
      weight = torch.clone(w, memory_format=0)
    return weight

  # Without cuDNN's products of 11 bits (tf32), which it takes for float32 unless it is told not to.
  def vae_product(self: __torch__.Kernels, x: Tensor, w: Tensor, b: Tensor, stride: int, edge: int) -> Tensor:
    return torch._convolution(x, w, b, [stride, stride], [edge, edge], [1, 1], False, [0, 0], 1, False, False, True, False)

  def vae_convolution(self: __torch__.Kernels, x: Tensor, w: List[Tensor]) -> Tensor:
    edge = torch.floordiv(torch.size(w[0], -1), 2)
    return (self).vae_product(torch.type_as(x, w[0]), w[0], w[1], 1, edge, )

  # Every pixel's channels to a mean square of 1, in float32 up to the one rounding into the result.
  def vae_norm(self: __torch__.Kernels, x: Tensor, gamma: Tensor) -> Tensor:
    norm = torch.clamp(torch.linalg_vector_norm(x, 2, [1], True, dtype=6), 9.9999999999999998e-13)
    factor = torch.mul(torch.reciprocal(norm), torch.pow(torch.size(x, 1), 0.5))
    normed = torch.mul(x, factor, out=torch.empty_like(x))
    return torch.mul_(normed, torch.view(gamma, [-1, 1, 1]))

  def vae_head(self: __torch__.Kernels, x: Tensor, w: List[Tensor]) -> Tensor:
    return (self).vae_convolution(torch.silu_((self).vae_norm(x, w[0], )), w[1:3], )

  def vae_residual(self: __torch__.Kernels, x: Tensor, w: List[Tensor]) -> Tensor:
    branch = (self).vae_head((self).vae_head(x, w[:3], ), w[3:6], )
    if torch.eq(torch.len(w), 6):
      y = torch.add_(branch, x)
    else:
      y = torch.add_(branch, (self).vae_convolution(x, w[6:], ))
    return y

  # One head over all pixels.
  def vae_attention(self: __torch__.Kernels, x: Tensor, w: List[Tensor]) -> Tensor:
    tokens = torch.transpose(torch.flatten((self).vae_norm(x, w[0], ), 2), 1, 2)
    qkv = torch.chunk(torch.unsqueeze(torch.linear(tokens, torch.flatten(w[1], 1), w[2]), 1), 3, -1)
    attended = torch.squeeze(torch.scaled_dot_product_attention(qkv[0], qkv[1], qkv[2]), 1)
    branch = torch.transpose(torch.linear(attended, torch.flatten(w[3], 1), w[4]), 1, 2)
    return torch.add(x, torch.reshape(branch, torch.size(x)))

  def vae_upsample(self: __torch__.Kernels, x: Tensor, w: List[Tensor]) -> Tensor:
    size = [torch.mul(torch.size(x, 2), 2), torch.mul(torch.size(x, 3), 2)]
    return (self).vae_convolution(torch.upsample_nearest2d(x, size), w, )

  def vae_downsample(self: __torch__.Kernels, x: Tensor, w: List[Tensor]) -> Tensor:
    padded = torch.constant_pad_nd(x, [0, 1, 0, 1], 0)
    return (self).vae_product(padded, w[0], w[1], 2, 0, )

  def vae_pixels(self: __torch__.Kernels, x: Tensor) -> Tensor:
    return torch.to(torch.clamp(x, -1, 1), 6)

  # Means, then log-variances.
  def vae_mean(self: __torch__.Kernels, x: Tensor) -> Tensor:
    return torch.contiguous(torch.to(torch.chunk(x, 2, 1)[0], 6))

  def vae_image(self: __torch__.Kernels, pixels: Tensor) -> Tensor:
    return torch.mul(torch.add(pixels, 1), 0.5)

  def vae_normalise(self: __torch__.Kernels, x: Tensor, mean: Tensor, std: Tensor) -> Tensor:
    return torch.div(torch.sub(x, mean), std)

  def vae_denormalise(self: __torch__.Kernels, x: Tensor, mean: Tensor, std: Tensor) -> Tensor:
    return torch.addcmul(mean, x, std)
