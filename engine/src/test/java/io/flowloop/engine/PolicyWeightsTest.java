package io.flowloop.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;

class PolicyWeightsTest {

  private static final HostTensor ONE = new HostTensor(List.of(2L), new float[] {1, 2});
  private static final HostTensor TWO = new HostTensor(List.of(1L), new float[] {3});

  @Test
  void checksum_otherOrder_isTheSame() {
    Map<String, HostTensor> there = new LinkedHashMap<>();
    there.put("a", ONE);
    there.put("b", TWO);
    Map<String, HostTensor> back = new LinkedHashMap<>();
    back.put("b", TWO);
    back.put("a", ONE);

    assertThat(PolicyWeights.checksum(back)).isEqualTo(PolicyWeights.checksum(there));
  }

  @Test
  void checksum_otherNamesOrValues_isAnother() {
    long checksum = PolicyWeights.checksum(Map.of("a", ONE, "b", TWO));

    assertThat(PolicyWeights.checksum(Map.of("a", ONE, "c", TWO))).isNotEqualTo(checksum);
    assertThat(PolicyWeights.checksum(Map.of("a", TWO, "b", ONE))).isNotEqualTo(checksum);
    assertThat(PolicyWeights.checksum(Map.of("a", ONE))).isNotEqualTo(checksum);
    assertThat(PolicyWeights.checksum(Map.of("a", ONE, "b", nudged(TWO)))).isNotEqualTo(checksum);
  }

  private static HostTensor nudged(HostTensor tensor) {
    float[] values = tensor.values().clone();
    values[0] = Math.nextUp(values[0]);
    return new HostTensor(tensor.shape(), values);
  }

  @Test
  void checksum_knownNumbers_isTheirCrc32c() {
    // CRC-32C of the bytes 61 00 00 80 3f 00 00 00 40: the name, then 1 and 2 in little endian.
    assertThat(PolicyWeights.checksum(Map.of("a", ONE))).isEqualTo(0xd0e6dbe3L);
  }

  @Test
  void of_tensors_carriesTheirChecksum() {
    PolicyWeights weights = PolicyWeights.of(3, Map.of("b", TWO, "a", ONE));

    assertThat(weights.version()).isEqualTo(3);
    assertThat(weights.tensors()).containsOnlyKeys("a", "b");
    assertThat(weights.checksum()).isEqualTo(PolicyWeights.checksum(weights.tensors()));
  }

  @Test
  void create_negativeVersion_isRefused() {
    assertThatThrownBy(() -> new PolicyWeights(-1, new TreeMap<>(), 0))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("version: -1 (expected: 0 or more)");
  }
}
