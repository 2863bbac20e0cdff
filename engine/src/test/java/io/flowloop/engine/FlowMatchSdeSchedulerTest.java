package io.flowloop.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.types.Shape;
import com.google.gson.FieldNamingPolicy;
import com.google.gson.Gson;
import com.google.gson.GsonBuilder;
import com.google.gson.annotations.SerializedName;
import io.flowloop.config.Device;
import io.flowloop.config.SdeType;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.assertj.core.data.Offset;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * The golden steps were computed by verl-omni; {@code -Dflowloop.golden.sde} names another file.
 */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class FlowMatchSdeSchedulerTest {

  private static final Offset<Float> TOLERANCE = within(1e-5f);

  private static final Gson GSON =
      new GsonBuilder()
          .setFieldNamingPolicy(FieldNamingPolicy.LOWER_CASE_WITH_UNDERSCORES)
          .create();

  private LoadedDevice device;

  @BeforeAll
  void open() {
    device = LoadedDevice.open(new Device.Cpu(), 1);
  }

  @AfterAll
  void close() {
    device.close();
  }

  /** One entry of the golden file. */
  record Golden(
      String sdeType,
      double noiseLevel,
      int stepIndex,
      float[] sigmas,
      long[] shape,
      float[] sample,
      float[] velocity,
      float[] noise,
      float[] prevSample,
      float[] prevSampleMean,
      float stdDevT,
      float[] logProb,
      @SerializedName("log_prob_of_same_prev_sample_under_velocity_times_1_01")
          float[] logProbUnderOtherVelocity) {

    SdeType type() {
      return switch (sdeType) {
        case "sde" -> SdeType.SDE;
        case "cps" -> SdeType.CPS;
        case "dance_sde" -> SdeType.DANCE_SDE;
        default -> throw new IllegalArgumentException("sde_type: " + sdeType);
      };
    }

    FlowMatchSdeScheduler scheduler() {
      return new FlowMatchSdeScheduler(sigmas, type(), noiseLevel);
    }

    @Override
    public String toString() {
      return "%s, noise level %s, step %d".formatted(sdeType, noiseLevel, stepIndex);
    }
  }

  static List<Golden> golden() throws IOException {
    String file = System.getProperty("flowloop.golden.sde");
    try (InputStream in =
        file == null
            ? FlowMatchSdeSchedulerTest.class.getResourceAsStream("/golden/sde_steps.json")
            : Files.newInputStream(Path.of(file))) {
      String json = new String(in.readAllBytes(), StandardCharsets.UTF_8);
      return List.of(GSON.fromJson(json, Golden[].class));
    }
  }

  @ParameterizedTest
  @MethodSource("golden")
  void sdeStep_goldenStep_givesItsStateMeanAndLogProb(Golden golden) {
    try (TensorScope _ = new TensorScope()) {
      FlowMatchSdeScheduler.Step step =
          golden
              .scheduler()
              .sdeStep(
                  device.kernels(),
                  tensor(golden, golden.sample()),
                  tensor(golden, golden.velocity()),
                  tensor(golden, golden.noise()),
                  golden.stepIndex());

      assertThat(step.after().toFloatArray()).containsExactly(golden.prevSample(), TOLERANCE);
      assertThat(step.mean().toFloatArray()).containsExactly(golden.prevSampleMean(), TOLERANCE);
      assertThat(step.logProb().toFloatArray()).containsExactly(golden.logProb(), TOLERANCE);
    }
  }

  @ParameterizedTest
  @MethodSource("golden")
  void logProb_otherVelocity_givesTheGoldenOne(Golden golden) {
    try (TensorScope _ = new TensorScope()) {
      NDArray logProb =
          golden
              .scheduler()
              .taken(
                  device.kernels(),
                  tensor(golden, golden.sample()),
                  tensor(golden, golden.velocity()).mul(1.01f),
                  tensor(golden, golden.prevSample()),
                  golden.stepIndex())
              .logProb();

      assertThat(logProb.toFloatArray())
          .containsExactly(golden.logProbUnderOtherVelocity(), TOLERANCE);
    }
  }

  @ParameterizedTest
  @MethodSource("golden")
  void logProb_velocityOfTheStep_givesTheBitsOfTheStep(Golden golden) {
    try (TensorScope _ = new TensorScope()) {
      NDArray x = tensor(golden, golden.sample());
      NDArray v = tensor(golden, golden.velocity());
      FlowMatchSdeScheduler.Step step =
          golden
              .scheduler()
              .sdeStep(device.kernels(), x, v, tensor(golden, golden.noise()), golden.stepIndex());
      NDArray again =
          golden
              .scheduler()
              .taken(device.kernels(), x, v, step.after(), golden.stepIndex())
              .logProb();

      assertThat(again.toFloatArray()).isEqualTo(step.logProb().toFloatArray());
    }
  }

  @ParameterizedTest
  @MethodSource("golden")
  void coefficients_goldenStep_haveItsStandardDeviation(Golden golden) {
    FlowMatchSdeScheduler.Coefficients c = golden.scheduler().coefficients(golden.stepIndex());

    // Upstream reports √(−dt)·s for DanceGRPO and plain s for the others.
    double reported = golden.type() == SdeType.DANCE_SDE ? c.std() : c.diffusion();
    assertThat((float) reported).isCloseTo(golden.stdDevT(), TOLERANCE);
  }

  @Test
  void odeStep_anyStep_isEuler() {
    float[] sigmas = {1, 0.75f, 0.25f, 0};
    FlowMatchSdeScheduler scheduler = new FlowMatchSdeScheduler(sigmas, SdeType.ODE, 0);
    try (TensorScope _ = new TensorScope()) {
      NDArray x = device.manager().create(new float[] {1, 2, 3, 4}, new Shape(1, 4));
      NDArray v = device.manager().create(new float[] {4, -4, 8, 0}, new Shape(1, 4));

      assertThat(scheduler.odeStep(device.kernels(), x, v, 1).toFloatArray())
          .containsExactly(-1, 4, -1, 4);
    }
  }

  @ParameterizedTest
  @EnumSource(SdeType.class)
  void coefficients_lastStep_areRefused(SdeType type) {
    FlowMatchSdeScheduler scheduler = new FlowMatchSdeScheduler(SigmaSchedule.linear(4), type, 0.7);

    assertThatThrownBy(() -> scheduler.coefficients(3))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("denoising step 3 of 4");
  }

  @ParameterizedTest
  @EnumSource(value = SdeType.class, names = "ODE", mode = EnumSource.Mode.EXCLUDE)
  void coefficients_noiseTowardsZero_approachEuler(SdeType type) {
    float[] sigmas = SigmaSchedule.linear(10);
    FlowMatchSdeScheduler.Coefficients c =
        new FlowMatchSdeScheduler(sigmas, type, 1e-6).coefficients(4);

    assertThat(c.x()).isCloseTo(1, within(1e-9));
    assertThat(c.v()).isCloseTo((double) sigmas[5] - sigmas[4], within(1e-9));
    assertThat(c.std()).isCloseTo(0, within(1e-5));
  }

  private NDArray tensor(Golden golden, float[] values) {
    return device.manager().create(values, new Shape(golden.shape()));
  }
}
