
  # The dual-stream transformer (MMDiT). A stream has ten tensors a block: qkv and its bias, the norms
  # of queries and keys, the output and its bias, the MLP's two layers with theirs; a block has the
  # image's ten and then the text's. Where tokens of both streams lie together, the image's come
  # first. Adapters are pairs (A, B) that add (x A^T) B^T: of q, k, v, output and both MLP layers, the
  # image's and then the text's, without elements where there is none; fewer than 24 are none at all.
  def time_embedding(self: __torch__.Kernels, sigmas: Tensor, frequencies: Tensor, w: List[Tensor]) -> Tensor:
    angles = torch.mul(torch.unsqueeze(torch.mul(sigmas, 1000), 1), frequencies)
    features = torch.to(torch.cat([torch.cos(angles), torch.sin(angles)], -1), ops.prim.dtype(w[0]))
    hidden = torch.silu((self).linear(features, w[0], w[1], ))
    return torch.silu((self).linear(hidden, w[2], w[3], ))

  def modulation(self: __torch__.Kernels, sigmas: Tensor, frequencies: Tensor, time: List[Tensor], w: List[Tensor]) -> Tensor:
    conditioning = (self).time_embedding(sigmas, frequencies, time, )
    parts = annotate(List[Tensor], [])
    for i in range(torch.floordiv(torch.len(w), 2)):
      at = torch.mul(i, 2)
      _0 = torch.append(parts, torch.to((self).linear(conditioning, w[at], w[torch.add(at, 1)], ), 6))
    return (self).factors(torch.cat(parts, 1), torch.size(conditioning, 1), )

  # Shift, scale and gate follow one another; a scale s multiplies by 1 + s.
  def factors(self: __torch__.Kernels, modulation: Tensor, width: int) -> Tensor:
    chunks = torch.view(modulation, [torch.size(modulation, 0), -1, width])
    places = torch.remainder(torch.arange(torch.size(chunks, 1), dtype=4, layout=0, device=ops.prim.device(modulation)), 3)
    return torch.flatten(torch.add(chunks, torch.unsqueeze(torch.eq(places, 1), 1)), 1)

  def rows(self: __torch__.Kernels, x: Tensor) -> List[Tensor]:
    return torch.split(x, 1, 0)

  def blocks_modulation(self: __torch__.Kernels, modulation: Tensor, image: List[Tensor]) -> List[Tensor]:
    return torch.split(modulation, torch.mul(torch.size(image[0], 0), 12), 1)

  # Parts of a modulation, each D wide: (D) where all rows share it, else (k, 1, D).
  def parts(self: __torch__.Kernels, modulation: Tensor, x: Tensor) -> List[Tensor]:
    rows = torch.size(modulation, 0)
    chunks = torch.view(torch.to(modulation, ops.prim.dtype(x)), [rows, -1, 1, torch.size(x, -1)])
    if torch.eq(rows, 1):
      parts = torch.unbind(torch.flatten(chunks, 0, 2), 0)
    else:
      parts = torch.unbind(chunks, 1)
    return parts

  def modulate(self: __torch__.Kernels, x: Tensor, shift: Tensor, factor: Tensor) -> Tensor:
    width = torch.size(x, -1)
    if torch.eq(torch.dim(factor), 1):
      modulated = torch.layer_norm(x, [width], factor, shift, 9.9999999999999995e-07)
    else:
      modulated = torch.addcmul(shift, torch.layer_norm(x, [width], None, None, 9.9999999999999995e-07), factor)
    return modulated

  # As two plain products: of three dimensions libtorch takes another way where gradients are recorded.
  def low_rank(self: __torch__.Kernels, x: Tensor, a: Tensor, b: Tensor) -> Tensor:
    dtype = ops.prim.dtype(x)
    hidden = torch.mm(torch.flatten(x, 0, 1), torch.t(torch.to(a, dtype)))
    return torch.unflatten(torch.mm(hidden, torch.t(torch.to(b, dtype))), 0, [torch.size(x, 0), -1])

  def adapted(self: __torch__.Kernels, y: Tensor, x: Tensor, adapters: List[Tensor], at: int) -> Tensor:
    if torch.le(torch.len(adapters), at):
      z = y
    elif torch.eq(torch.numel(adapters[at]), 0):
      z = y
    else:
      z = torch.add(y, (self).low_rank(x, adapters[at], adapters[torch.add(at, 1)], ))
    return z

  # Pairs of neighbours as complex numbers, turned by angles of their token: tables (L, width / 2, 2).
  def rotated(self: __torch__.Kernels, x: Tensor, rotations: Tensor) -> Tensor:
    if torch.eq(torch.numel(rotations), 0):
      y = x
    else:
      pairs = torch.view_as_complex(torch.contiguous(torch.unflatten(torch.to(x, 6), -1, [-1, 2])))
      y = torch.flatten(torch.view_as_real(torch.mul(pairs, torch.view_as_complex(rotations))), -2)
    return y

  # Rows come in runs of equal text length, (rows, tokens of text) each; what stands behind a shorter
  # text is nobody's key and has zeros for an answer.
  def attended(self: __torch__.Kernels, q: Tensor, k: Tensor, v: Tensor, image: int, runs: Tensor) -> Tensor:
    if torch.le(torch.size(runs, 0), 1):
      all = (self).attention(q, k, v, )
    else:
      parts = annotate(List[Tensor], [])
      tokens = torch.size(q, 2)
      start = 0
      for i in range(torch.size(runs, 0)):
        run = torch.select(runs, 0, i)
        count = int(torch.select(run, 0, 0))
        length = torch.add(image, int(torch.select(run, 0, 1)))
        rq = torch.narrow(torch.narrow(q, 0, start, count), 2, 0, length)
        rk = torch.narrow(torch.narrow(k, 0, start, count), 2, 0, length)
        rv = torch.narrow(torch.narrow(v, 0, start, count), 2, 0, length)
        part = (self).attention(rq, rk, rv, )
        _0 = torch.append(parts, torch.constant_pad_nd(part, [0, 0, 0, torch.sub(tokens, length)]))
        start = torch.add(start, count)
      all = torch.cat(parts, 0)
    return all

  def joint_attention(self: __torch__.Kernels, image: Tensor, text: Tensor, mod: List[Tensor], scale: Tensor, rotations: Tensor, runs: Tensor, iw: List[Tensor], tw: List[Tensor], adapters: List[Tensor]) -> Tensor:
    im = (self).modulate(image, mod[0], mod[1], )
    tm = (self).modulate(text, mod[6], mod[7], )
    q, k, v, = (self).joint_heads(im, tm, scale, rotations, iw, tw, adapters, )
    return (self).attended(q, k, v, torch.size(image, 1), runs, )

  def merged(self: __torch__.Kernels, attended: Tensor, start: int, tokens: int) -> Tensor:
    return torch.contiguous(torch.flatten(torch.transpose(torch.narrow(attended, 2, start, tokens), 1, 2), 2))

  def stream_mlp(self: __torch__.Kernels, x: Tensor, attended: Tensor, mod: List[Tensor], w: List[Tensor], adapters: List[Tensor], at: int) -> Tensor:
    out = (self).adapted((self).linear(attended, w[4], w[5], ), attended, adapters, torch.add(at, 6), )
    mixed = torch.addcmul(x, mod[0], out)
    modulated = (self).modulate(mixed, mod[1], mod[2], )
    if (self).has(adapters, torch.add(at, 8), ):
      hidden = (self).gelu((self).adapted((self).linear(modulated, w[6], w[7], ), modulated, adapters, torch.add(at, 8), ), )
    else:
      hidden = (self).linear_gelu(modulated, w[6], w[7], )
    down = (self).adapted((self).linear(hidden, w[8], w[9], ), hidden, adapters, torch.add(at, 10), )
    return torch.addcmul(mixed, mod[3], down)

  def has(self: __torch__.Kernels, adapters: List[Tensor], at: int) -> bool:
    if torch.lt(torch.len(adapters), 24):
      there = False
    else:
      there = torch.gt(torch.numel(adapters[at]), 0)
    return there

  def block(self: __torch__.Kernels, image: Tensor, text: Tensor, modulation: Tensor, scale: Tensor, rotations: Tensor, runs: Tensor, iw: List[Tensor], tw: List[Tensor], adapters: List[Tensor]) -> Tuple[Tensor, Tensor]:
    mod = (self).parts(modulation, image, )
    attended = (self).joint_attention(image, text, mod, scale, rotations, runs, iw, tw, adapters, )
    tokens = torch.size(image, 1)
    iattended = (self).merged(attended, 0, tokens, )
    tattended = (self).merged(attended, tokens, torch.size(text, 1), )
    return ((self).stream_mlp(image, iattended, mod[2:6], iw, adapters, 0, ), (self).stream_mlp(text, tattended, mod[8:12], tw, adapters, 12, ))

  def last_block(self: __torch__.Kernels, image: Tensor, text: Tensor, modulation: Tensor, scale: Tensor, rotations: Tensor, runs: Tensor, iw: List[Tensor], tw: List[Tensor], adapters: List[Tensor]) -> Tensor:
    mod = (self).parts(modulation, image, )
    attended = (self).joint_attention(image, text, mod, scale, rotations, runs, iw, tw, adapters, )
    return (self).stream_mlp(image, (self).merged(attended, 0, torch.size(image, 1), ), mod[2:6], iw, adapters, 0, )

  def mmdit_block(self: __torch__.Kernels, image: Tensor, text: Tensor, modulation: Tensor, rotations: Tensor, runs: Tensor, w: List[Tensor], adapters: List[Tensor]) -> Tuple[Tensor, Tensor]:
    scales = (self).head_scales(w, torch.size(image, 1), torch.size(text, 1), )
    return (self).block(image, text, modulation, scales[0], rotations, runs, w[:10], w[10:], adapters, )

  def last_mmdit_block(self: __torch__.Kernels, image: Tensor, text: Tensor, modulation: Tensor, rotations: Tensor, runs: Tensor, w: List[Tensor], adapters: List[Tensor]) -> Tensor:
    scales = (self).head_scales(w, torch.size(image, 1), torch.size(text, 1), )
    return (self).last_block(image, text, modulation, scales[0], rotations, runs, w[:10], w[10:], adapters, )

  # Positions are added where they are not turned by.
  def image_embedding(self: __torch__.Kernels, latents: Tensor, positions: Tensor, w: List[Tensor]) -> Tensor:
    tokens = (self).linear(torch.to(latents, ops.prim.dtype(w[0])), w[0], w[1], )
    if torch.gt(torch.numel(positions), 0):
      placed = torch.add(tokens, positions)
    else:
      placed = tokens
    return placed

  # The norm of its width, then a dense layer; without weights the text is taken as it is.
  def text_embedding(self: __torch__.Kernels, text: Tensor, w: List[Tensor]) -> Tensor:
    if torch.lt(torch.len(w), 3):
      tokens = text
    else:
      normed = torch.rms_norm(torch.to(text, ops.prim.dtype(w[0])), [torch.size(text, -1)], w[0], 9.9999999999999995e-07)
      tokens = (self).linear(normed, w[1], w[2], )
    return tokens

  def output_velocity(self: __torch__.Kernels, image: Tensor, modulation: Tensor, w: List[Tensor]) -> Tensor:
    mod = (self).parts(modulation, image, )
    return torch.to((self).linear((self).modulate(image, mod[0], mod[1], ), w[0], w[1], ), 6)

  def mmdit_velocity(self: __torch__.Kernels, latents: Tensor, text: Tensor, modulation: Tensor, positions: Tensor, rotations: Tensor, runs: Tensor, image_embed: List[Tensor], text_embed: List[Tensor], blocks: List[Tensor], adapters: List[Tensor], output: List[Tensor]) -> Tensor:
    mod = (self).blocks_modulation(modulation, image_embed, )
    scales = (self).head_scales(blocks, torch.size(latents, 1), torch.size(text, 1), )
    last = torch.sub(torch.len(mod), 2)
    image = (self).image_embedding(latents, positions, image_embed, )
    words = (self).text_embedding(text, text_embed, )
    for i in range(last):
      at = torch.mul(i, 20)
      middle = torch.add(at, 10)
      pairs = torch.mul(i, 24)
      image0, words0, = (self).block(image, words, mod[i], scales[i], rotations, runs, blocks[at:middle], blocks[middle:torch.add(at, 20)], adapters[pairs:torch.add(pairs, 24)], )
      image = image0
      words = words0
    at = torch.mul(last, 20)
    middle = torch.add(at, 10)
    final = (self).last_block(image, words, mod[last], scales[last], rotations, runs, blocks[at:middle], blocks[middle:torch.add(at, 20)], adapters[torch.mul(last, 24):], )
    return (self).output_velocity(final, mod[-1], output, )

  # A tensor of its own with a row for each of another's.
  def copy_for_each(self: __torch__.Kernels, x: Tensor, rows: Tensor) -> Tensor:
    return torch.clone(torch.expand(x, [torch.size(rows, 0), -1, -1]), memory_format=0)

  def projected(self: __torch__.Kernels, normed: Tensor, w: List[Tensor]) -> Tensor:
    return torch.to((self).linear(normed, w[0], w[1], ), 6)
