package io.flowloop.config;

import static org.assertj.core.api.Assertions.assertThat;

import com.typesafe.config.ConfigObject;
import com.typesafe.config.ConfigValue;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.SortedMap;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;

class ReferenceTest {

  private final SortedMap<String, ConfigValue> values = new TreeMap<>();

  ReferenceTest() {
    collect("", SourceReader.reference());
  }

  @Test
  void keys_ofTheReference_areTheRecordComponents() {
    assertThat(values.keySet())
        .containsExactlyInAnyOrderElementsOf(Configs.keys())
        .contains("rollout.enableBatchedDiffusion", "sampler.sdeWindowRange", "output.dir");
  }

  @Test
  void everyKey_ofTheReference_isExplained() {
    assertThat(values)
        .allSatisfy((key, value) -> assertThat(value.origin().comments()).as(key).isNotEmpty());
  }

  @Test
  void load_withoutAnything_givesTheDefaults() {
    assertThat(Configs.load())
        .isEqualTo(
            new FlowLoopConfig(
                new DataConfig("classpath:glyph/train.txt", "classpath:glyph/heldout.txt", 8, 0),
                new ModelConfig(
                    "glyph",
                    Optional.empty(),
                    Optional.empty(),
                    Optional.empty(),
                    Optional.empty(),
                    false,
                    new ByteSize(256L << 20),
                    new Device.Auto(),
                    Dtype.FLOAT32,
                    1,
                    32,
                    96),
                new RolloutConfig(
                    16, true, 42, 2, 2, 64, 1, Duration.ofMinutes(5), "diffusionSingleTurn"),
                new SamplerConfig(
                    10,
                    1.0,
                    SdeType.SDE,
                    1.0,
                    OptionalInt.of(2),
                    Optional.of(new IntRange(0, 3)),
                    SdeWindowStrategy.RANDOM,
                    25),
                new RewardConfig(
                    Map.of("ocr", RewardFunctionConfig.of(1)),
                    2,
                    Duration.ofSeconds(10),
                    OnFailure.FAIL_RUN),
                new AdvantageConfig(AdvantageScale.GLOBAL_STD, 5, RewardAggregation.WEIGHTED_SUM),
                new UpdateConfig(
                    new LossConfig(LossType.FLOW_GRPO, 1e-3, 1e-5, 0),
                    new OptimizerConfig(5e-5, 20, LearningRateDecay.LINEAR, 1e-4, 1),
                    1,
                    64,
                    OptionalInt.empty(),
                    false,
                    new LoraConfig(0, 64, List.of("to_qkv", "to_out", "mlp.0", "mlp.2")),
                    new EmaConfig(0.98, 1)),
                new TrainerConfig(
                    120,
                    20,
                    10,
                    3,
                    0,
                    false,
                    List.of("metrics", "tensorboard", "report"),
                    Path.of("out/train")),
                new ValidationConfig(32, 4, 20, 42),
                new OutputConfig(Path.of("out/rollout")),
                new HttpConfig("127.0.0.1", OptionalInt.empty()),
                new ClusterConfig(
                    false,
                    Optional.empty(),
                    "127.0.0.1",
                    Optional.empty(),
                    7355,
                    7356,
                    List.of(),
                    1,
                    Optional.empty(),
                    false,
                    new ByteSize(4L << 30)),
                new PretrainConfig(
                    5000, 128, 1e-3, 200, 1e-4, 0.999, 0.1, 1, 250, 250, Path.of("out/pretrain"))));
  }

  private void collect(String at, ConfigObject object) {
    object.forEach(
        (name, value) -> {
          if (value instanceof ConfigObject below) {
            collect(Schema.key(at, name), below);
          } else {
            values.put(Schema.key(at, name), value);
          }
        });
  }
}
