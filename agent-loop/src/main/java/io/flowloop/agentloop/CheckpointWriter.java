package io.flowloop.agentloop;

import java.io.UncheckedIOException;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.function.Consumer;
import java.util.function.IntConsumer;

/**
 * Writes checkpoints on a thread of its own, so that training does not wait for the disk: one at a
 * time, in order. Whoever is faster than the disk waits.
 *
 * <p>A checkpoint that cannot be written is a warning, since the next one may be; that the last one
 * could not be is an error.
 */
final class CheckpointWriter implements AutoCloseable {

  private final Checkpoints checkpoints;
  private final IntConsumer written;
  private final Consumer<String> warnings;
  private final ExecutorService thread =
      Executors.newSingleThreadExecutor(Thread.ofPlatform().name("checkpoints").factory());
  private CompletableFuture<Void> last = CompletableFuture.completedFuture(null);

  /**
   * A writer.
   *
   * @param written told the step of each checkpoint that is whole and on the disk, the best ones
   *     aside, on the writer's thread
   */
  CheckpointWriter(Checkpoints checkpoints, IntConsumer written, Consumer<String> warnings) {
    this.checkpoints = checkpoints;
    this.written = written;
    this.warnings = warnings;
  }

  /** Has a checkpoint written beside the others. */
  void write(Checkpoint checkpoint) {
    next(
        () -> {
          checkpoints.save(checkpoint);
          written.accept(checkpoint.step());
        });
  }

  /** Has the best checkpoint written in place of the one before. */
  void writeBest(Checkpoint checkpoint) {
    next(() -> checkpoints.saveBest(checkpoint));
  }

  private void next(Runnable write) {
    failure().ifPresent(e -> warnings.accept(e.getMessage() + "; training goes on"));
    last = CompletableFuture.runAsync(write, thread);
  }

  /** Waits for the last one. */
  private Optional<UncheckedIOException> failure() {
    try {
      last.join();
      return Optional.empty();
    } catch (CompletionException e) {
      if (e.getCause() instanceof UncheckedIOException disk) {
        return Optional.of(disk);
      }
      throw e;
    }
  }

  /**
   * Waits until all is written.
   *
   * @throws UncheckedIOException if the last checkpoint could not be
   */
  @Override
  public void close() {
    try {
      Optional<UncheckedIOException> failure = failure();
      if (failure.isPresent()) {
        throw failure.get();
      }
    } finally {
      thread.shutdown();
    }
  }
}
