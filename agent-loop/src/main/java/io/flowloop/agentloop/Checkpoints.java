package io.flowloop.agentloop;

import io.flowloop.config.FlowLoopConfig;
import io.flowloop.engine.EngineException;
import io.flowloop.engine.PolicyWeights;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.function.Consumer;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * The checkpoints of a run's folder: the newest as {@code checkpoints/step-000120}, and {@code
 * best}. Each appears whole and on the disk, or not at all, whenever the process is killed and
 * whatever the disk refuses.
 *
 * <p>A folder belongs to one store at a time, and a store is used by one thread at a time. The
 * static methods only read.
 */
public final class Checkpoints {

  private static final Pattern NAME = Pattern.compile("step-(\\d{6,10})");
  private static final String FOLDER = "checkpoints";
  private static final String BEST = "best";

  private final Path run;
  private final Path folder;
  private final int keep;

  private Checkpoints(Path run, int keep) {
    this.run = run;
    this.folder = run.resolve(FOLDER);
    this.keep = keep;
  }

  /**
   * The checkpoints of a run's folder, made when missing. What a killed run left half done is
   * tidied.
   *
   * @param keep checkpoints kept beside the best one, 1 or more
   * @throws UncheckedIOException if the folder cannot be made or written to
   */
  static Checkpoints open(Path run, int keep) {
    if (keep < 1) {
      throw new IllegalArgumentException("keep: " + keep + " (expected: 1 or more)");
    }
    Checkpoints checkpoints = new Checkpoints(run, keep);
    try {
      Files.createDirectories(checkpoints.folder);
      AtomicFolder.recover(checkpoints.folder, name -> NAME.matcher(name).matches());
      AtomicFolder.recover(run, BEST::equals);
      return checkpoints;
    } catch (IOException e) {
      throw new UncheckedIOException(
          "%s cannot be written: %s".formatted(checkpoints.folder, e), e);
    }
  }

  /**
   * Writes a checkpoint, in place of one of the same step. Then those beyond {@code keep} go, and
   * those of later steps: the run that wrote them was given up in favour of this one.
   *
   * @return its folder
   * @throws UncheckedIOException if it cannot be written; every other checkpoint is then still
   *     there
   */
  Path save(Checkpoint checkpoint) {
    Path path = folder.resolve("step-%06d".formatted(checkpoint.step()));
    write(path, checkpoint);
    List<Path> newestFirst = folders(folder);
    List<Path> unwanted = new ArrayList<>();
    int own = newestFirst.indexOf(path);
    unwanted.addAll(newestFirst.subList(0, own));
    unwanted.addAll(
        newestFirst.subList(Math.min(own + keep, newestFirst.size()), newestFirst.size()));
    unwanted.forEach(Checkpoints::delete);
    return path;
  }

  /**
   * Writes the best checkpoint, in place of the one before.
   *
   * @return its folder
   * @throws UncheckedIOException if it cannot be written; the one before is then still there
   */
  Path saveBest(Checkpoint checkpoint) {
    Path path = run.resolve(BEST);
    write(path, checkpoint);
    return path;
  }

  private static void write(Path path, Checkpoint checkpoint) {
    try {
      new AtomicFolder(path)
          .write(unfinished -> new CheckpointFolder(unfinished).write(checkpoint));
    } catch (IOException e) {
      throw new UncheckedIOException(
          "%s: the checkpoint of step %d cannot be written, earlier ones are untouched: %s"
              .formatted(path, checkpoint.step(), e),
          e);
    }
  }

  private static void delete(Path path) {
    try {
      new AtomicFolder(path).delete();
    } catch (IOException e) {
      throw new UncheckedIOException(
          "%s: the old checkpoint cannot be deleted: %s".formatted(path, e), e);
    }
  }

  /**
   * The folder of the newest whole checkpoint of a run.
   *
   * @param run the run's folder; it need not exist
   * @param torn is told of each newer one that is not whole, and why
   * @throws EngineException if another version of flowloop wrote a newer one
   */
  public static Optional<Path> latestWhole(Path run, Consumer<String> torn) {
    for (Path path : folders(run.resolve(FOLDER))) {
      Path current = new AtomicFolder(path).current();
      Optional<String> damage = new CheckpointFolder(current).damage();
      if (damage.isEmpty()) {
        return Optional.of(current);
      }
      torn.accept("%s is torn: %s".formatted(current, damage.get()));
    }
    return Optional.empty();
  }

  /** Where checkpoints are or, after a kill, should be; the newest first. */
  private static List<Path> folders(Path folder) {
    if (!Files.isDirectory(folder)) {
      return List.of();
    }
    try (Stream<Path> seen = Files.list(folder)) {
      Stream<Path> hidden = AtomicFolder.ownersOfHidden(folder).stream().map(AtomicFolder::path);
      return Stream.concat(seen, hidden)
          .distinct()
          .filter(path -> step(path) >= 0 && Files.isDirectory(new AtomicFolder(path).current()))
          .sorted(Comparator.comparingLong(Checkpoints::step).reversed())
          .toList();
    } catch (IOException e) {
      throw new UncheckedIOException("%s cannot be read: %s".formatted(folder, e), e);
    }
  }

  /** The step in a folder's name; -1 if it is no checkpoint's. */
  private static long step(Path path) {
    Matcher name = NAME.matcher(path.getFileName().toString());
    return name.matches() ? Long.parseLong(name.group(1)) : -1;
  }

  /**
   * Reads the checkpoint in a folder.
   *
   * @throws EngineException if there is none, it is torn, or another version of flowloop wrote it
   */
  public static Checkpoint load(Path checkpoint) {
    return new CheckpointFolder(checkpoint).read();
  }

  /**
   * Checks that a run with these settings may go on from a checkpoint; whether its model is the
   * same, only the run can tell.
   *
   * @throws EngineException if not, naming the settings that differ, or as {@link #load} does
   */
  public static void requireSameRun(Path checkpoint, FlowLoopConfig config) {
    load(checkpoint).requireSameRun(checkpoint, RunIdentity.of(config));
  }

  /**
   * Reads no more of a checkpoint than the weights to draw with.
   *
   * @throws EngineException as {@link #load} does
   */
  public static PolicyWeights weights(Path checkpoint) {
    return new CheckpointFolder(checkpoint).weights();
  }

  /**
   * The checkpoint that a folder stands for: itself, or of a run's folder the best one, or without
   * a best one the newest whole one.
   *
   * @throws EngineException if there is none
   */
  public static Path resolve(Path dir) {
    if (new CheckpointFolder(dir).isCheckpoint()) {
      return dir;
    }
    Path best = new AtomicFolder(dir.resolve(BEST)).current();
    if (Files.isDirectory(best)) {
      return best;
    }
    List<String> torn = new ArrayList<>();
    return latestWhole(dir, torn::add).orElseThrow(() -> nothing(dir, torn));
  }

  private static EngineException nothing(Path dir, List<String> torn) {
    Path example = dir.resolve(FOLDER).resolve("step-000100");
    return new EngineException(
        "%s: no checkpoint (expected: the folder of a run, or of a checkpoint such as %s)"
                .formatted(dir, example)
            + String.join("", torn.stream().map("\n  "::concat).toList()));
  }
}
