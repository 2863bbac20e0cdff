package io.flowloop.agentloop;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.flowloop.engine.EngineException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What damaged files and kills leave of checkpoints. */
class CheckpointsFaultsTest {

  @TempDir Path run;

  private Path older;
  private Path newer;

  @BeforeEach
  void save() {
    Checkpoints checkpoints = Checkpoints.open(run, 2);
    older = checkpoints.save(TinyCheckpoints.at(1));
    newer = checkpoints.save(TinyCheckpoints.at(2));
  }

  /** The newest whole checkpoint is the older one, and the file is named for the newer. */
  private void assertTorn(String file) {
    List<String> torn = new ArrayList<>();
    assertThat(Checkpoints.latestWhole(run, torn::add)).contains(older);
    assertThat(torn)
        .singleElement()
        .asString()
        .startsWith("%s is torn: %s: ".formatted(newer, file));
    assertThatThrownBy(() -> Checkpoints.load(newer)).isInstanceOf(EngineException.class);
  }

  @ParameterizedTest
  @ValueSource(strings = {"policy.safetensors", "learner.safetensors"})
  void latestWhole_tensorsCutOrLonger_takesTheOneBefore(String name) throws IOException {
    byte[] bytes = Files.readAllBytes(newer.resolve(name));

    for (int length : new int[] {0, 7, 8, bytes.length / 2, bytes.length - 1, bytes.length + 1}) {
      Files.write(newer.resolve(name), Arrays.copyOf(bytes, length));
      assertTorn(name);
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"policy.safetensors", "learner.safetensors", "checkpoint.json"})
  void latestWhole_aByteFlipped_takesTheOneBefore(String name) throws IOException {
    byte[] bytes = Files.readAllBytes(newer.resolve(name));

    for (int at = 0; at < bytes.length; at += bytes.length / 20) {
      byte[] flipped = bytes.clone();
      flipped[at] ^= 1;
      Files.write(newer.resolve(name), flipped);
      assertTorn(name);
    }
  }

  @Test
  void latestWhole_manifestCutAtAnyByte_takesTheOneBefore() throws IOException {
    byte[] bytes = Files.readAllBytes(newer.resolve("checkpoint.json"));

    for (int length = 0; length < bytes.length; length++) {
      Files.write(newer.resolve("checkpoint.json"), Arrays.copyOf(bytes, length));
      assertThat(new CheckpointFolder(newer).damage().orElse("none"))
          .as("cut to %d bytes", length)
          .startsWith("checkpoint.json: ");
    }
    assertTorn("checkpoint.json");
  }

  @ParameterizedTest
  @ValueSource(strings = {"policy.safetensors", "learner.safetensors", "checkpoint.json"})
  void latestWhole_fileMissing_takesTheOneBefore(String name) throws IOException {
    Files.delete(newer.resolve(name));

    assertTorn(name);
  }

  @Test
  void load_tornTensors_namesFileFoundAndExpected() throws IOException {
    long size = Files.size(newer.resolve("policy.safetensors"));
    Files.write(newer.resolve("policy.safetensors"), new byte[3]);

    String reason = "is torn: policy.safetensors: 3 bytes (expected: %d)".formatted(size);
    assertThatThrownBy(() -> Checkpoints.load(newer)).hasMessageContaining(reason);
    assertThatThrownBy(() -> Checkpoints.weights(newer)).hasMessageContaining(reason);
  }

  @Test
  void weights_tornLearner_areReadAllTheSame() throws IOException {
    Files.delete(newer.resolve("learner.safetensors"));

    assertThat(Checkpoints.weights(newer).checksum())
        .isEqualTo(TinyCheckpoints.at(2).kept().checksum());
  }

  @Test
  void open_halfWrittenAndHalfDeleted_areTidiedAndOthersLeftAlone() throws IOException {
    Path folder = newer.resolveSibling("");
    Files.move(older, folder.resolve(".step-000001.gone"));
    Files.createDirectory(folder.resolve(".step-000003.new"));
    Files.createFile(folder.resolve(".step-000003.new/policy.safetensors"));
    Files.createDirectory(run.resolve(".best.new"));
    Files.createDirectory(run.resolve(".mine.old"));

    Checkpoints.open(run, 2);

    assertThat(folder.toFile().list()).containsExactly("step-000002");
    assertThat(run.toFile().list()).containsExactlyInAnyOrder("checkpoints", ".mine.old");
  }

  @Test
  void open_killedBetweenTheRenamesOfAReplacement_bringsTheOldOneBack() throws IOException {
    Files.move(newer, newer.resolveSibling(".step-000002.old"));
    Path best = Checkpoints.open(run, 2).saveBest(TinyCheckpoints.at(5));
    Files.move(best, run.resolve(".best.old"));

    var _ = Checkpoints.open(run, 2);

    assertThat(Checkpoints.latestWhole(run, torn -> {})).contains(newer);
    assertThat(Checkpoints.load(best).step()).isEqualTo(5);
  }

  @Test
  void resolve_killedBetweenTheRenamesOfAReplacement_findsTheOldOne() throws IOException {
    Path aside = Files.move(newer, newer.resolveSibling(".step-000002.old"));

    assertThat(Checkpoints.weights(Checkpoints.resolve(run)).version()).isEqualTo(4);
    assertThat(aside).exists();

    Path best = Checkpoints.open(run, 2).saveBest(TinyCheckpoints.at(5));
    Files.move(best, run.resolve(".best.old"));

    assertThat(Checkpoints.weights(Checkpoints.resolve(run)).version()).isEqualTo(10);
  }

  @Test
  void open_killedBeforeTheReplacedOneWasDeleted_keepsTheNewOne() throws IOException {
    Files.move(older, newer.resolveSibling(".step-000002.old"));

    var _ = Checkpoints.open(run, 2);

    assertThat(Checkpoints.latestWhole(run, torn -> {})).contains(newer);
    assertThat(newer.resolveSibling("").toFile().list()).containsExactly("step-000002");
  }
}
