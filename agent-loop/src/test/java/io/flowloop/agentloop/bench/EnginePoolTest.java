package io.flowloop.agentloop.bench;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.flowloop.config.Device;
import io.flowloop.engine.DiffusionEngine;
import io.flowloop.engine.EngineException;
import io.flowloop.engine.LoadedDevice;
import io.flowloop.engine.PipelineEngine;
import io.flowloop.engine.RolloutRequest;
import io.flowloop.engine.Sample;
import io.flowloop.engine.Sampling;
import io.flowloop.engine.glyph.GlyphConfig;
import io.flowloop.engine.glyph.GlyphPipeline;
import io.flowloop.engine.glyph.GlyphWeights;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class EnginePoolTest {

  private static final int ENGINES = 2;
  private static final RolloutRequest REQUEST =
      RolloutRequest.of("a sign that says \"7382\"", Sampling.ode(2), 1, 2, 3);

  private final EnginePool pool = EnginePool.load(_ -> tinyEngine(), ENGINES);

  private static DiffusionEngine tinyEngine() {
    return new PipelineEngine(
        new GlyphPipeline(
            LoadedDevice.open(new Device.Cpu(), 1),
            GlyphWeights.random(new GlyphConfig(16, 1, 2, 8), 1),
            32,
            96),
        8);
  }

  @AfterEach
  void close() {
    pool.close();
  }

  @Test
  void everywhere_work_isDoneByEachEngineOnItsThread() {
    List<List<Sample>> drawn = pool.everywhere(engine -> pool.generate(engine, REQUEST));

    assertThat(drawn).hasSize(ENGINES).allSatisfy(samples -> assertThat(samples).hasSize(3));
    assertThat(pool.everywhere(_ -> Thread.currentThread())).doesNotHaveDuplicates();
  }

  @Test
  void takeStarts_afterRequests_tellsEachOnce() {
    List<Long> starts = new ArrayList<>();
    DiffusionEngine lent = pool.lent().create(1);
    lent.generate(REQUEST);
    lent.generate(REQUEST);

    pool.takeStarts(starts::add);
    pool.takeStarts(starts::add);

    assertThat(starts).hasSize(2).isSorted();
  }

  @Test
  void stop_whileAnEngineWorks_endsItAndRefusesTheRest() {
    DiffusionEngine lent = pool.lent().create(0);

    assertThatThrownBy(
            () ->
                pool.everywhere(
                    engine -> {
                      pool.stop();
                      return pool.generate(engine, REQUEST);
                    }))
        .isInstanceOf(EngineException.class)
        .hasMessage("the benchmark was stopped");
    assertThatThrownBy(() -> lent.generate(REQUEST)).hasMessage("the benchmark was stopped");
  }

  @Test
  void load_engineThatCannotBeMade_saysWhy() {
    assertThatThrownBy(
            () ->
                EnginePool.load(
                    index -> {
                      if (index == 1) {
                        throw new EngineException("no room for engine 1");
                      }
                      return tinyEngine();
                    },
                    ENGINES))
        .isInstanceOf(EngineException.class)
        .hasMessage("no room for engine 1");
  }
}
