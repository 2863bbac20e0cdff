package io.flowloop.agentloop.bench;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.engine.EngineException;
import io.flowloop.agentloop.FlowLoop;
import io.flowloop.config.ConfigLoader;
import io.flowloop.config.ConfigSources;
import io.flowloop.config.Device;
import io.flowloop.engine.qwenimage.QwenImageGeometry;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Supplier;
import org.junit.jupiter.api.Test;

class PartMeterTest {

  private final List<PartResult> heard = new ArrayList<>();
  private final AtomicInteger calls = new AtomicInteger();

  /** Wants all parts but one: an iteration to warm up, three that count. */
  private final PartMeter meter =
      new PartMeter(
          new ModelBenchSpec(
              ConfigLoader.load(ConfigSources.of(), FlowLoop.knownNames()).config(),
              QwenImageGeometry.TINY,
              1,
              List.of(1),
              EnumSet.complementOf(EnumSet.of(ModelPart.ENCODE)),
              1,
              3),
          new Device.Cpu(),
          heard::add);

  private Map<Figure, Double> counted() {
    return Map.of(Figure.MS, (double) calls.getAndIncrement());
  }

  private static Supplier<Map<Figure, Double>> failing(RuntimeException failure) {
    return () -> {
      throw failure;
    };
  }

  @Test
  void measure_wantedPart_keepsTheIterationsThatCount() {
    meter.measure(ModelPart.FORWARD, 4, 1, this::counted);

    assertThat(meter.results()).isEqualTo(heard).hasSize(1);
    assertThat(heard.getFirst().figures()).isEqualTo(Map.of(Figure.MS, List.of(1.0, 2.0, 3.0)));
    assertThat(heard.getFirst().spread(Figure.MS)).hasValue(new Spread(2, 1, 3));
    assertThat(heard.getFirst().title()).isEqualTo("forward, 4 rows");
  }

  @Test
  void measure_partThatIsNotWanted_doesNotRun() {
    meter.measure(ModelPart.ENCODE, 1, 1, this::counted);

    assertThat(calls).hasValue(0);
    assertThat(heard).isEmpty();
  }

  @Test
  void measure_partThatDoesNotFit_isSaidAndTheRestGoesOn() {
    meter.measure(
        ModelPart.LOOP, 16, 4, failing(new EngineException("CUDA out of memory. Tried 2 GiB.")));
    meter.measure(
        ModelPart.LOOP, 8, 4, failing(new PartMeter.MisfitException("forwards of 4 rows fit")));
    meter.measure(ModelPart.LOOP, 4, 4, this::counted);

    assertThat(heard)
        .extracting(result -> result.misfit().orElse("fits"))
        .containsExactly("CUDA out of memory. Tried 2 GiB.", "forwards of 4 rows fit", "fits");
    assertThat(heard.getFirst().figures()).isEmpty();
  }

  @Test
  void measure_anyOtherFailure_isNotHeldBack() {
    EngineException failure = new EngineException("shapes do not match");

    assertThatThrownBy(() -> meter.measure(ModelPart.LOOP, 1, 1, failing(failure)))
        .isSameAs(failure);
  }

  @Test
  void measure_stoppedMeanwhile_keepsWhatIsComplete() {
    meter.measure(
        ModelPart.LOOP,
        1,
        1,
        () -> {
          if (calls.get() == 2) {
            meter.stop();
          }
          return counted();
        });
    meter.measure(ModelPart.DECODE, 1, 1, this::counted);
    meter.misfit(ModelPart.TRAINING, 1, 1, "no samples");

    assertThat(heard).hasSize(1);
    assertThat(heard.getFirst().figures()).isEqualTo(Map.of(Figure.MS, List.of(1.0, 2.0)));
    assertThat(meter.stopped()).isTrue();
  }
}
