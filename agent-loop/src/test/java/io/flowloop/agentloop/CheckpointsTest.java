package io.flowloop.agentloop;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import io.flowloop.engine.EngineException;
import io.flowloop.engine.HostTensor;
import io.flowloop.engine.SafetensorsFile;
import io.flowloop.engine.glyph.GlyphConfig;
import io.flowloop.engine.glyph.GlyphWeights;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.SequencedMap;
import java.util.SortedMap;
import java.util.TreeMap;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class CheckpointsTest {

  @TempDir Path run;

  private final List<String> torn = new ArrayList<>();

  private Checkpoints checkpoints;

  @BeforeEach
  void open() {
    checkpoints = Checkpoints.open(run, 2);
  }

  private List<String> names() throws IOException {
    try (var all = Files.list(run.resolve("checkpoints"))) {
      return all.map(path -> path.getFileName().toString()).sorted().toList();
    }
  }

  @Test
  void save_anyCheckpoint_isReadBackBitForBit() throws IOException {
    Path path = checkpoints.save(TinyCheckpoints.at(120));

    assertThat(path).isEqualTo(run.resolve("checkpoints/step-000120"));
    TinyCheckpoints.assertSame(Checkpoints.load(path), TinyCheckpoints.at(120));
    assertThat(Checkpoints.latestWhole(run, torn::add)).contains(path);
    assertThat(torn).isEmpty();
    assertThat(names()).containsExactly("step-000120");
    try (var files = Files.list(path)) {
      assertThat(files.map(file -> file.getFileName().toString()))
          .containsExactlyInAnyOrder(
              "policy.safetensors", "learner.safetensors", "checkpoint.json");
    }
  }

  @Test
  void save_anyCheckpoint_tellsReadersWhatItIs() throws IOException {
    Path path = checkpoints.save(TinyCheckpoints.at(3));

    JsonObject json =
        JsonParser.parseString(Files.readString(path.resolve("checkpoint.json"))).getAsJsonObject();
    assertThat(json.keySet())
        .containsExactly(
            "schema_version",
            "step",
            "position",
            "version",
            "optimizer_steps",
            "base",
            "best",
            "fingerprint",
            "files",
            "checksum");
    assertThat(json.get("base").getAsString()).isEqualTo("fedcba9876543210");
    assertThat(json.getAsJsonObject("files").getAsJsonObject("policy.safetensors").get("bytes"))
        .hasToString(Long.toString(Files.size(path.resolve("policy.safetensors"))));
  }

  @Test
  void save_wholeGlyphModel_canStandForModelWeights() {
    GlyphWeights weights = GlyphWeights.random(new GlyphConfig(16, 1, 2, 8), 1);
    SortedMap<String, HostTensor> tensors = new TreeMap<>();
    weights.tensors().forEach((name, values) -> tensors.put(name, tensor(name, values)));
    Map<String, String> metadata =
        Map.of("model", "glyph", "width", "16", "depth", "1", "heads", "2", "patch", "8");

    Path path = checkpoints.save(TinyCheckpoints.of(7, metadata, tensors));

    GlyphWeights found = GlyphWeights.read(path.resolve("policy.safetensors"));
    assertThat(found.config()).isEqualTo(weights.config());
    assertThat(found.tensors()).usingRecursiveComparison().isEqualTo(weights.tensors());
    assertThat(Checkpoints.weights(path).version()).isEqualTo(14);
    assertThat(Checkpoints.weights(path).checksum())
        .isEqualTo(TinyCheckpoints.of(7, metadata, tensors).kept().checksum());
  }

  @Test
  void save_adapters_areAFileThatDiffusersReads() {
    SortedMap<String, HostTensor> adapters =
        new TreeMap<>(
            Map.of(
                "blocks.0.to_q.lora_A.weight",
                new HostTensor(List.of(1L, 2L), new float[] {0.1f, -0.0f}),
                "blocks.0.to_q.lora_B.weight",
                new HostTensor(List.of(3L, 1L), new float[] {1e38f, Float.NaN, 3})));
    Checkpoint checkpoint = TinyCheckpoints.of(7, Map.of("model", "tiny"), adapters);

    Path path = checkpoints.save(checkpoint);

    try (SafetensorsFile policy = SafetensorsFile.open(path.resolve("policy.safetensors"));
        SafetensorsFile learner = SafetensorsFile.open(path.resolve("learner.safetensors"))) {
      assertThat(policy.tensors().keySet())
          .containsExactly(
              "transformer.blocks.0.to_q.lora_A.weight", "transformer.blocks.0.to_q.lora_B.weight");
      assertThat(policy.metadata())
          .containsOnlyKeys("format", "lora_adapter_metadata", "model", "policy_version");
      assertThat(learner.tensors())
          .containsKeys(
              "parameters.blocks.0.to_q.lora_A.weight", "parameters.blocks.0.to_q.lora_B.weight");
    }
    TinyCheckpoints.assertSame(Checkpoints.load(path), checkpoint);
    assertThat(Checkpoints.weights(path).checksum()).isEqualTo(checkpoint.kept().checksum());
    assertThat(Checkpoints.weights(path).version()).isEqualTo(14);
  }

  @ParameterizedTest
  @ValueSource(strings = {"policy_version", "format", "lora_adapter_metadata"})
  void checkpoint_metadataWithAKeyOfTheFiles_isRefused(String key) {
    Map<String, String> metadata = Map.of(key, "mine");

    assertThatThrownBy(() -> TinyCheckpoints.of(1, metadata, new TreeMap<>()))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining(
            "[%s] (expected: 0 or more of both, and none of [format, lora_adapter_metadata,"
                .formatted(key));
  }

  /** Vectors and the matrices of a model of width 16. */
  private static HostTensor tensor(String name, float[] values) {
    boolean vector = name.endsWith(".bias") || name.contains(".norm_");
    long columns = name.endsWith(".mlp.2.weight") || name.equals("image_embed.weight") ? 64 : 16;
    return new HostTensor(
        vector ? List.of((long) values.length) : List.of(values.length / columns, columns), values);
  }

  @Test
  void save_moreThanKept_deletesTheOldest() throws IOException {
    for (int step : List.of(9, 10, 100, 1_000_000)) {
      checkpoints.save(TinyCheckpoints.at(step));
    }

    assertThat(names()).containsExactly("step-000100", "step-1000000");
    assertThat(Checkpoints.latestWhole(run, torn::add))
        .contains(run.resolve("checkpoints/step-1000000"));
  }

  @Test
  void save_sameStepAgain_replacesIt() throws IOException {
    checkpoints.save(TinyCheckpoints.at(1));
    Path path = checkpoints.save(TinyCheckpoints.of(1, Map.of("new", "one"), new TreeMap<>()));

    assertThat(Checkpoints.load(path).metadata()).containsExactly(Map.entry("new", "one"));
    assertThat(names()).containsExactly("step-000001");
  }

  @Test
  void save_afterGoingBack_dropsTheStepsOfTheRunGivenUp() throws IOException {
    for (int step : List.of(1, 2, 3)) {
      Checkpoints.open(run, 9).save(TinyCheckpoints.at(step));
    }
    Files.delete(run.resolve("checkpoints/step-000003/checkpoint.json"));

    Checkpoints.open(run, 1).save(TinyCheckpoints.at(2));

    assertThat(names()).containsExactly("step-000002");
  }

  @Test
  void latestWhole_noCheckpoint_isNone() throws IOException {
    Files.createDirectory(run.resolve("checkpoints/mine"));
    Files.createFile(run.resolve("checkpoints/step-000009"));

    assertThat(Checkpoints.latestWhole(run, torn::add)).isEmpty();
    assertThat(torn).isEmpty();
  }

  @Test
  void saveBest_again_replacesTheOneBefore() throws IOException {
    checkpoints.saveBest(TinyCheckpoints.at(1));
    Path best = checkpoints.saveBest(TinyCheckpoints.at(2));

    assertThat(best).isEqualTo(run.resolve("best"));
    assertThat(Checkpoints.load(best).step()).isEqualTo(2);
    assertThat(run.toFile().list()).containsExactlyInAnyOrder("best", "checkpoints");
  }

  @Test
  void open_fileInTheWay_saysWhere() throws IOException {
    Path file = Files.createFile(run.resolve("file"));

    assertThatThrownBy(() -> Checkpoints.open(file, 2))
        .isInstanceOf(UncheckedIOException.class)
        .hasMessageContaining(file.resolve("checkpoints") + " cannot be written");
  }

  @Test
  void load_folderWithoutManifest_saysWhatWasExpected() {
    assertThatThrownBy(() -> Checkpoints.load(run))
        .isInstanceOf(EngineException.class)
        .hasMessageContainingAll(run.toString(), "not a checkpoint (expected: a folder with");
  }

  @Test
  void load_otherSchema_asksForThatVersionAndIsNotTakenForTorn() throws IOException {
    Path path = checkpoints.save(TinyCheckpoints.at(1));
    Path manifest = path.resolve("checkpoint.json");
    JsonObject json = JsonParser.parseString(Files.readString(manifest)).getAsJsonObject();
    json.remove("checksum");
    json.addProperty("schema_version", 2);
    Files.writeString(manifest, CheckpointManifest.sealed(json));

    String expected = path + ": schema_version 2 (expected: 1)";
    assertThatThrownBy(() -> Checkpoints.load(path))
        .isInstanceOf(EngineException.class)
        .hasMessageContaining(expected);
    assertThatThrownBy(() -> Checkpoints.latestWhole(run, torn::add))
        .isInstanceOf(EngineException.class)
        .hasMessageContaining(expected);
  }

  @Test
  void requireSameRun_otherSettings_namesEachWithBothValues() {
    Checkpoint checkpoint = TinyCheckpoints.at(1);
    SequencedMap<String, String> other = TinyCheckpoints.fingerprint();
    checkpoint.requireSameRun(run, other);
    other.put("rollout.seed", "43");
    other.remove("model.name");
    other.put("rollout.n", "8");

    assertThatThrownBy(() -> checkpoint.requireSameRun(run, other))
        .isInstanceOf(EngineException.class)
        .hasMessage(
            """
            3 settings differ from what %s was written with
              rollout.seed: 43 (expected: 42)
              model.name: not set (expected: glyph)
              rollout.n: 8 (expected: not set)
            set them back, or begin another run in another trainer.dir\
            """
                .formatted(run));
  }

  @Test
  void requireSameModel_otherBase_saysSo() {
    Checkpoint checkpoint = TinyCheckpoints.at(1);
    checkpoint.requireSameModel(run, TinyCheckpoints.BASE);

    assertThatThrownBy(() -> checkpoint.requireSameModel(run, 1))
        .isInstanceOf(EngineException.class)
        .hasMessageContainingAll(
            "a checkpoint of another model", "fedcba9876543210", "0000000000000001");
  }

  @Test
  void resolve_checkpointOrRun_findsTheBestOrTheNewest() {
    Path first = checkpoints.save(TinyCheckpoints.at(1));
    Path second = checkpoints.save(TinyCheckpoints.at(2));

    assertThat(Checkpoints.resolve(first)).isEqualTo(first);
    assertThat(Checkpoints.resolve(run)).isEqualTo(second);

    Path best = checkpoints.saveBest(TinyCheckpoints.at(1));

    assertThat(Checkpoints.resolve(run)).isEqualTo(best);
  }

  @Test
  void resolve_nothingWhole_saysWhatWasExpectedAndWhatIsTorn() throws IOException {
    assertThatThrownBy(() -> Checkpoints.resolve(run.resolve("none")))
        .isInstanceOf(EngineException.class)
        .hasMessageContainingAll("none: no checkpoint", "expected: the folder of a run");

    Path path = checkpoints.save(TinyCheckpoints.at(1));
    Files.delete(path.resolve("learner.safetensors"));

    assertThatThrownBy(() -> Checkpoints.resolve(run))
        .hasMessageContaining("\n  %s is torn: learner.safetensors: missing".formatted(path));
  }
}
