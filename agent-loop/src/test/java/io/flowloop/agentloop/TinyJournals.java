package io.flowloop.agentloop;

import io.flowloop.engine.LearnerState;
import io.flowloop.rollout.GroupBlob;
import io.flowloop.rollout.PolicySnapshot;
import io.flowloop.rollout.RewardedSample;
import io.flowloop.rollout.RolloutGroup;
import io.flowloop.rollout.RolloutRow;
import io.flowloop.rollout.RolloutRows;
import io.flowloop.rollout.ToyEngines;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.attribute.BasicFileAttributes;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.BooleanSupplier;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/** Journals of toy groups, of two rows each. */
final class TinyJournals {

  private static final int PREFIX = Long.BYTES + Integer.BYTES;

  private TinyJournals() {}

  /** The header of a step of one run. */
  static JournalHeader header(int step, long policyVersion) {
    return JournalHeader.of(step, Map.of("rollout.seed", "42"), policy(policyVersion, 0));
  }

  static PolicySnapshot policy(long version, long base) {
    LearnerState state =
        new LearnerState(
            version, 0, base, new TreeMap<>(), new TreeMap<>(), new TreeMap<>(), new TreeMap<>());
    return new PolicySnapshot(ToyEngines.weights(version), ToyEngines.weights(version), state);
  }

  /** The groups of a step, in order. */
  static List<RolloutGroup> groups(int count) {
    List<String> prompts = IntStream.range(0, count).mapToObj("p \"%d\""::formatted).toList();
    List<RolloutRow> rows = RolloutRows.repeatInterleaved(prompts, 2, 42, 0);
    double[] rewards = IntStream.range(0, rows.size()).mapToDouble(i -> i / 3.0).toArray();
    List<RewardedSample> samples = Samples.of(rows, true, rewards);
    return IntStream.range(0, count)
        .mapToObj(i -> new RolloutGroup(i, prompts.get(i), samples.subList(2 * i, 2 * i + 2)))
        .toList();
  }

  /** What differs where anything of the groups does. */
  static List<Long> checksums(List<RolloutGroup> groups) {
    return groups.stream().map(group -> GroupBlob.encode(group).crc32c()).toList();
  }

  /** Where the header of a journal's bytes ends, and each of its records, by their lengths. */
  static List<Integer> ends(byte[] bytes) {
    int header =
        IntStream.range(0, bytes.length)
                .filter(i -> bytes[i] == '\n')
                .findFirst()
                .orElse(bytes.length - 1)
            + 1;
    return Stream.iterate(
            header,
            end -> end <= bytes.length,
            end ->
                end + PREFIX > bytes.length
                    ? Integer.MAX_VALUE
                    : end + PREFIX + (int) ByteBuffer.wrap(bytes).getLong(end))
        .toList();
  }

  /** Whole records of a step's journal; 0 without one. */
  static int records(Path run, int step) {
    Path file = file(run, step);
    try {
      return Files.exists(file) ? ends(Files.readAllBytes(file)).size() - 1 : 0;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  static Path file(Path run, int step) {
    return run.resolve("journal").resolve("step-%06d.journal".formatted(step));
  }

  /** Looks until it is so, but not for ever. */
  static void await(BooleanSupplier condition) {
    long deadline = System.nanoTime() + Duration.ofSeconds(20).toNanos();
    while (!condition.getAsBoolean()) {
      if (System.nanoTime() > deadline) {
        throw new IllegalStateException("waited 20 s for nothing");
      }
      Thread.onSpinWait();
    }
  }

  /**
   * A copy of what a run's folder holds at this moment, as a kill would leave it. What a writer is
   * about to rename may be gone when its turn comes.
   */
  static void copy(Path run, Path to) {
    try {
      Files.walkFileTree(
          run,
          new SimpleFileVisitor<>() {

            @Override
            public FileVisitResult preVisitDirectory(Path folder, BasicFileAttributes attributes)
                throws IOException {
              Files.createDirectories(to.resolve(run.relativize(folder).toString()));
              return FileVisitResult.CONTINUE;
            }

            @Override
            public FileVisitResult visitFile(Path file, BasicFileAttributes attributes)
                throws IOException {
              try {
                Files.copy(file, to.resolve(run.relativize(file).toString()));
              } catch (NoSuchFileException e) {
                return FileVisitResult.SKIP_SIBLINGS;
              }
              return FileVisitResult.CONTINUE;
            }

            @Override
            public FileVisitResult visitFileFailed(Path file, IOException e) throws IOException {
              if (e instanceof NoSuchFileException) {
                return FileVisitResult.CONTINUE;
              }
              throw e;
            }

            @Override
            public FileVisitResult postVisitDirectory(Path folder, @Nullable IOException e) {
              return FileVisitResult.CONTINUE;
            }
          });
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
