package io.flowloop.agentloop.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.stream.Stream;

/**
 * Training runs of {@link #STEPS} steps that take a second: the tiny model, four images a step, a
 * reward that costs nothing and differs from image to image.
 */
public final class TinyTraining {

  static final int STEPS = 4;

  private TinyTraining() {}

  /** The words of a run into {@code dir}; later ones win. */
  public static String[] args(Path temp, Path dir, String... more) {
    List<String> args =
        new ArrayList<>(
            List.of(
                "train",
                "--preset=glyph-smoke",
                Run.tinyModel(temp),
                "rollout.n=2",
                "sampler.numInferenceSteps=3",
                "sampler.sdeWindowSize=1",
                "reward.functions.ocr=null",
                "reward.functions.jpegIncompressibility.weight=1",
                "update.miniBatch=2",
                "update.optimizer.learningRate=1e-2",
                "update.optimizer.warmupSteps=0",
                "update.optimizer.decay=constant",
                "trainer.steps=" + STEPS,
                "trainer.keep=2",
                "trainer.trackers=[]",
                "trainer.dir=" + dir,
                "validation.prompts=2",
                "validation.n=1",
                "validation.numInferenceSteps=2"));
    args.addAll(List.of(more));
    return args.toArray(String[]::new);
  }

  static Run run(Path temp, Path dir, String... more) {
    return Run.of(args(temp, dir, more));
  }

  static Path checkpoint(Path dir, int step) {
    return dir.resolve("checkpoints/step-%06d".formatted(step));
  }

  /** Both runs have learned the same, to the last bit. */
  public static void assertSame(Path dir, Path expected, int step) {
    for (String file : List.of("learner.safetensors", "policy.safetensors")) {
      assertThat(checkpoint(dir, step).resolve(file))
          .hasSameBinaryContentAs(checkpoint(expected, step).resolve(file));
    }
  }

  /** Every file and folder in a folder, and when it was last written. */
  static SortedMap<Path, FileTime> state(Path dir) throws IOException {
    SortedMap<Path, FileTime> state = new TreeMap<>();
    for (Path path : below(dir).subList(1, below(dir).size())) {
      state.put(dir.relativize(path), Files.getLastModifiedTime(path));
    }
    return state;
  }

  /** A copy of a run's folder. */
  static Path copy(Path dir, Path to) throws IOException {
    for (Path path : below(dir)) {
      Files.copy(path, to.resolve(dir.relativize(path)));
    }
    return to;
  }

  private static List<Path> below(Path dir) throws IOException {
    try (Stream<Path> all = Files.walk(dir)) {
      return all.sorted().toList();
    }
  }

  /** Loses the end of a checkpoint's file, as a disk may that is cut off. */
  static void tear(Path checkpoint) {
    try {
      Path file = checkpoint.resolve("learner.safetensors");
      byte[] bytes = Files.readAllBytes(file);
      Files.write(file, Arrays.copyOf(bytes, bytes.length / 2));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
