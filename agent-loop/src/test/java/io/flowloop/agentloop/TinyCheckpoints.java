package io.flowloop.agentloop;

import static org.assertj.core.api.Assertions.assertThat;

import io.flowloop.engine.HostTensor;
import io.flowloop.engine.LearnerState;
import io.flowloop.engine.PolicyWeights;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SequencedMap;
import java.util.SortedMap;
import java.util.TreeMap;

/** Checkpoints of a run with two tensors, each with numbers of its own. */
final class TinyCheckpoints {

  static final long BASE = 0xFEDC_BA98_7654_3210L;

  /** Not all of them survive a detour through text or float arithmetic. */
  private static final float[] ODD = {
    Float.NaN, -0.0f, Float.MIN_VALUE, Float.NEGATIVE_INFINITY, 0.1f, 1e38f
  };

  private TinyCheckpoints() {}

  static Checkpoint at(int step) {
    return of(step, Map.of("model", "tiny"), tensors(step, 1));
  }

  static Checkpoint of(
      int step, Map<String, String> metadata, SortedMap<String, HostTensor> tensors) {
    return new Checkpoint(
        step,
        (1L << 40) + step,
        Optional.of(new Checkpoint.Best(step / 2, 0.1 + step / 3.0)),
        fingerprint(),
        new TreeMap<>(metadata),
        PolicyWeights.of(2L * step, tensors),
        new LearnerState(
            2L * step,
            4 * step,
            BASE,
            tensors,
            tensors(step, 2),
            tensors(step, 3),
            new TreeMap<>()));
  }

  static SequencedMap<String, String> fingerprint() {
    SequencedMap<String, String> fingerprint = new LinkedHashMap<>();
    fingerprint.put("rollout.seed", "42");
    fingerprint.put("model.name", "glyph");
    fingerprint.put("data.prompts", "<a \"file\">.txt, é");
    return fingerprint;
  }

  private static SortedMap<String, HostTensor> tensors(int step, int kind) {
    float[] numbered = ODD.clone();
    numbered[4] = 100 * kind + step;
    return new TreeMap<>(
        Map.of(
            "blocks.0.lora_a", new HostTensor(List.of(2L, 3L), numbered),
            "scale", new HostTensor(List.of(), new float[] {kind + 0.5f})));
  }

  /** Values bit for bit, whatever records think of arrays. */
  static void assertSame(Checkpoint found, Checkpoint expected) {
    assertThat(found)
        .usingRecursiveComparison()
        .withEqualsForType(
            (a, b) -> Float.floatToRawIntBits(a) == Float.floatToRawIntBits(b), Float.class)
        .withEqualsForType(Double::equals, Double.class)
        .isEqualTo(expected);
    assertThat(found.fingerprint().sequencedEntrySet())
        .containsExactlyElementsOf(expected.fingerprint().sequencedEntrySet());
  }
}
