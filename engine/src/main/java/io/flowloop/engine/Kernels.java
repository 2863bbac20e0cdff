package io.flowloop.engine;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDScope;
import ai.djl.pytorch.engine.PtNDManager;
import ai.djl.pytorch.engine.PtSymbolBlock;
import ai.djl.pytorch.jni.IValueUtils;
import ai.djl.pytorch.jni.JniUtils;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * The compiled methods of {@code kernels.py}: everything that is computed on a device.
 *
 * <p>Weights are arguments, so that one compiled module serves every model and every policy. The
 * tensors of a result belong to the innermost open {@link TensorScope}.
 */
public final class Kernels implements AutoCloseable {

  private static final String CLASS_NAME = "Kernels";
  private static final String SOURCE = "kernels.py";

  private final PtNDManager manager;
  private final PtSymbolBlock module;
  private final Map<String, NDArray> markers = new HashMap<>();

  private Kernels(PtNDManager manager, PtSymbolBlock module) {
    this.manager = manager;
    this.module = module;
  }

  /** Compiles the kernels for the device of {@code manager}. */
  static Kernels load(PtNDManager manager) {
    // Otherwise every new batch size is profiled and specialised anew, which freezes for seconds.
    JniUtils.setGraphExecutorOptimize(false);
    byte[] archive = TorchScriptArchive.of(CLASS_NAME, source());
    try {
      return new Kernels(
          manager, JniUtils.loadModule(manager, new ByteArrayInputStream(archive), true, false));
    } catch (IOException e) {
      throw new UncheckedIOException("reading from memory failed", e);
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
   * parameter of type {@code List[Tensor]}. Gradients are recorded where gradient mode is on.
   */
  public NDList run(String method, Object... arguments) {
    NDList inputs = new NDList(markers.computeIfAbsent(method, this::marker));
    for (int i = 0; i < arguments.length; i++) {
      switch (arguments[i]) {
        case NDArray tensor -> inputs.add(named(tensor, null));
        case List<?> tensors -> {
          String name = "list" + i + "[]";
          tensors.forEach(tensor -> inputs.add(named((NDArray) tensor, name)));
        }
        default ->
            throw new IllegalArgumentException(
                "argument %d of %s: %s (expected: a tensor or a list of tensors)"
                    .formatted(i, method, arguments[i]));
      }
    }
    // Training mode, whatever is recorded: the other one makes tensors that no backward can save.
    return IValueUtils.forward(module, inputs, true);
  }

  @SuppressWarnings("NullAway") // DJL reads a tensor without a name as a plain argument.
  private static NDArray named(NDArray tensor, @Nullable String name) {
    tensor.setName(name);
    return tensor;
  }

  /** DJL selects a method by the name of an otherwise unused tensor, whose manager gets results. */
  private NDArray marker(String method) {
    NDArray marker = manager.create(0f);
    marker.setName("module_method:" + method);
    NDScope.unregister(marker);
    return marker;
  }

  private static String source() {
    try (InputStream in = Kernels.class.getResourceAsStream(SOURCE)) {
      if (in == null) {
        throw new EngineException(SOURCE + ": not on the classpath; the jar is incomplete");
      }
      return new String(in.readAllBytes(), StandardCharsets.UTF_8);
    } catch (IOException e) {
      throw new UncheckedIOException(SOURCE + ": cannot be read", e);
    }
  }

  @Override
  public void close() {
    markers.values().forEach(NDArray::close);
    module.close();
  }
}
