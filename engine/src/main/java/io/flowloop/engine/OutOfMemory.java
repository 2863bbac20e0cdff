package io.flowloop.engine;

import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * How libtorch says that a device has no memory left. DJL has one exception for whatever goes wrong
 * in native code, so only the words tell.
 */
public final class OutOfMemory {

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

  /** {@link #line} of a failure or of one behind it. */
  public static Optional<String> behind(RuntimeException failure) {
    return Stream.iterate((Throwable) failure, Objects::nonNull, Throwable::getCause)
        .filter(ai.djl.engine.EngineException.class::isInstance)
        .map(ai.djl.engine.EngineException.class::cast)
        .flatMap(cause -> line(cause).stream())
        .findFirst();
  }
}
