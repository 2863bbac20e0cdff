package io.flowloop.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class HostTensorTest {

  @Test
  void create_shapeOfAnotherSize_isRefused() {
    assertThatThrownBy(() -> new HostTensor(List.of(2L, 3L), new float[5]))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("values: 5 (expected: as many as shape [2, 3] holds)");
  }

  @Test
  void create_negativeSizes_areRefused() {
    assertThatThrownBy(() -> new HostTensor(List.of(-2L, -3L), new float[6]))
        .isInstanceOf(IllegalArgumentException.class);
  }

  @Test
  void create_noSizes_isAScalar() {
    assertThat(new HostTensor(List.of(), new float[] {7}).values()).containsExactly(7);
    assertThatThrownBy(() -> new HostTensor(List.of(), new float[0]))
        .isInstanceOf(IllegalArgumentException.class);
  }

  @Test
  void create_shape_isCopied() {
    List<Long> shape = new ArrayList<>(List.of(1L));
    HostTensor tensor = new HostTensor(shape, new float[1]);
    shape.add(5L);

    assertThat(tensor.shape()).containsExactly(1L);
  }
}
