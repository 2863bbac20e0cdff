package io.flowloop.engine;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * CUDA source that was compiled for one GPU by NVRTC, which comes with libtorch, and its kernels
 * ready to launch. All calls must come from the thread that made it; the GPU becomes that thread's.
 */
final class CudaModule implements AutoCloseable {

  private static final String NVRTC = "libnvrtc(-[0-9a-f]{8})?\\.so\\.\\d+";
  private static final String BUILTINS = "libnvrtc-builtins(-[0-9a-f]{8})?\\.so\\.\\d+\\.\\d+";

  /** CUDA's numbers of the attributes that make up the compute capability. */
  private static final int MAJOR = 75;

  private static final int MINOR = 76;

  /** CUDA's words around a buffer of arguments: its address, its size, and the end. */
  private static final long BUFFER_POINTER = 1;

  private static final long BUFFER_SIZE = 2;
  private static final int MAX_ARGUMENTS = 32;

  private final Arena arena = Arena.ofConfined();
  private final NativeLibrary driver;
  private final int device;
  private final int capability;
  private final MemorySegment module;
  private final MethodHandle launch;

  /** Where a called function leaves its result. */
  private final MemorySegment result = arena.allocate(JAVA_LONG);

  private final MemorySegment arguments = arena.allocate(JAVA_LONG, MAX_ARGUMENTS);
  private final MemorySegment argumentsSize = arena.allocate(JAVA_LONG);
  private final MemorySegment passing;

  /**
   * Compiles and loads.
   *
   * @param libtorch its folder
   * @param gpu its number
   * @param macros such as {@code WIDTH=3072}
   * @throws EngineException if NVRTC is missing or refuses, or the GPU cannot be used
   */
  CudaModule(Path libtorch, int gpu, String source, List<String> macros) {
    try {
      this.driver = NativeLibrary.named("libcuda.so.1");
      this.device = makeCurrent(gpu);
      this.capability = 10 * attribute(MAJOR) + attribute(MINOR);
      this.module = load(compile(libtorch, source, "sm_" + capability, macros));
      this.launch =
          driver.function(
              "cuLaunchKernel",
              ADDRESS,
              JAVA_INT,
              JAVA_INT,
              JAVA_INT,
              JAVA_INT,
              JAVA_INT,
              JAVA_INT,
              JAVA_INT,
              ADDRESS,
              ADDRESS,
              ADDRESS);
    } catch (EngineException e) {
      arena.close();
      throw e;
    }
    this.passing =
        arena.allocateFrom(
            JAVA_LONG,
            BUFFER_POINTER,
            arguments.address(),
            BUFFER_SIZE,
            argumentsSize.address(),
            0);
  }

  /** Libtorch's context of a GPU becomes that of this thread. */
  private int makeCurrent(int gpu) {
    driver.call("cuInit", 0);
    driver.call("cuDeviceGet", result, gpu);
    int handle = result.get(JAVA_INT, 0);
    driver.call("cuDevicePrimaryCtxRetain", result, handle);
    driver.call("cuCtxSetCurrent", result.get(ADDRESS, 0));
    return handle;
  }

  private int attribute(int number) {
    driver.call("cuDeviceGetAttribute", result, number, device);
    return result.get(JAVA_INT, 0);
  }

  private MemorySegment load(byte[] code) {
    try (Arena passing = Arena.ofConfined()) {
      driver.call("cuModuleLoadData", result, passing.allocateFrom(JAVA_BYTE, code));
      return result.get(ADDRESS, 0);
    }
  }

  /**
   * The machine code of a source; needs no GPU.
   *
   * @param libtorch its folder
   * @param architecture such as {@code sm_90}
   */
  static byte[] compile(Path libtorch, String source, String architecture, List<String> macros) {
    try (Arena arena = Arena.ofConfined()) {
      NativeLibrary nvrtc = nvrtc(libtorch);
      MemorySegment handle = arena.allocate(ADDRESS);
      MemorySegment none = MemorySegment.NULL;
      nvrtc.call("nvrtcCreateProgram", handle, arena.allocateFrom(source), none, 0, none, none);
      MemorySegment program = handle.get(ADDRESS, 0);
      List<String> options = new ArrayList<>(List.of("--gpu-architecture=" + architecture));
      macros.forEach(macro -> options.add("--define-macro=" + macro));
      MemorySegment words = arena.allocate(ADDRESS, options.size());
      for (int i = 0; i < options.size(); i++) {
        words.setAtIndex(ADDRESS, i, arena.allocateFrom(options.get(i)));
      }
      boolean refused = nvrtc.status("nvrtcCompileProgram", program, options.size(), words) != 0;
      byte[] said = bytes(nvrtc, refused ? "nvrtcGetProgramLog" : "nvrtcGetCUBIN", program);
      nvrtc.call("nvrtcDestroyProgram", handle);
      if (refused) {
        throw new EngineException(
            "NVRTC: for %s: %s"
                .formatted(architecture, new String(said, StandardCharsets.UTF_8).strip()));
      }
      return said;
    }
  }

  private static byte[] bytes(NativeLibrary nvrtc, String what, MemorySegment program) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment size = arena.allocate(JAVA_LONG);
      nvrtc.call(what + "Size", program, size);
      MemorySegment bytes = arena.allocate(size.get(JAVA_LONG, 0));
      nvrtc.call(what, program, bytes);
      return bytes.toArray(JAVA_BYTE);
    }
  }

  /** From libtorch's folder, or from that of a wheel beside it. */
  private static NativeLibrary nvrtc(Path libtorch) {
    Path wheels = libtorch.resolve("../../nvidia").normalize();
    List<Path> libraries =
        Stream.concat(
                Stream.of(libtorch), files(wheels).stream().map(wheel -> wheel.resolve("lib")))
            .flatMap(folder -> files(folder).stream())
            .toList();
    // NVRTC looks for its other half by name only, which it finds once that is loaded.
    named(libraries, BUILTINS).ifPresent(NativeLibrary::of);
    return named(libraries, NVRTC)
        .map(NativeLibrary::of)
        .orElseThrow(
            () ->
                new EngineException(
                    "NVRTC: neither in %s nor under %s (expected: libnvrtc.so, which comes with"
                            .formatted(libtorch, wheels)
                        + " libtorch for CUDA)"));
  }

  private static Optional<Path> named(List<Path> files, String pattern) {
    return files.stream()
        .filter(file -> String.valueOf(file.getFileName()).matches(pattern))
        .findFirst();
  }

  private static List<Path> files(Path folder) {
    if (!Files.isDirectory(folder)) {
      return List.of();
    }
    try (Stream<Path> files = Files.list(folder)) {
      return files.sorted().toList();
    } catch (IOException e) {
      throw new UncheckedIOException(folder + ": cannot be read", e);
    }
  }

  /** The compute capability in tenths: 90 for 9.0. */
  int capability() {
    return capability;
  }

  /** The kernel of a name. */
  MemorySegment kernel(String name) {
    driver.call("cuModuleGetFunction", result, module, arena.allocateFrom(name));
    return result.get(ADDRESS, 0);
  }

  /**
   * Puts a kernel on a stream.
   *
   * @param values of its parameters one behind the other, addresses and longs, also those within
   *     structures
   * @throws EngineException if it cannot start
   */
  void launch(MemorySegment kernel, int blocks, int threads, MemorySegment stream, long... values) {
    for (int i = 0; i < values.length; i++) {
      arguments.setAtIndex(JAVA_LONG, i, values[i]);
    }
    argumentsSize.set(JAVA_LONG, 0, values.length * JAVA_LONG.byteSize());
    MemorySegment none = MemorySegment.NULL;
    int status;
    try {
      status =
          (int) launch.invokeExact(kernel, blocks, 1, 1, threads, 1, 1, 0, stream, none, passing);
    } catch (RuntimeException e) {
      throw e;
    } catch (Throwable e) {
      throw new LinkageError("cuLaunchKernel", e);
    }
    NativeLibrary.require("cuLaunchKernel", status);
  }

  /** Unloads the kernels, after what was launched has ended. */
  @Override
  public void close() {
    driver.call("cuCtxSynchronize");
    driver.call("cuModuleUnload", module);
    driver.call("cuDevicePrimaryCtxRelease", device);
    arena.close();
  }
}
