package io.flowloop.engine;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.types.Shape;
import ai.djl.pytorch.engine.PtNDArray;
import io.flowloop.config.Dtype;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.stream.LongStream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The fusions as the kernels of {@code mmdit.cu}: bfloat16 on one GPU, on libtorch's stream, in the
 * order of its operators. All calls must come from the thread that made it.
 *
 * <p>libtorch tells addresses and its stream through the C interface that its compiled models use,
 * whose handle of a tensor is what DJL keeps of it.
 */
final class CudaKernels implements Fusions, AutoCloseable {

  private static final Logger LOG = LoggerFactory.getLogger(CudaKernels.class);

  private static final String SOURCE = "mmdit.cu";

  /** Threads of every block, as in the source. */
  private static final int THREADS = 128;

  /** Numbers that a thread loads at once. */
  private static final int EIGHT = 8;

  private static final int MAX_HEAD_WIDTH = 256;

  /** Where cuDNN attends fastest: from Hopper on, to heads up to this width. */
  private static final int HOPPER = 90;

  private static final int MAX_CUDNN_HEAD_WIDTH = 128;

  /** libtorch's numbers of dtypes. */
  private static final int FLOAT32 = 6;

  private static final int BFLOAT16 = 15;
  private static final int BYTES = 2;

  /** The place of y in a {@code Stream} of the source; its bias and gate follow. */
  private static final int Y = 1;

  private final int gpu;
  private final int width;
  private final boolean prefersCudnn;
  private final CudaModule module;
  private final MemorySegment normalize;
  private final MemorySegment addAndNormalize;
  private final MemorySegment heads;
  private final MethodHandle stream;
  private final MethodHandle address;
  private final MethodHandle dtype;
  private final MethodHandle stride;

  /** Where a called function leaves its result. */
  private final MemorySegment result = Arena.ofAuto().allocate(JAVA_LONG);

  private CudaKernels(int gpu, int width, int headWidth) {
    this.gpu = gpu;
    this.width = width;
    Path libtorch = TorchRuntime.libraryPath();
    NativeLibrary torch = NativeLibrary.of(libtorch.resolve("libtorch_cpu.so"));
    this.address = torch.function("aoti_torch_get_data_ptr", JAVA_LONG, ADDRESS);
    this.dtype = torch.function("aoti_torch_get_dtype", JAVA_LONG, ADDRESS);
    this.stride = torch.function("aoti_torch_get_stride", JAVA_LONG, JAVA_LONG, ADDRESS);
    this.stream =
        NativeLibrary.of(libtorch.resolve("libtorch_cuda.so"))
            .function("aoti_torch_get_current_cuda_stream", JAVA_INT, ADDRESS);
    this.module = new CudaModule(libtorch, gpu, source(), macros(width, headWidth));
    this.normalize = module.kernel("normalize");
    this.addAndNormalize = module.kernel("add_and_normalize");
    this.heads = module.kernel("heads");
    this.prefersCudnn = module.capability() >= HOPPER && headWidth <= MAX_CUDNN_HEAD_WIDTH;
  }

  /**
   * The kernels for tokens and heads of these widths; empty, with a line in the log, where they
   * cannot be.
   *
   * @param dtype of weights and tokens
   */
  static Optional<CudaKernels> load(Device device, Dtype dtype, int width, int headWidth) {
    try {
      requireFit(device, dtype, width, headWidth);
      return Optional.of(new CudaKernels(device.getDeviceId(), width, headWidth));
    } catch (EngineException e) {
      LOG.info("no fused kernels, operators serve: {}", e.getMessage());
      return Optional.empty();
    }
  }

  private static void requireFit(Device device, Dtype dtype, int width, int headWidth) {
    if (!device.isGpu()) {
      throw new EngineException("device: %s (expected: a GPU)".formatted(device));
    }
    if (dtype != Dtype.BFLOAT16) {
      throw new EngineException("dtype: %s (expected: bfloat16)".formatted(dtype));
    }
    if (headWidth < EIGHT
        || headWidth > MAX_HEAD_WIDTH
        || Integer.bitCount(headWidth) != 1
        || width % headWidth != 0) {
      throw new EngineException(
          "width of a head: %d of %d (expected: a power of two from %d to %d that divides it)"
              .formatted(headWidth, width, EIGHT, MAX_HEAD_WIDTH));
    }
  }

  /** The kernels' source. */
  static String source() {
    try (InputStream in = CudaKernels.class.getResourceAsStream(SOURCE)) {
      if (in == null) {
        throw new EngineException(SOURCE + ": not on the classpath; the jar is incomplete");
      }
      return new String(in.readAllBytes(), StandardCharsets.UTF_8);
    } catch (IOException e) {
      throw new UncheckedIOException(SOURCE + ": cannot be read", e);
    }
  }

  /** What the source needs to know of a model. */
  static List<String> macros(int width, int headWidth) {
    return List.of("WIDTH=" + width, "HEAD_WIDTH=" + headWidth);
  }

  @Override
  public void normalize(List<Norm> streams) {
    launch(normalize, streams, streams.stream().map(this::stream).toList());
  }

  @Override
  public void addAndNormalize(List<Residual> residuals, List<Norm> streams) {
    List<long[]> numbers = streams.stream().map(this::stream).toList();
    for (int i = 0; i < numbers.size(); i++) {
      Residual residual = residuals.get(i);
      numbers.get(i)[Y] = bfloat16(residual.y());
      numbers.get(i)[Y + 1] = bfloat16(residual.bias());
      numbers.get(i)[Y + 2] = part(residual.modulation(), 2);
    }
    launch(addAndNormalize, streams, numbers);
  }

  /** A {@code Stream} of the source, without what is added to it. */
  private long[] stream(Norm norm) {
    return new long[] {
      bfloat16(norm.x()),
      0,
      0,
      0,
      part(norm.modulation(), 0),
      part(norm.modulation(), 1),
      bfloat16(norm.out()),
      norm.x().getShape().get(1),
      norm.out().getShape().get(2)
    };
  }

  private void launch(MemorySegment kernel, List<Norm> streams, List<long[]> numbers) {
    long[] none = new long[numbers.getFirst().length];
    long[] second = numbers.size() > 1 ? numbers.get(1) : none;
    Modulation modulation = streams.getFirst().modulation();
    launch(
        kernel,
        streams.stream().mapToInt(norm -> tokens(norm.x().getShape())).sum(),
        LongStream.concat(
                LongStream.concat(Arrays.stream(numbers.getFirst()), Arrays.stream(second)),
                LongStream.of(stride(modulation)))
            .toArray());
  }

  @Override
  public void heads(
      NDArray image, NDArray text, List<NDArray> norms, NDArray rotations, List<NDArray> joint) {
    launch(
        heads,
        tokens(joint.getFirst().getShape()),
        bfloat16(image),
        bfloat16(text),
        bfloat16(norms.get(0)),
        bfloat16(norms.get(1)),
        bfloat16(norms.get(2)),
        bfloat16(norms.get(3)),
        address(rotations, FLOAT32),
        bfloat16(joint.get(0)),
        bfloat16(joint.get(1)),
        bfloat16(joint.get(2)),
        image.getShape().get(1),
        text.getShape().get(1));
  }

  @Override
  public boolean prefersCudnn() {
    return prefersCudnn;
  }

  /** The tokens of all rows, each of which has a block of threads. */
  private static int tokens(Shape shape) {
    return Math.toIntExact(shape.get(0) * shape.get(1));
  }

  private long part(Modulation modulation, int after) {
    return bfloat16(modulation.table()) + (long) (modulation.part() + after) * width * BYTES;
  }

  /** How many numbers lie between the modulations of two rows. */
  private static long stride(Modulation modulation) {
    Shape table = modulation.table().getShape();
    return table.get(0) == 1 ? 0 : table.get(1);
  }

  private long bfloat16(NDArray tensor) {
    return address(tensor, BFLOAT16);
  }

  /**
   * Where the numbers of a tensor are.
   *
   * @throws IllegalArgumentException if it is not contiguous or of another dtype
   */
  private long address(NDArray tensor, int expected) {
    long handle = ((PtNDArray) tensor).getHandle();
    try {
      NativeLibrary.require("aoti_torch_get_dtype", (int) dtype.invokeExact(handle, result));
      int found = result.get(JAVA_INT, 0);
      if (found != expected || !isContiguous(handle, tensor.getShape())) {
        throw new IllegalArgumentException(
            "tensor %s of libtorch's dtype %d (expected: contiguous, of dtype %d)"
                .formatted(tensor.getShape(), found, expected));
      }
      NativeLibrary.require("aoti_torch_get_data_ptr", (int) address.invokeExact(handle, result));
      return result.get(JAVA_LONG, 0);
    } catch (RuntimeException e) {
      throw e;
    } catch (Throwable e) {
      throw new LinkageError("libtorch's C interface", e);
    }
  }

  private boolean isContiguous(long handle, Shape shape) throws Throwable {
    long expected = 1;
    for (int i = shape.dimension() - 1; i >= 0; i--) {
      NativeLibrary.require(
          "aoti_torch_get_stride", (int) stride.invokeExact(handle, (long) i, result));
      if (shape.get(i) != 1 && result.get(JAVA_LONG, 0) != expected) {
        return false;
      }
      expected *= shape.get(i);
    }
    return true;
  }

  private void launch(MemorySegment kernel, int blocks, long... values) {
    try {
      NativeLibrary.require(
          "aoti_torch_get_current_cuda_stream", (int) stream.invokeExact(gpu, result));
    } catch (RuntimeException e) {
      throw e;
    } catch (Throwable e) {
      throw new LinkageError("libtorch's C interface", e);
    }
    module.launch(kernel, blocks, THREADS, result.get(ADDRESS, 0), values);
  }

  /** Unloads the kernels. */
  @Override
  public void close() {
    module.close();
  }
}
