// What stands between the matrix products of a dual-stream transformer block: bfloat16 in memory,
// float32 in arithmetic, every tensor read and written once, 16 bytes at a time. CudaKernels compiles
// this file at start, with the sizes of the model as macros:
//
//   WIDTH       D, of a token; a multiple of 8
//   HEAD_WIDTH  of an attention head; 8 times a power of two, at most 256

typedef unsigned short bfloat16;

constexpr int THREADS = 128;  // of every block, which has one token
constexpr float EPSILON = 1e-6f;

// Eight neighbours in a row.
constexpr int EIGHT = 8;

struct Eight {
  float at[EIGHT];
};

__device__ Eight load(const bfloat16* from) {
  const uint4 raw = *reinterpret_cast<const uint4*>(from);
  const unsigned pairs[] = {raw.x, raw.y, raw.z, raw.w};
  Eight values;
#pragma unroll
  for (int i = 0; i < EIGHT / 2; i++) {
    values.at[2 * i] = __uint_as_float(pairs[i] << 16);
    values.at[2 * i + 1] = __uint_as_float(pairs[i] & 0xffff0000u);
  }
  return values;
}

__device__ Eight load(const float* from) {
  const float4 first = reinterpret_cast<const float4*>(from)[0];
  const float4 second = reinterpret_cast<const float4*>(from)[1];
  return {{first.x, first.y, first.z, first.w, second.x, second.y, second.z, second.w}};
}

// Rounds to the nearest bfloat16, ties to even.
__device__ void store(bfloat16* to, const Eight& values) {
  unsigned pairs[EIGHT / 2];
#pragma unroll
  for (int i = 0; i < EIGHT / 2; i++) {
    asm("cvt.rn.bf16x2.f32 %0, %1, %2;"
        : "=r"(pairs[i])
        : "f"(values.at[2 * i + 1]), "f"(values.at[2 * i]));
  }
  *reinterpret_cast<uint4*>(to) = make_uint4(pairs[0], pairs[1], pairs[2], pairs[3]);
}

constexpr unsigned WARP = 0xffffffffu;

// The sum over a group of neighbouring threads of a warp, for each of them; the other threads that
// `members` names compute their own at the same time.
template <int GROUP>
__device__ float sum_of_group(float value, unsigned members) {
#pragma unroll
  for (int distance = GROUP / 2; distance > 0; distance /= 2) {
    value += __shfl_xor_sync(members, value, distance);
  }
  return value;
}

// The sum over all threads of the block, for each of them; `warps` is used for nothing else.
__device__ float sum_of_block(float value, float* warps) {
  value = sum_of_group<32>(value, WARP);
  if (threadIdx.x % 32 == 0) {
    warps[threadIdx.x / 32] = value;
  }
  __syncthreads();
  float sum = 0;
#pragma unroll
  for (int i = 0; i < THREADS / 32; i++) {
    sum += warps[i];
  }
  return sum;
}

// Every THREADS-th eight of a token's WIDTH numbers belong to one thread.
constexpr int EIGHTS = WIDTH / EIGHT;
constexpr int EIGHTS_OF_THREAD = (EIGHTS + THREADS - 1) / THREADS;

// One stream's tokens in front of a norm, and what is added to them before.
struct Stream {
  bfloat16* x;             // (k, tokens, WIDTH)
  const bfloat16* y;       // (k, tokens, WIDTH)
  const bfloat16* bias;    // (WIDTH)
  const bfloat16* gate;    // (WIDTH), like shift and factor, for the first row of the batch
  const bfloat16* shift;
  const bfloat16* factor;
  bfloat16* out;           // (k, tokens, out_width)
  long tokens;
  long out_width;
};

// The token of this block of threads in its stream, counting those of all rows; tokens of a row follow
// one another, the image's first.
struct Place {
  bool of_image;
  int row;
  long token;
};

__device__ Place place(long image_tokens, long text_tokens) {
  const int joint_tokens = image_tokens + text_tokens;
  const int row = blockIdx.x / joint_tokens;
  const int token = blockIdx.x % joint_tokens;
  return token < image_tokens ? Place{true, row, row * image_tokens + token}
                              : Place{false, row, row * text_tokens + token - image_tokens};
}

// x += gate * (y + bias), which can be left out, then out = layer_norm(x) * factor + shift, for the
// token of this block of threads. Modulations of the batch's rows are `stride` numbers apart.
template <bool RESIDUAL>
__device__ void normalize_token(const Stream& image, const Stream& text, long stride) {
  __shared__ float sums[2][THREADS / 32];
  const Place here = place(image.tokens, text.tokens);
  const Stream& of = here.of_image ? image : text;
  bfloat16* x = of.x + here.token * WIDTH;
  const bfloat16* __restrict__ y = of.y + here.token * WIDTH;
  const bfloat16* __restrict__ bias = of.bias;
  const bfloat16* __restrict__ gate = of.gate + here.row * stride;
  const bfloat16* __restrict__ shift = of.shift + here.row * stride;
  const bfloat16* __restrict__ factor = of.factor + here.row * stride;
  bfloat16* __restrict__ out = of.out + here.token * of.out_width;
  Eight values[EIGHTS_OF_THREAD];
  float sum = 0;
#pragma unroll
  for (int i = 0; i < EIGHTS_OF_THREAD; i++) {
    const int column = (i * THREADS + threadIdx.x) * EIGHT;
    if (column < WIDTH) {
      values[i] = load(x + column);
      if (RESIDUAL) {
        const Eight more = load(y + column);
        const Eight constant = load(bias + column);
        const Eight by = load(gate + column);
#pragma unroll
        for (int j = 0; j < EIGHT; j++) {
          values[i].at[j] += by.at[j] * (more.at[j] + constant.at[j]);
        }
        store(x + column, values[i]);
      }
#pragma unroll
      for (int j = 0; j < EIGHT; j++) {
        sum += values[i].at[j];
      }
    }
  }
  const float mean = sum_of_block(sum, sums[0]) / WIDTH;
  float squares = 0;
#pragma unroll
  for (int i = 0; i < EIGHTS_OF_THREAD; i++) {
    if ((i * THREADS + threadIdx.x) * EIGHT < WIDTH) {
#pragma unroll
      for (int j = 0; j < EIGHT; j++) {
        values[i].at[j] -= mean;
        squares += values[i].at[j] * values[i].at[j];
      }
    }
  }
  const float scale = rsqrtf(sum_of_block(squares, sums[1]) / WIDTH + EPSILON);
#pragma unroll
  for (int i = 0; i < EIGHTS_OF_THREAD; i++) {
    const int column = (i * THREADS + threadIdx.x) * EIGHT;
    if (column < WIDTH) {
      const Eight by = load(factor + column);
      const Eight plus = load(shift + column);
#pragma unroll
      for (int j = 0; j < EIGHT; j++) {
        values[i].at[j] = values[i].at[j] * scale * by.at[j] + plus.at[j];
      }
      store(out + column, values[i]);
    }
  }
}

extern "C" __global__ void __launch_bounds__(THREADS)
    normalize(const Stream image, const Stream text, long stride) {
  normalize_token<false>(image, text, stride);
}

extern "C" __global__ void __launch_bounds__(THREADS)
    add_and_normalize(const Stream image, const Stream text, long stride) {
  normalize_token<true>(image, text, stride);
}

// Turns each pair of neighbours, as a complex number, by an angle that has its cosine and sine.
__device__ Eight turned(const Eight& x, const Eight& angles) {
  Eight y;
#pragma unroll
  for (int i = 0; i < EIGHT; i += 2) {
    y.at[i] = x.at[i] * angles.at[i] - x.at[i + 1] * angles.at[i + 1];
    y.at[i + 1] = x.at[i] * angles.at[i + 1] + x.at[i + 1] * angles.at[i];
  }
  return y;
}

constexpr int THREADS_OF_HEAD = HEAD_WIDTH / EIGHT;

// x / rms(x) * weight, over a head.
__device__ Eight normalized_head(const Eight& x, const Eight& weight, unsigned members) {
  float squares = 0;
#pragma unroll
  for (int i = 0; i < EIGHT; i++) {
    squares += x.at[i] * x.at[i];
  }
  const float scale = rsqrtf(sum_of_group<THREADS_OF_HEAD>(squares, members) / HEAD_WIDTH + EPSILON);
  Eight y;
#pragma unroll
  for (int i = 0; i < EIGHT; i++) {
    y.at[i] = x.at[i] * scale * weight.at[i];
  }
  return y;
}

// Normalized and turned queries and keys, and values, of both streams: q, k and v are
// (k, image_tokens + text_tokens, WIDTH), the image's tokens first; they come from
// (k, image_tokens, 3 WIDTH) and (k, text_tokens, 3 WIDTH). Norms are (HEAD_WIDTH), rotations
// (image_tokens + text_tokens, HEAD_WIDTH / 2, 2).
extern "C" __global__ void __launch_bounds__(THREADS)
    heads(const bfloat16* __restrict__ image, const bfloat16* __restrict__ text,
          const bfloat16* __restrict__ image_norm_q, const bfloat16* __restrict__ image_norm_k,
          const bfloat16* __restrict__ text_norm_q, const bfloat16* __restrict__ text_norm_k,
          const float* __restrict__ rotations, bfloat16* __restrict__ q, bfloat16* __restrict__ k,
          bfloat16* __restrict__ v, long image_tokens, long text_tokens) {
  const Place here = place(image_tokens, text_tokens);
  const bool of_image = here.of_image;
  const bfloat16* qkv = (of_image ? image : text) + here.token * 3 * WIDTH;
  const long to = (long)blockIdx.x * WIDTH;

  const int column = threadIdx.x % THREADS_OF_HEAD * EIGHT;  // in each head of this thread
  const Eight weight_q = load((of_image ? image_norm_q : text_norm_q) + column);
  const Eight weight_k = load((of_image ? image_norm_k : text_norm_k) + column);
  const int joint = blockIdx.x % (int)(image_tokens + text_tokens);
  const Eight angles = load(rotations + (long)joint * HEAD_WIDTH + column);
#pragma unroll
  for (int i = 0; i < EIGHTS_OF_THREAD; i++) {
    const int eight = i * THREADS + threadIdx.x;
    // All threads of a head take part, or none.
    const unsigned members = EIGHTS % 32 == 0 ? WARP : __ballot_sync(WARP, eight < EIGHTS);
    if (eight < EIGHTS) {
      const int at = eight * EIGHT;
      const Eight raw_q = load(qkv + at);
      const Eight raw_k = load(qkv + WIDTH + at);
      const Eight raw_v = load(qkv + 2 * WIDTH + at);
      store(q + to + at, turned(normalized_head(raw_q, weight_q, members), angles));
      store(k + to + at, turned(normalized_head(raw_k, weight_k, members), angles));
      store(v + to + at, raw_v);
    }
  }
}
