package io.flowloop.agentloop;

import static org.assertj.core.api.Assertions.assertThat;

import ai.djl.ndarray.NDArray;
import io.flowloop.engine.FullPolicy;
import io.flowloop.engine.HostTensor;
import io.flowloop.engine.Pipeline;
import io.flowloop.engine.Policy;
import io.flowloop.rollout.RewardedSample;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SequencedMap;
import java.util.SortedMap;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What a training does to the weights of a small glyph model, and what does not change them. */
class FlowLoopBitsTest {

  @TempDir private static Path dir;

  private static Checkpoint batched;
  private static Checkpoint oneRowAForward;

  @BeforeAll
  static void train() throws IOException {
    batched = trained();
    oneRowAForward = trained("rollout.maxRowsPerForward=1");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "rollout.enableBatchedDiffusion=false",
        "rollout.engines=2",
        "rollout.workers=1",
        "rollout.workers=3"
      })
  void train_howTheWorkIsCut_changesNoBit(String setting) throws IOException {
    assertThat(TinyLoop.bits(trained("rollout.maxRowsPerForward=1", setting)))
        .isEqualTo(TinyLoop.bits(oneRowAForward));
  }

  @Test
  void train_batchedForwardsByTwoEnginesAndThreeWorkers_changeNoBit() throws IOException {
    assertThat(TinyLoop.bits(trained("rollout.engines=2", "rollout.workers=3")))
        .isEqualTo(TinyLoop.bits(batched));
  }

  @Test
  void train_batchedOrNot_movesTheWeightsTheSameWayUpToRounding() throws IOException {
    SortedMap<String, HostTensor> before = new TinyLoop(folder()).tensors();
    SortedMap<String, HostTensor> together = batched.kept().tensors();
    SortedMap<String, HostTensor> single =
        trained("rollout.enableBatchedDiffusion=false").kept().tensors();

    double moved = distance(together, before);
    assertThat(moved).isPositive();
    // Adam's first steps are signs: where a gradient is next to nothing, rounding decides.
    assertThat(distance(together, single) / moved).isLessThan(0.1);
  }

  @Test
  void train_thenRollout_drawsWithWhatWasLearned() throws IOException {
    TinyLoop tiny = new TinyLoop(folder());
    try (FlowLoop loop = tiny.glyph().build()) {
      RewardedSample before = loop.rollout(TinyLoop.PROMPTS).samples().getFirst();
      var _ = loop.train();
      RewardedSample after = loop.rollout(TinyLoop.PROMPTS).samples().getFirst();

      assertThat(before.sample().policyVersion()).isZero();
      assertThat(after.sample().policyVersion()).isEqualTo(2);
      assertThat(after.sample().trajectory().finalLatents())
          .isNotEqualTo(before.sample().trajectory().finalLatents());
      loop.setPolicy(tiny.newest().kept());
      assertThat(
              loop.rollout(TinyLoop.PROMPTS)
                  .samples()
                  .getFirst()
                  .sample()
                  .trajectory()
                  .finalLatents())
          .isEqualTo(after.sample().trajectory().finalLatents());
    }
  }

  @Test
  void resume_afterTheFirstStep_endsWithTheSameBits() throws IOException {
    TinyLoop tiny = new TinyLoop(folder());
    try (FlowLoop loop = tiny.glyph("trainer.steps=1").build()) {
      var _ = loop.train();
    }
    assertThat(tiny.newest().step()).isEqualTo(1);
    try (FlowLoop loop = tiny.glyph().build()) {
      assertThat(loop.resume(Checkpoints.resolve(tiny.run().resolve("checkpoints/step-000001"))))
          .extracting(TrainingSummary::step)
          .isEqualTo(2);
    }
    assertThat(TinyLoop.bits(tiny.newest())).isEqualTo(TinyLoop.bits(batched));
  }

  @Test
  void metrics_timesOfTheStages_addUpToNoMoreThanTheStep() throws IOException {
    List<Map<String, Double>> steps = new ArrayList<>();
    Tracker watch =
        new Tracker() {
          @Override
          public String name() {
            return "watch";
          }

          @Override
          public void onStep(Metrics metrics) {
            steps.add(metrics.values());
          }
        };
    try (FlowLoop loop = new TinyLoop(folder()).glyph().tracker(watch).build()) {
      var _ = loop.train();
    }
    assertThat(steps)
        .hasSize(2)
        .allSatisfy(
            step -> {
              double stages = 0;
              for (String stage : List.of("gen", "reward", "log_prob", "update_policy", "sync")) {
                assertThat(seconds(step, stage)).as(stage).isPositive();
                stages += seconds(step, stage);
              }
              assertThat(stages).isLessThan(seconds(step, "step"));
            });
  }

  private static double seconds(Map<String, Double> step, String stage) {
    return step.getOrDefault("timing_s/" + stage, Double.NaN);
  }

  @Test
  void policy_ofOnesOwn_trainsNothingButItsParameters() throws IOException {
    TinyLoop tiny = new TinyLoop(folder());
    try (FlowLoop loop = tiny.glyph().policy(OutputOnly::new).build()) {
      assertThat(loop.train().step()).isEqualTo(2);
    }
    SortedMap<String, HostTensor> before = tiny.tensors();
    SortedMap<String, HostTensor> after = tiny.newest().kept().tensors();
    assertThat(after.keySet()).isEqualTo(before.keySet());
    after.forEach(
        (name, tensor) -> {
          float[] was = at(before, name);
          if (name.startsWith("output.proj.")) {
            assertThat(tensor.values()).as(name).isNotEqualTo(was);
          } else {
            assertThat(tensor.values()).as(name).isEqualTo(was);
          }
        });
    assertThat(tiny.newest().learner().parameters().keySet())
        .containsExactly("output.proj.bias", "output.proj.weight");
  }

  /** A policy of which only the last layer is trained. */
  private static final class OutputOnly implements Policy {

    private final FullPolicy all;
    private final SequencedMap<String, NDArray> trained = new LinkedHashMap<>();

    OutputOnly(Pipeline pipeline) {
      all = new FullPolicy(pipeline);
      all.parameters()
          .forEach(
              (name, parameter) -> {
                if (name.startsWith("output.proj.")) {
                  trained.put(name, parameter);
                }
              });
    }

    @Override
    public Pipeline.Denoiser denoiser() {
      return all.denoiser();
    }

    @Override
    public Pipeline.Denoiser reference() {
      return all.reference();
    }

    @Override
    public SequencedMap<String, NDArray> parameters() {
      return trained;
    }

    @Override
    public List<NDArray> gradients() {
      List<NDArray> gradients = new ArrayList<>();
      List<String> names = List.copyOf(all.parameters().keySet());
      List<NDArray> ofAll = all.gradients();
      for (int i = 0; i < names.size(); i++) {
        if (trained.containsKey(names.get(i))) {
          gradients.add(ofAll.get(i));
        }
      }
      return gradients;
    }

    @Override
    public void clearGradients() {
      all.clearGradients();
    }

    @Override
    public void applyParameters() {
      all.applyParameters();
    }

    @Override
    public SequencedMap<String, NDArray> weights() {
      return all.weights();
    }

    @Override
    public void close() {
      all.close();
    }
  }

  private static Checkpoint trained(String... settings) throws IOException {
    return TinyLoop.trained(folder(), settings);
  }

  private static Path folder() throws IOException {
    return Files.createTempDirectory(dir, "loop");
  }

  private static double distance(Map<String, HostTensor> a, Map<String, HostTensor> b) {
    double sum = 0;
    for (Map.Entry<String, HostTensor> tensor : a.entrySet()) {
      float[] others = at(b, tensor.getKey());
      for (int i = 0; i < others.length; i++) {
        double difference = (double) tensor.getValue().values()[i] - others[i];
        sum += difference * difference;
      }
    }
    return Math.sqrt(sum);
  }

  private static float[] at(Map<String, HostTensor> tensors, String name) {
    return tensors.getOrDefault(name, new HostTensor(List.of(0L), new float[0])).values();
  }
}
