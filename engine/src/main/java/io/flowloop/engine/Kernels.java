package io.flowloop.engine;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDScope;
import ai.djl.ndarray.types.Shape;
import ai.djl.pytorch.engine.PtNDManager;
import ai.djl.pytorch.engine.PtSymbolBlock;
import ai.djl.pytorch.jni.IValueUtils;
import ai.djl.pytorch.jni.JniUtils;
import io.flowloop.config.Dtype;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Supplier;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The compiled methods of the {@code .py} files beside this class: everything that is computed on a
 * device. {@code kernels.py} is the sampler, the losses and the optimiser; {@code mmdit.py} the
 * transformers'; Qwen-Image's text encoder and VAE have files of their own, and so have dense
 * layers and what a CPU does in another way than a GPU, one of each of which is compiled.
 *
 * <p>Weights are arguments, so that one compiled module serves every model and every policy. The
 * tensors of a result belong to the innermost open {@link TensorScope}.
 */
public final class Kernels implements AutoCloseable {

  private static final Logger LOG = LoggerFactory.getLogger(Kernels.class);

  private static final String CLASS_NAME = "Kernels";

  /** What is compiled on any device, in this order. */
  private static final List<String> SOURCES =
      List.of("kernels.py", "mmdit.py", "fusions.py", "qwen_text.py", "vae.py");

  /** What a CPU does in another way than a GPU. */
  private static final String CPU = "kernels_cpu.py";

  private static final String GPU = "kernels_gpu.py";

  /** Rows and width of a product that oneDNN must compute to the same bits in both its forms. */
  private static final Shape PROBE = new Shape(128, 512);

  /** cuDNN's attention, for reports. */
  static final String CUDNN = "libtorch cuDNN";

  /** The kernels of attention by libtorch's numbers for them; -1 is our own. */
  private static final Map<Integer, String> ATTENTION =
      Map.of(
          -1, "matrix products",
          0, "libtorch math",
          1, "libtorch flash",
          2, "libtorch memory-efficient",
          3, CUDNN);

  /** What computes dense layers. */
  private enum Linear {
    ONEDNN("linear_onednn.py", "oneDNN"),
    LIBTORCH("linear_libtorch.py", "libtorch"),
    BFLOAT16("linear_bfloat16.py", "libtorch in bfloat16");

    private final String source;
    private final String words;

    Linear(String source, String words) {
      this.source = source;
      this.words = words;
    }
  }

  private final PtNDManager manager;
  private final PtSymbolBlock module;
  private final Linear linear;
  private final Map<String, NDArray> markers = new HashMap<>();
  private final Map<String, NDArray> empty = new HashMap<>();
  private boolean mayRecord = true;

  private Kernels(PtNDManager manager, PtSymbolBlock module, Linear linear) {
    this.manager = manager;
    this.module = module;
    this.linear = linear;
  }

  /**
   * Compiles the kernels for the device of {@code manager}.
   *
   * @param dtype what dense layers compute with, of float32 weights
   */
  static Kernels load(PtNDManager manager, Dtype dtype) {
    return switch (dtype) {
      case BFLOAT16 -> compile(manager, Linear.BFLOAT16);
      case FLOAT32 -> onednn(manager).orElseGet(() -> compile(manager, Linear.LIBTORCH));
    };
  }

  /** The kernels for weights that are kept in a dtype, with which their layers compute. */
  static Kernels ofWeights(PtNDManager manager, Dtype weights) {
    return switch (weights) {
      case BFLOAT16 -> compile(manager, Linear.LIBTORCH);
      case FLOAT32 -> load(manager, weights);
    };
  }

  /** What a GPU computes with, on any device: its numbers can be looked at without one. */
  static Kernels ofGpu(PtNDManager manager) {
    return compile(manager, Linear.LIBTORCH, GPU);
  }

  /** The kernels with oneDNN, where there is one and it computes what it records. */
  private static Optional<Kernels> onednn(PtNDManager manager) {
    if (manager.getDevice().isGpu()) {
      return Optional.empty();
    }
    try {
      Kernels kernels = compile(manager, Linear.ONEDNN);
      if (kernels.recordsWhatItComputes()) {
        return Optional.of(kernels);
      }
      kernels.close();
    } catch (ai.djl.engine.EngineException e) {
      LOG.debug("this libtorch has no oneDNN", e);
    }
    return Optional.empty();
  }

  private static Kernels compile(PtNDManager manager, Linear linear) {
    return compile(manager, linear, manager.getDevice().isGpu() ? GPU : CPU);
  }

  private static Kernels compile(PtNDManager manager, Linear linear, String device) {
    // Otherwise every new batch size is profiled and specialised anew, which freezes for seconds.
    JniUtils.setGraphExecutorOptimize(false);
    String common = SOURCES.stream().map(Kernels::source).collect(Collectors.joining());
    byte[] archive =
        TorchScriptArchive.of(CLASS_NAME, common + source(device) + source(linear.source));
    try {
      return new Kernels(
          manager,
          JniUtils.loadModule(manager, new ByteArrayInputStream(archive), true, false),
          linear);
    } catch (IOException e) {
      throw new UncheckedIOException("reading from memory failed", e);
    }
  }

  /** Whether a dense layer has the same bits recorded as not: ratios of fresh data rely on it. */
  private boolean recordsWhatItComputes() {
    try (TensorScope _ = new TensorScope()) {
      float[] values = Noise.normals(0, Noise.Use.WEIGHTS, 0, Math.toIntExact(PROBE.size()));
      NDArray x = manager.create(values, PROBE);
      NDArray bias = manager.create(Arrays.copyOf(values, (int) PROBE.get(0)));
      Supplier<NDArray> product = () -> one("linear", x, x, bias);
      return Arrays.equals(
          Gradients.recorded(product).toFloatArray(), Gradients.unrecorded(product).toFloatArray());
    }
  }

  /**
   * From now on nothing is recorded: libtorch then keeps no books for autograd, a tenth of the time
   * of a forward of one row. No backward can save what is computed.
   */
  void neverRecord() {
    mayRecord = false;
  }

  /** What computes dense layers, in words: {@code oneDNN}, for one. */
  public String linear() {
    return linear.words;
  }

  /**
   * The kernel that attends over some tokens.
   *
   * @param shape of the queries: (k, heads, tokens, width of a head)
   * @param dtype of the queries
   */
  public String attention(Shape shape, Dtype dtype) {
    try (TensorScope _ = new TensorScope()) {
      NDArray queries = manager.zeros(shape);
      int choice =
          one("attention_kernel", dtype == Dtype.BFLOAT16 ? one("bfloat16_copy", queries) : queries)
              .getInt();
      return ATTENTION.getOrDefault(choice, "libtorch " + choice);
    }
  }

  /** Overwrites a tensor in place, whether it requires gradients or not. */
  public void assign(NDArray target, float[] values) {
    // Not NDArray.set, whose way makes libtorch print a warning.
    try (TensorScope _ = new TensorScope()) {
      run("assign", target, manager.create(values, target.getShape()));
    }
  }

  /** The only tensor that {@code method} answers. */
  public NDArray one(String method, Object... arguments) {
    return run(method, arguments).singletonOrThrow();
  }

  /**
   * Runs {@code method}; each argument is an {@link NDArray}, or a {@code List<NDArray>} for a
   * parameter of type {@code List[Tensor]}, where an empty one arrives as a tensor without
   * elements. Gradients are recorded where gradient mode is on, unless {@link #neverRecord} was
   * called.
   */
  public NDList run(String method, Object... arguments) {
    NDList inputs = new NDList(markers.computeIfAbsent(method, this::marker));
    for (int i = 0; i < arguments.length; i++) {
      switch (arguments[i]) {
        case NDArray tensor -> inputs.add(named(tensor, null));
        case List<?> tensors -> {
          String name = "list" + i + "[]";
          tensors.forEach(tensor -> inputs.add(named((NDArray) tensor, name)));
          if (tensors.isEmpty()) {
            inputs.add(empty.computeIfAbsent(name, this::empty));
          }
        }
        default ->
            throw new IllegalArgumentException(
                "argument %d of %s: %s (expected: a tensor or a list of tensors)"
                    .formatted(i, method, arguments[i]));
      }
    }
    return IValueUtils.forward(module, inputs, mayRecord);
  }

  @SuppressWarnings("NullAway") // DJL reads a tensor without a name as a plain argument.
  private static NDArray named(NDArray tensor, @Nullable String name) {
    tensor.setName(name);
    return tensor;
  }

  /** DJL selects a method by the name of an otherwise unused tensor, whose manager gets results. */
  private NDArray marker(String method) {
    return kept(manager.create(0f), "module_method:" + method);
  }

  /** DJL makes a list of the tensors of its name, and none of no tensor. */
  private NDArray empty(String list) {
    return kept(manager.create(new float[0]), list);
  }

  private static NDArray kept(NDArray tensor, String name) {
    tensor.setName(name);
    NDScope.unregister(tensor);
    return tensor;
  }

  private static String source(String file) {
    try (InputStream in = Kernels.class.getResourceAsStream(file)) {
      if (in == null) {
        throw new EngineException(file + ": not on the classpath; the jar is incomplete");
      }
      return new String(in.readAllBytes(), StandardCharsets.UTF_8);
    } catch (IOException e) {
      throw new UncheckedIOException(file + ": cannot be read", e);
    }
  }

  @Override
  public void close() {
    markers.values().forEach(NDArray::close);
    empty.values().forEach(NDArray::close);
    module.close();
  }
}
