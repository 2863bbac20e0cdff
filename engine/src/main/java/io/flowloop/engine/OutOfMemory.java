package io.flowloop.engine;

import java.util.List;
import java.util.Optional;

/**
 * How libtorch says that a device has no memory left. DJL has one exception for whatever goes wrong
 * in native code, so only the words tell.
 */
final class OutOfMemory {

  private static final List<String> WORDS =
      List.of(
          "CUDA out of memory",
          "CUDA error: out of memory",
          "CUBLAS_STATUS_ALLOC_FAILED",
          "DefaultCPUAllocator: can't allocate memory",
          "DefaultCPUAllocator: not enough memory");

  private OutOfMemory() {}

  /**
   * The line that says so, without the TorchScript trace around it; empty if {@code failure} is of
   * another kind.
   */
  static Optional<String> line(ai.djl.engine.EngineException failure) {
    return Optional.ofNullable(failure.getMessage()).stream()
        .flatMap(String::lines)
        .filter(line -> WORDS.stream().anyMatch(line::contains))
        .map(String::strip)
        .findFirst();
  }
}
