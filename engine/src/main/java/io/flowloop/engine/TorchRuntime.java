package io.flowloop.engine;

import ai.djl.Device;
import ai.djl.engine.Engine;
import ai.djl.pytorch.engine.PtNDManager;
import ai.djl.pytorch.jni.JniUtils;
import ai.djl.pytorch.jni.LibUtils;
import ai.djl.util.cuda.CudaUtils;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Properties;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * The native library of this process: which libtorch, on which devices, with how many threads.
 *
 * <p>A jni built for one libtorch starts on another and then reads wrong memory, so their versions
 * are compared before either is loaded.
 */
public final class TorchRuntime {

  private static final Pattern RELEASE = Pattern.compile("(\\d+\\.\\d+\\.\\d+).*", Pattern.DOTALL);
  private static final Pattern PYTHON_VERSION =
      Pattern.compile("__version__ = '(\\d+\\.\\d+\\.\\d+)[^']*'");

  /** Bytes in a GiB, as a power of two. */
  private static final int GIB = 30;

  private static @Nullable Engine loaded;

  private TorchRuntime() {}

  /**
   * Loads libtorch once for the process; later calls keep the first one's threads.
   *
   * @param threads threads of one operator on the CPU; 0 for as many as there are cores
   * @throws EngineException if the jni was built for another libtorch, or loading fails
   */
  public static synchronized void load(int threads) {
    if (loaded != null) {
      return;
    }
    requireSameRelease(jniRelease(), libtorchRelease(environment("PYTORCH_LIBRARY_PATH")));
    int count = threads == 0 ? Runtime.getRuntime().availableProcessors() : threads;
    System.setProperty("ai.djl.pytorch.num_threads", Integer.toString(count));
    System.setProperty("ai.djl.pytorch.num_interop_threads", "1");
    System.setProperty("ai.djl.pytorch.graph_optimizer", "false");
    try {
      loaded = Engine.getEngine("PyTorch");
    } catch (ai.djl.engine.EngineException e) {
      throw new EngineException(
          "libtorch cannot be loaded: %s; `flowloop doctor` shows what was found"
              .formatted(e.getMessage()),
          e);
    }
  }

  /** Release of the libtorch in use, such as {@code 2.7.1}. */
  public static String version() {
    return engine().getVersion();
  }

  /** Folder of the libtorch in use. */
  public static Path libraryPath() {
    engine();
    return Path.of(LibUtils.getLibtorchPath());
  }

  /** Threads of one operator on the CPU. */
  public static int threads() {
    engine();
    return JniUtils.getNumThreads();
  }

  /** How many GPUs this process can use. */
  public static int gpus() {
    return engine().getGpuCount();
  }

  /**
   * Bytes of a GPU's memory in use, whoever uses them; empty for the CPU.
   *
   * @param device as it is, not {@code auto}
   */
  public static OptionalLong memoryInUse(io.flowloop.config.Device device) {
    return device instanceof io.flowloop.config.Device.Gpu gpu
        ? OptionalLong.of(CudaUtils.getGpuMemory(device(gpu)).getUsed())
        : OptionalLong.empty();
  }

  /**
   * Gives back a GPU's memory that libtorch keeps for tensors to come; nothing on the CPU. {@link
   * #memoryInUse} is then that of live tensors, and after it the most that was needed since.
   *
   * @param device as it is, not {@code auto}
   */
  public static void releaseMemory(io.flowloop.config.Device device) {
    if (device instanceof io.flowloop.config.Device.Gpu) {
      JniUtils.emptyCudaCache();
    }
  }

  /** What kind a GPU is: {@code compute capability 90, 139 GiB}. */
  public static String kind(io.flowloop.config.Device.Gpu gpu) {
    return "compute capability %s, %d GiB"
        .formatted(
            CudaUtils.getComputeCapability(gpu.index()),
            CudaUtils.getGpuMemory(device(gpu)).getMax() >> GIB);
  }

  /**
   * The device a configuration names.
   *
   * @throws EngineException if there is no such GPU
   */
  static Device device(io.flowloop.config.Device wanted) {
    return switch (wanted) {
      case io.flowloop.config.Device.Auto() -> gpus() > 0 ? Device.gpu(0) : Device.cpu();
      case io.flowloop.config.Device.Cpu() -> Device.cpu();
      case io.flowloop.config.Device.Gpu(int index) -> {
        if (index >= gpus()) {
          throw new EngineException(
              "model.device: gpu:%d (expected: one of the %d GPUs this process sees, or cpu)"
                  .formatted(index, gpus()));
        }
        yield Device.gpu(index);
      }
    };
  }

  /** A root for tensors on {@code device}; they live until they or it are closed. */
  static PtNDManager newManager(Device device) {
    return (PtNDManager) engine().newBaseManager(device);
  }

  static void requireSameRelease(String jni, String libtorch) {
    if (!libtorch.equals(jni)) {
      throw new EngineException(
          "libtorch: %s (expected: %s, for which DJL's jni was built); install torch==%s or"
                  .formatted(libtorch, jni, jni)
              + " unset PYTORCH_LIBRARY_PATH");
    }
  }

  /** The release DJL's jni was built for, from its jar. */
  private static String jniRelease() {
    return release(property("jnilib/pytorch.properties", "jni_version"));
  }

  /** The release of the libtorch that will be loaded: the bundled one, or that of a folder. */
  static String libtorchRelease(Optional<String> overridePath) {
    if (overridePath.isEmpty()) {
      return release(property("native/lib/pytorch.properties", "version"));
    }
    Path folder = Path.of(overridePath.get()).toAbsolutePath();
    Path parent = Optional.ofNullable(folder.getParent()).orElse(folder);
    return firstMatch(parent.resolve("version.py"), PYTHON_VERSION)
        .or(() -> firstMatch(parent.resolve("build-version"), RELEASE))
        .or(() -> environment("PYTORCH_VERSION").map(TorchRuntime::release))
        .orElseThrow(
            () ->
                new EngineException(
                    "PYTORCH_LIBRARY_PATH: %s (expected: a lib folder beside version.py or"
                            .formatted(folder)
                        + " build-version, or PYTORCH_VERSION set to its release)"));
  }

  private static Optional<String> firstMatch(Path file, Pattern pattern) {
    if (!Files.isRegularFile(file)) {
      return Optional.empty();
    }
    try {
      Matcher matcher = pattern.matcher(Files.readString(file));
      return matcher.find() ? Optional.of(matcher.group(1)) : Optional.empty();
    } catch (IOException e) {
      throw new UncheckedIOException(file + ": cannot be read", e);
    }
  }

  private static String release(String version) {
    Matcher matcher = RELEASE.matcher(version);
    if (!matcher.matches()) {
      throw new EngineException("libtorch version: " + version + " (expected: such as 2.7.1)");
    }
    return matcher.group(1);
  }

  private static String property(String resource, String key) {
    try (InputStream in = TorchRuntime.class.getClassLoader().getResourceAsStream(resource)) {
      if (in == null) {
        throw new EngineException(
            resource
                + ": not on the classpath (expected: from DJL's pytorch jars for this platform)");
      }
      Properties properties = new Properties();
      properties.load(in);
      return properties.getProperty(key, "");
    } catch (IOException e) {
      throw new UncheckedIOException(resource + ": cannot be read", e);
    }
  }

  private static Optional<String> environment(String name) {
    return Optional.ofNullable(System.getenv(name)).filter(value -> !value.isBlank());
  }

  private static Engine engine() {
    load(0);
    return java.util.Objects.requireNonNull(loaded);
  }
}
