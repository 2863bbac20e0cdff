package io.flowloop.engine.qwenimage;

import java.util.Optional;
import java.util.function.Supplier;

/**
 * A part of a model that is put on the device when it is first needed.
 *
 * @param <T> what is closed to take it off the device
 */
final class Resident<T extends AutoCloseable> implements AutoCloseable {

  private final Supplier<T> load;
  private final boolean stays;
  private Optional<T> part = Optional.empty();

  /**
   * @param stays whether it stays there until this is closed
   */
  Resident(Supplier<T> load, boolean stays) {
    this.load = load;
    this.stays = stays;
  }

  /** The part, on the device. */
  T get() {
    if (part.isEmpty()) {
      part = Optional.of(load.get());
    }
    return part.get();
  }

  /** Takes the part off the device unless it stays. */
  void release() {
    if (!stays) {
      close();
    }
  }

  @Override
  public void close() {
    part.ifPresent(Resident::closeQuietly);
    part = Optional.empty();
  }

  private static void closeQuietly(AutoCloseable part) {
    try {
      part.close();
    } catch (Exception e) {
      throw new IllegalStateException("a part of the model cannot be freed", e);
    }
  }
}
