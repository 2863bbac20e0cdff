package io.flowloop.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import ai.djl.ndarray.NDArray;
import io.flowloop.config.Device;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;

@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class AdamWTest {

  private static final double RATE = 0.1;
  private static final double DECAY = 0.01;
  private static final float[] START = {3, -4, 1};

  private LoadedDevice device;

  @BeforeAll
  void open() {
    device = LoadedDevice.open(new Device.Cpu(), 1);
  }

  @AfterAll
  void close() {
    device.close();
  }

  @Test
  void step_threeSteps_followTheFormula() {
    NDArray parameter = parameter(START);
    try (AdamW adamW =
        new AdamW(device.kernels(), device.manager(), List.of(parameter), DECAY, 1e9)) {
      double[] x = {3, -4, 1};
      double[] m = new double[3];
      double[] v = new double[3];
      for (int t = 1; t <= 3; t++) {
        step(adamW, parameter, 1);
        for (int i = 0; i < 3; i++) {
          double gradient = 2 * x[i];
          x[i] *= 1 - RATE * DECAY;
          m[i] = 0.9 * m[i] + 0.1 * gradient;
          v[i] = 0.999 * v[i] + 0.001 * gradient * gradient;
          double scaled = m[i] / (1 - Math.pow(0.9, t));
          x[i] -= RATE * scaled / (Math.sqrt(v[i] / (1 - Math.pow(0.999, t))) + 1e-8);
        }
        assertThat(parameter.toFloatArray())
            .containsExactly(new float[] {(float) x[0], (float) x[1], (float) x[2]}, within(1e-5f));
      }
      assertThat(adamW.steps()).isEqualTo(3);
    }
  }

  @Test
  void step_gradientOverTheLimit_isScaledDownToIt() {
    NDArray parameter = parameter(START);
    try (AdamW adamW = new AdamW(device.kernels(), device.manager(), List.of(parameter), 0, 0.5)) {
      double norm = step(adamW, parameter, 1);

      assertThat(norm).isCloseTo(2 * Math.sqrt(26), within(1e-5));
      // The first moment is a tenth of the clipped gradient.
      float[] moment = adamW.firstMoments().getFirst().toFloatArray();
      assertThat(Math.sqrt(moment[0] * moment[0] + moment[1] * moment[1] + moment[2] * moment[2]))
          .isCloseTo(0.05, within(1e-6));
    }
  }

  @Test
  void step_gradientNotFinite_changesNothingAndSaysSo() {
    NDArray parameter = parameter(START);
    try (AdamW adamW =
        new AdamW(device.kernels(), device.manager(), List.of(parameter), DECAY, 1)) {
      assertThat(step(adamW, parameter, Float.NaN)).isNaN();
      assertThat(parameter.toFloatArray()).containsExactly(START);
      assertThat(adamW.steps()).isZero();

      assertThat(step(adamW, parameter, 1)).isFinite();
    }
  }

  @Test
  void restore_stateOfAnother_goesOnWithTheSameBits() {
    NDArray parameter = parameter(START);
    NDArray copy = parameter(START);
    try (AdamW adamW = new AdamW(device.kernels(), device.manager(), List.of(parameter), DECAY, 1);
        AdamW other = new AdamW(device.kernels(), device.manager(), List.of(copy), DECAY, 1)) {
      step(adamW, parameter, 1);
      copy.set(parameter.toFloatArray());
      other.firstMoments().getFirst().set(adamW.firstMoments().getFirst().toFloatArray());
      other.secondMoments().getFirst().set(adamW.secondMoments().getFirst().toFloatArray());
      other.restore(adamW.steps());
      step(adamW, parameter, 1);
      step(other, copy, 1);

      assertThat(copy.toFloatArray()).isEqualTo(parameter.toFloatArray());
    }
  }

  private NDArray parameter(float[] values) {
    NDArray parameter = device.manager().create(values);
    parameter.setRequiresGradient(true);
    return parameter;
  }

  /** A step along {@code scale} times the gradient of Σx². */
  private double step(AdamW adamW, NDArray parameter, float scale) {
    try (TensorScope _ = new TensorScope()) {
      NDArray loss = Gradients.recorded(() -> parameter.square().sum());
      Gradients.backward(loss, device.manager().create(scale));
      double norm = adamW.step(RATE, Gradients.of(List.of(parameter)));
      Gradients.clear(List.of(parameter));
      return norm;
    }
  }
}
