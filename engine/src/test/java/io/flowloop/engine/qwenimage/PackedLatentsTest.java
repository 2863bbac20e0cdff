package io.flowloop.engine.qwenimage;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.types.Shape;
import io.flowloop.config.Device;
import io.flowloop.engine.LoadedDevice;
import io.flowloop.engine.TensorScope;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;

@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class PackedLatentsTest {

  private static final int ROWS = 2;
  private static final int CHANNELS = 3;
  private static final int HEIGHT = 4;
  private static final int WIDTH = 6;

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
  void pack_latents_putsTheCellsOfABlockIntoOneToken() {
    try (TensorScope _ = new TensorScope()) {
      float[] packed = PackedLatents.pack(counted()).toFloatArray();

      int at = 0;
      for (int row = 0; row < ROWS; row++) {
        for (int y = 0; y < HEIGHT; y += 2) {
          for (int x = 0; x < WIDTH; x += 2) {
            for (int channel = 0; channel < CHANNELS; channel++) {
              int first = ((row * CHANNELS + channel) * HEIGHT + y) * WIDTH + x;
              assertThat(packed[at++]).isEqualTo(first);
              assertThat(packed[at++]).isEqualTo(first + 1);
              assertThat(packed[at++]).isEqualTo(first + WIDTH);
              assertThat(packed[at++]).isEqualTo(first + WIDTH + 1);
            }
          }
        }
      }
      assertThat(at).isEqualTo(packed.length);
    }
  }

  @Test
  void unpack_packed_givesTheLatents() {
    try (TensorScope _ = new TensorScope()) {
      NDArray packed = PackedLatents.pack(counted());
      NDArray unpacked = PackedLatents.unpack(packed, HEIGHT, WIDTH);

      assertThat(packed.getShape()).isEqualTo(new Shape(ROWS, 6, 4 * CHANNELS));
      assertThat(unpacked.getShape()).isEqualTo(new Shape(ROWS, CHANNELS, HEIGHT, WIDTH));
      assertThat(unpacked.toFloatArray()).isEqualTo(counted().toFloatArray());
    }
  }

  @Test
  void unpack_otherSizeThanTheTokens_saysWhichFits() {
    try (TensorScope _ = new TensorScope()) {
      NDArray packed = PackedLatents.pack(counted());

      assertThatThrownBy(() -> PackedLatents.unpack(packed, HEIGHT, HEIGHT))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessage("latents: 6 tokens (expected: 4, for 4×4 cells)");
      assertThatThrownBy(() -> PackedLatents.unpack(packed, 3, WIDTH))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessage("latents: 3×6 cells (expected: even numbers)");
    }
  }

  private NDArray counted() {
    return device
        .manager()
        .arange(0f, ROWS * CHANNELS * HEIGHT * WIDTH)
        .reshape(ROWS, CHANNELS, HEIGHT, WIDTH);
  }
}
