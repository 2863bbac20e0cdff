package io.flowloop.agentloop;

import io.flowloop.rollout.RolloutGroup;
import java.io.IOException;
import java.nio.file.DirectoryNotEmptyException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.RejectedExecutionException;
import java.util.function.Consumer;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * The journal of a run: in {@code journal/step-000012.journal} the groups of a training step that
 * are finished, one file for each step that no checkpoint covers. A thread of its own reads, writes
 * and deletes them, in the order in which it is asked.
 *
 * <p>It is worth less than the run, and than any checkpoint: where it cannot be written it gives
 * its space back, with a warning, and keeps nothing more.
 */
final class Journal implements AutoCloseable {

  private static final Pattern NAME = Pattern.compile("step-(\\d{6,9})\\.journal");

  private final Path run;
  private final Consumer<String> warnings;
  private final ExecutorService thread =
      Executors.newSingleThreadExecutor(Thread.ofPlatform().name("journal").factory());

  /** Of the newest step; the thread's alone. */
  private Optional<JournalFile> file = Optional.empty();

  /** Why it was given up, until the run has been told; written before {@link #on}. */
  private Optional<String> untold = Optional.empty();

  private volatile boolean on;

  /** Something that the thread does. */
  @FunctionalInterface
  private interface Work {
    void run() throws IOException;
  }

  /**
   * The journal of a run's folder.
   *
   * @param on whether anything is read or kept
   * @param warnings told if it is given up, by a call of {@link #begin} or {@link #close}
   */
  Journal(Path run, boolean on, Consumer<String> warnings) {
    this.run = run;
    this.on = on;
    this.warnings = warnings;
  }

  /**
   * Deletes the journal that an earlier run left.
   *
   * @param run the run's folder; it need not exist
   * @param warnings told if that fails: none of its groups counts in another run
   */
  static void clear(Path run, Consumer<String> warnings) {
    try {
      delete(folder(run), Integer.MAX_VALUE);
    } catch (IOException e) {
      warnings.accept(
          "%s: the journal of an earlier run cannot be deleted: %s".formatted(folder(run), e));
    }
  }

  private static Path folder(Path run) {
    return run.resolve("journal");
  }

  /** Begins a step, once the groups of the one before are on the disk. */
  StepJournal begin(JournalHeader header) {
    Optional<JournalFile> opened =
        on ? CompletableFuture.supplyAsync(() -> opened(header), thread).join() : Optional.empty();
    tell();
    return opened
        .map(now -> new StepJournal(now.found(), group -> later(() -> append(now, group))))
        .orElse(StepJournal.NONE);
  }

  private Optional<JournalFile> opened(JournalHeader header) {
    attempt(
        () -> {
          closeFile();
          Path folder = Files.createDirectories(folder(run));
          Path path = folder.resolve("step-%06d.journal".formatted(header.step()));
          file = Optional.of(JournalFile.open(path, header));
          AtomicFolder.sync(folder);
          AtomicFolder.sync(run);
        });
    return file;
  }

  private void append(JournalFile to, RolloutGroup group) throws IOException {
    // A step that was given up may still finish groups.
    if (file.equals(Optional.of(to))) {
      to.append(group);
    }
  }

  /** Forgets the steps up to one, as a whole checkpoint covers them; any thread may say so. */
  void covered(int step) {
    later(
        () -> {
          if (file.filter(open -> open.step() <= step).isPresent()) {
            closeFile();
          }
          delete(folder(run), step);
        });
  }

  private void later(Work work) {
    try {
      thread.execute(() -> attempt(work));
    } catch (RejectedExecutionException e) {
      // It is closed, and nobody waits for what comes now.
    }
  }

  private void attempt(Work work) {
    if (!on) {
      return;
    }
    try {
      work.run();
    } catch (IOException | RuntimeException e) {
      giveUp(e);
    }
  }

  private void giveUp(Exception cause) {
    try {
      closeFile();
      delete(folder(run), Integer.MAX_VALUE);
    } catch (IOException left) {
      cause.addSuppressed(left);
    }
    untold =
        Optional.of(
            "%s cannot be written, and is off for the rest of the run: %s; training goes on, and draws"
                    .formatted(folder(run), cause)
                + " again what came after its last checkpoint if it is killed");
    on = false;
  }

  private void closeFile() throws IOException {
    Optional<JournalFile> open = file;
    file = Optional.empty();
    if (open.isPresent()) {
      open.get().close();
    }
  }

  private void tell() {
    if (!on) {
      untold.ifPresent(warnings);
      untold = Optional.empty();
    }
  }

  /** The files up to a step, and the folder if nothing is left in it. */
  private static void delete(Path folder, int step) throws IOException {
    if (!Files.isDirectory(folder)) {
      return;
    }
    List<Path> files;
    try (Stream<Path> all = Files.list(folder)) {
      files = all.filter(path -> isUpTo(step, path) && Files.isRegularFile(path)).toList();
    }
    for (Path path : files) {
      Files.delete(path);
    }
    try {
      Files.delete(folder);
    } catch (DirectoryNotEmptyException e) {
      // Of later steps, or somebody's own.
    }
  }

  private static boolean isUpTo(int step, Path path) {
    Matcher name = NAME.matcher(path.getFileName().toString());
    return name.matches() && Integer.parseInt(name.group(1)) <= step;
  }

  /** Waits until all groups are on the disk. */
  @Override
  public void close() {
    CompletableFuture.runAsync(() -> attempt(this::closeFile), thread).join();
    thread.shutdown();
    tell();
  }
}
